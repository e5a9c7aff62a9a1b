//! The scripts of jobs, from templates.

use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior, context};

use super::SubmitError;

/// The array, for Slurm.
const ARRAY: &str = include_str!("array.sh");
/// The report after it, for Slurm.
const REPORT: &str = include_str!("report.sh");
/// The process of this machine.
const LOCAL: &str = include_str!("local.sh");
/// Seconds between Slurm's warning and the end of the time.
const WARNING: u32 = 120;

/// What a job may use, in the words of `sbatch`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resources {
    pub(crate) partition: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) gpus: Option<String>,
    pub(crate) cpus: Option<u16>,
    pub(crate) mem: Option<String>,
    /// Further options, as they are.
    pub(crate) extra: Vec<String>,
}

impl Resources {
    fn options(&self) -> Result<Vec<String>, SubmitError> {
        let cpus = self.cpus.map(|cpus| cpus.to_string());
        let named = [
            ("partition", &self.partition),
            ("account", &self.account),
            ("time", &self.time),
            ("gpus", &self.gpus),
            ("cpus-per-task", &cpus),
            ("mem", &self.mem),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?)));
        named.chain(self.extra.iter().cloned()).map(|option| without_controls("an option", option)).collect()
    }
}

/// What scripts are made of.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    /// Name of the experiment.
    pub(crate) name: &'a str,
    /// Where `bench submit` was called.
    pub(crate) folder: &'a Path,
    /// Folder of the logs.
    pub(crate) logs: &'a Path,
    /// The program with all its arguments but those of the job.
    pub(crate) command: &'a [String],
    pub(crate) resources: &'a Resources,
    /// Tasks that run at a time; `None` for all.
    pub(crate) parallel: Option<u32>,
    /// How often a task is started again for want of time.
    pub(crate) max_requeues: u32,
    /// Code by which the program asks to be started again.
    pub(crate) again: u8,
    /// The user's template: lines that make the environment, or the whole script.
    pub(crate) template: Option<&'a Path>,
}

/// The script of an array over the runs in the file `runs`, `count` of them: Slurm's, or with `whole` the user's template.
///
/// # Errors
/// The template does not render, or a value would be another line.
pub(crate) fn array_script(script: &Script<'_>, runs: &Path, count: usize, whole: bool) -> Result<String, SubmitError> {
    render(script, Some((runs, count)), if whole { None } else { Some(ARRAY) })
}

/// The script of the report: Slurm's.
///
/// # Errors
/// As [`array_script`].
pub(crate) fn report_script(script: &Script<'_>) -> Result<String, SubmitError> {
    render(script, None, Some(REPORT))
}

/// The script of the process of this machine, whose command is that of `script`.
///
/// # Errors
/// As [`array_script`].
pub(crate) fn local_script(script: &Script<'_>) -> Result<String, SubmitError> {
    render(script, None, Some(LOCAL))
}

