//! A Slurm of one node, of its own: daemons, keys, ports and folders that no other sees.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::support::{Bench, wait_until};

/// The daemons; they end with it.
pub struct Slurm {
    folder: TempDir,
}

impl Slurm {
    /// Start it. As root, with `munged`, `slurmctld` and `slurmd` installed.
    pub fn start() -> Self {
        let slurm = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["state", "spool", "log", "run"] {
            std::fs::create_dir(slurm.path(name)).unwrap();
        }
        let key: Vec<u8> = (0..=255).cycle().take(1024).collect();
        std::fs::write(slurm.path("key"), key).unwrap();
        std::fs::set_permissions(slurm.path("key"), std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
        let option = |name: &str, file: &str| format!("--{name}={}", slurm.path(file).display());
        let munge = [
            option("key-file", "key"),
            option("socket", "run/munge.socket"),
            option("pid-file", "run/munged.pid"),
            option("log-file", "log/munged.log"),
            option("seed-file", "run/munged.seed"),
        ];
        // The folders of a test are open to others, which it does not like.
        run(Command::new("munged").arg("--force").args(munge));
        std::fs::write(slurm.path("slurm.conf"), slurm.configuration()).unwrap();
        run(slurm.client("slurmctld").arg("-c"));
        run(&mut slurm.client("slurmd"));
        wait_until("the node is idle", || slurm.answer("sinfo", &["-h", "-o", "%T"]) == "idle");
        slurm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Two free ports, this machine as the one node, and nothing that wants an init system or an accounting database.
    fn configuration(&self) -> String {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets = [free(), free()];
        let [controller, node] = sockets.map(|socket| socket.local_addr().unwrap().port());
        let shape = Command::new("slurmd").arg("-C").output().unwrap().stdout;
        let shape = String::from_utf8(shape).unwrap();
        let name = Command::new("hostname").arg("-s").output().unwrap().stdout;
        let name = String::from_utf8(name).unwrap();
        let at = |file: &str| self.path(file).display().to_string();
        format!(
            "ClusterName=test\nSlurmctldHost={}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge\n\
             AuthInfo=socket={}\nCredType=cred/munge\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nSwitchType=switch/none\nMpiDefault=none\n\
             ReturnToService=2\nSlurmctldPort={controller}\nSlurmdPort={node}\nStateSaveLocation={}\nSlurmdSpoolDir={}\n\
             SlurmctldPidFile={}\nSlurmdPidFile={}\nSlurmctldLogFile={}\nSlurmdLogFile={}\nKillWait=5\n\
             PreemptType=preempt/partition_prio\nPreemptMode=REQUEUE\n\
             {} NodeAddr=127.0.0.1 State=UNKNOWN\n\
             PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1\n\
             PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF\n",
            name.trim(),
            at("run/munge.socket"),
            at("state"),
            at("spool"),
            at("run/slurmctld.pid"),
            at("run/slurmd.pid"),
            at("log/slurmctld.log"),
            at("log/slurmd.log"),
            shape.lines().next().unwrap(),
        )
    }

    /// The program `name` of this Slurm.
    pub fn client(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        self.adopt(&mut command);
        command
    }

    /// Let `command` talk to this Slurm.
    fn adopt(&self, command: &mut Command) {
        command.env("SLURM_CONF", self.path("slurm.conf"));
    }

    /// `bench` with these arguments, which talks to this Slurm.
    pub fn command(&self, bench: &Bench, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = bench.process(arguments);
        self.adopt(&mut command);
        assert_cmd::Command::from_std(command)
    }

    /// Wait until nothing is in the queue, hurrying what is put back; `state` says more where that takes too long.
    pub fn finish(&self, limit: Duration, state: impl Fn() -> String) {
        let begun = Instant::now();
        while !self.answer("squeue", &["-h"]).is_empty() {
            assert!(begun.elapsed() < limit, "{}\n{}", self.answer("squeue", &["--array"]), state());
            self.hurry();
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// What the program `name` prints.
    pub fn answer(&self, name: &str, arguments: &[&str]) -> String {
        let answer = self.client(name).args(arguments).output().unwrap();
        String::from_utf8(answer.stdout).unwrap().trim().to_owned()
    }

    /// Let what was put back into the queue begin now, and not in two minutes.
    pub fn hurry(&self) {
        for task in self.answer("squeue", &["-h", "--array", "--states=PENDING", "-o", "%i"]).lines() {
            if task.contains('_') && !task.contains('[') {
                let _ = self.client("scontrol").args(["update", &format!("JobId={task}"), "StartTime=now"]).output();
            }
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in ["slurmd", "slurmctld", "munged"] {
            let pid = std::fs::read_to_string(self.path(&format!("run/{daemon}.pid"))).unwrap_or_default();
            let _ = Command::new("kill").arg(pid.trim()).stderr(Stdio::null()).status();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether the daemons are installed.
pub fn is_installed() -> bool {
    ["munged", "slurmctld", "slurmd"].iter().all(|name| Path::new("/usr/sbin").join(name).exists())
}
