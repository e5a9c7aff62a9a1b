//! How many runs fit into the memory of this machine at a time.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use indicatif::HumanBytes;

use crate::experiment::Run;
use crate::measure::estimate;
use crate::runner::MemoryLimit;
use crate::terminal::{self, Level};

/// Memory for the runs that train at the same time.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    /// Bytes for all of them.
    available: u64,
    /// Bytes that each run of the plan is estimated to take.
    needs: Vec<u64>,
}

impl MemoryBudget {
    /// For `runs`, of which those that `will_train` are measured on `device`: a few steps of every kind. `None`, with a
    /// warning, where the limit is what the system has, which it does not tell.
    pub(crate) fn measure(
        runs: &[Run],
        will_train: impl Fn(&Run) -> bool,
        device: &Device,
        limit: MemoryLimit,
        quiet: bool,
    ) -> Option<Self> {
        let mut measured: HashMap<String, u64> = HashMap::new();
        let mut needs = vec![0; runs.len()];
        for (need, run) in needs.iter_mut().zip(runs).filter(|(_, run)| will_train(run)) {
            *need = *measured.entry(estimate::kind(run)).or_insert_with(|| measure(run, device, quiet));
        }
        // After the measurements, which have taken some of it.
        let available = match limit {
            MemoryLimit::Bytes(bytes) => Some(bytes),
            MemoryLimit::Available => available(),
        };
        let Some(available) = available else {
            terminal::say(Level::WARN, "the system does not tell how much memory is left: no run waits for it");
            return None;
        };
        if !quiet {
            let largest = needs.iter().max().copied().unwrap_or_default();
            let text = format!("{} of memory for runs that take up to {}", HumanBytes(available), HumanBytes(largest));
            terminal::say(Level::INFO, &text);
        }
        Some(Self { available, needs })
    }

    /// Whether run `index` may begin beside those `in_training`. One alone always may: whether it fits is seen then.
    pub(crate) fn lets(&self, index: usize, in_training: impl Iterator<Item = usize>) -> bool {
        let mut taken = None;
        for other in in_training {
            taken = Some(taken.unwrap_or(0_u64).saturating_add(self.needs[other]));
        }
        taken.is_none_or(|taken| taken.saturating_add(self.needs[index]) <= self.available)
    }
}

/// Estimated peak of a run, in bytes; 0 where there is no estimate, with a warning.
fn measure(run: &Run, device: &Device, quiet: bool) -> u64 {
    if !quiet {
        terminal::say(Level::INFO, &format!("measuring the memory of {} on {}", run.baseline.label, run.task.label));
    }
    let found =
        estimate::measure(run, device).and_then(|found| found.peak_bytes.ok_or("the system does not tell".into()));
    found.unwrap_or_else(|reason| {
        terminal::say(Level::WARN, &format!("{}: its memory is not known and not counted: {reason}", run.id));
        0
    })
}

/// Bytes that new processes may take: what the machine has left, or the control groups of this process, if that is less.
fn available() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| of_machine(&text));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = of_groups(&groups, Path::new("/sys/fs/cgroup"));
    machine.into_iter().chain(group).min()
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What is left in the control groups that `/proc/self/cgroup` names, below `root`, in bytes: of all that limit memory, the least.
fn of_groups(groups: &str, root: &Path) -> Option<u64> {
    let rooms = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (kinds, own) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        // The second version has one hierarchy, the first one of its own for memory.
        let (root, names) = match kinds {
            "" => (root.to_owned(), ["memory.max", "memory.current", "inactive_file "]),
            _ if kinds.split(',').any(|kind| kind == "memory") => {
                (root.join("memory"), ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "])
            }
            _ => return None,
        };
        // In a container, the path is that outside, and the group is the root.
        let own = root.join(own);
        let all = own.ancestors().take_while(|folder| folder.starts_with(&root)).chain([root.as_path()]);
        all.filter_map(|folder| room(folder, names)).min()
    });
    rooms.min()
}

/// What is left in the group at `folder`, if it has a limit. Copies of files that the system can drop do not count as taken.
fn room(folder: &Path, [limit, taken, inactive]: [&str; 3]) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let number = |name| read(name)?.trim().parse::<u64>().ok();
    // `max`, or a number beyond any machine, is none.
    let limit = number(limit).filter(|limit| *limit < 1 << 60)?;
    let statistics = read("memory.stat").unwrap_or_default();
    let inactive = statistics.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse::<u64>().ok());
    let taken = number(taken)?.saturating_sub(inactive.unwrap_or(0));
    Some(limit.saturating_sub(taken))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn runs_begin_as_long_as_they_fit() {
        let budget = MemoryBudget { available: 10, needs: vec![4, 4, 7, 20, 0] };
        let lets = |index, others: &[usize]| budget.lets(index, others.iter().copied());
        assert!(lets(1, &[0]) && !lets(2, &[0]) && lets(4, &[2]) && !lets(0, &[1, 2]));
        assert!(lets(3, &[]), "one that fits nowhere is tried alone");
        assert!(!lets(4, &[3]) || budget.needs[3] <= budget.available);
    }

    #[test]
    fn the_machine_tells_what_it_has_left() {
        assert_eq!(of_machine("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(of_machine("MemTotal: 9 kB\n"), None);
        #[cfg(target_os = "linux")]
        assert!(available().unwrap() > 0);
    }

    #[test]
    fn the_least_that_is_left_in_a_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |folder: &str, name: &str, text: &str| {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        };
        let of = |groups| of_groups(groups, root.path());
        assert_eq!(of("0::/a/b\n"), None);
        write("a/b", "memory.max", "max\n");
        write("a/b", "memory.current", "500\n");
        assert_eq!(of("0::/a/b\n"), None);
        write("a", "memory.max", "1000\n");
        write("a", "memory.current", "700\n");
        write("a", "memory.stat", "anon 5\ninactive_file 100\n");
        assert_eq!(of("0::/a/b\n"), Some(400));
        write("a/b", "memory.max", "600\n");
        assert_eq!(of("0::/a/b\n"), Some(100));
        // A container sees its own group as the root.
        write("", "memory.max", "60\n");
        write("", "memory.current", "10\n");
        assert_eq!(of("0::/not/there\n"), Some(50));
        // The first version.
        let first = "5:cpu,cpuacct:/x\n4:memory:/x\n";
        write("memory/x", "memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/x", "memory.usage_in_bytes", "1\n");
        assert_eq!(of(first), None);
        write("memory/x", "memory.limit_in_bytes", "300\n");
        write("memory/x", "memory.usage_in_bytes", "200\n");
        write("memory/x", "memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
        assert_eq!(of(first), Some(150));
    }
}