fn render(script: &Script<'_>, runs: Option<(&Path, usize)>, own: Option<&'static str>) -> Result<String, SubmitError> {
    let text = |what, path: &Path| without_controls(what, path.display().to_string());
    let (folder, logs) = (text("the working folder", script.folder)?, text("the folder of logs", script.logs)?);
    let command: Vec<String> = script.command.iter().map(|word| quoted(word)).collect();
    let list = runs.map(|(path, _)| text("the list of runs", path)).transpose()?;
    let count = runs.map_or(0, |(_, count)| count);
    let values = context! {
        name => without_controls("the name", script.name.to_owned())?,
        folder, logs => logs.replace('%', "%%"),
        options => script.resources.options()?,
        partition => script.resources.partition, account => script.resources.account, time => script.resources.time,
        gpus => script.resources.gpus, cpus => script.resources.cpus, mem => script.resources.mem,
        command => without_controls("the command", command.join(" "))?,
        parallel => script.parallel,
        max_requeues => script.max_requeues,
        again => script.again,
        warning => WARNING,
        runs => list, count, last => count.saturating_sub(1),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    environment.add_filter("quoted", |value: String| quoted(&value));
    let users = script.template.map(|path| (path, std::fs::read_to_string(path)));
    let of_user = |path: &PathBuf, reason: String| SubmitError::Template { path: path.clone(), reason };
    let rendered = match users {
        None => String::new(),
        Some((path, text)) => {
            let path = path.to_owned();
            let text = text.map_err(|error| of_user(&path, format!("cannot be read: {error}")))?;
            environment.render_str(&text, &values).map_err(|error| of_user(&path, format!("{error:#}")))?
        }
    };
    let Some(own) = own else { return Ok(rendered) };
    let values = context! { environment => rendered.trim_end(), ..values };
    environment.render_str(own, values).map_err(|error| of_user(&PathBuf::from("the script"), format!("{error:#}")))
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `value`, refused where it would be another line of the script.
fn without_controls(what: &'static str, value: String) -> Result<String, SubmitError> {
    if value.chars().any(char::is_control) { Err(SubmitError::Control { what, value }) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn script<'a>(resources: &'a Resources, command: &'a [String], template: Option<&'a Path>) -> Script<'a> {
        Script {
            name: "small",
            folder: Path::new("/home/me/it's here"),
            logs: Path::new("/home/me/runs/small/submissions/0001/logs"),
            command,
            resources,
            parallel: Some(2),
            max_requeues: 3,
            again: 75,
            template,
        }
    }

    #[test]
    fn the_array_names_its_runs_and_resources() {
        let resources = Resources {
            partition: Some("gpu".into()),
            cpus: Some(4),
            extra: vec!["--constraint=a100".into()],
            ..Resources::default()
        };
        let command = ["/opt/bench", "run", "my file.yaml"].map(str::to_owned);
        let text = array_script(&script(&resources, &command, None), Path::new("/x/runs.txt"), 6, false).unwrap();
        for line in [
            "#SBATCH --array=0-5%2",
            "#SBATCH --partition=gpu",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --constraint=a100",
            "cd '/home/me/it'\\''s here' || exit 1",
            "/opt/bench run 'my file.yaml' --cell \"$run\" &",
            "run=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" /x/runs.txt)",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        let report = report_script(&script(&resources, &command, None)).unwrap();
        assert!(report.ends_with("exec /opt/bench run 'my file.yaml' --report-only\n"), "{report}");
        assert!(!report.contains("--array"));
    }

    #[test]
    fn templates_of_users_are_the_environment_or_the_whole_script() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.sh");
        std::fs::write(&path, "module load cuda\nexport N={{ count }}\n").unwrap();
        let (resources, command) = (Resources::default(), ["bench".to_owned()]);
        let of = |whole| array_script(&script(&resources, &command, Some(&path)), Path::new("/x/runs.txt"), 6, whole);
        assert!(of(false).unwrap().contains("\n\nmodule load cuda\nexport N=6\n\n"));
        assert_eq!(of(true).unwrap(), "module load cuda\nexport N=6\n");
        std::fs::write(&path, "{{ modules }}").unwrap();
        let Err(SubmitError::Template { path: named, reason }) = of(false) else { unreachable!() };
        assert!(named == path && reason.contains("undefined"), "{reason}");
    }

    #[test]
    fn no_value_becomes_another_line() {
        let command = ["bench".to_owned()];
        let resources = Resources { account: Some("me\n#SBATCH --uid=0".into()), ..Resources::default() };
        let refused = report_script(&script(&resources, &command, None));
        assert!(matches!(refused, Err(SubmitError::Control { .. })));
        let command = ["bench\nrm".to_owned()];
        let refused = report_script(&script(&Resources::default(), &command, None)).map(|_| ());
        assert!(matches!(refused, Err(SubmitError::Control { .. })));
    }
}
