//! `bench keep`: the process that `bench submit --engine local` leaves behind, which starts a `bench run` as often as it asks for it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use crate::cli::{CliError, Exit};
use crate::files::lease::Wanted;
use crate::files::{FolderError, Patience};
use crate::terminal::{self, Level};

/// Time between two looks at the program and at signals.
const PAUSE: Duration = Duration::from_millis(100);

/// `bench keep`
#[derive(Debug, Clone, Args)]
pub struct KeepArgs {
    /// Folder of the submission
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How often the command is started again when it asks for it
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_requeues: u32,
    /// Arguments of this program
    #[arg(last = true, required = true, value_name = "ARGUMENT")]
    command: Vec<String>,
}

/// What was asked of this process and goes to the program.
struct Requests {
    /// SIGTERM or SIGINT: save and end.
    end: Arc<AtomicBool>,
    /// SIGUSR1: save and be started again.
    again: Arc<AtomicBool>,
}

/// Start the command as often as it asks for it; its last exit code.
pub fn execute(args: &KeepArgs) -> Result<Exit, CliError> {
    detach();
    // Whoever looks at the submission sees by it that this process is there.
    let lease = Wanted::new(std::process::id()).and_then(|wanted| wanted.acquire(&args.folder, Patience::None));
    let _lease = lease.map_err(FolderError::from)?;
    let requests =
        Requests::listen().map_err(|error| CliError::failed(format!("cannot listen for signals: {error}")))?;
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let mut requeues = 0;
    loop {
        let mut command = Command::new(&program);
        command.args(&args.command).stdin(Stdio::null());
        let child = command.spawn().map_err(|error| CliError::failed(format!("{}: {error}", program.display())))?;
        let code = requests.wait(child).map_err(CliError::failed)?;
        let ended = || requests.end.load(Ordering::SeqCst);
        if code != Some(Exit::StartAgain as i32) || ended() {
            return exit(code);
        }
        if requeues == args.max_requeues {
            let text =
                format!("started again {requeues} times and not done: submit it again, or give it more --max-requeues");
            return Err(CliError { exit: Exit::StartAgain, ..CliError::failed(text) });
        }
        requeues += 1;
        terminal::say(Level::INFO, &format!("saved, and started again ({requeues} of {})", args.max_requeues));
    }
}

/// The exit code of the program as ours.
fn exit(code: Option<i32>) -> Result<Exit, CliError> {
    let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::NoDevice, Exit::StartAgain, Exit::Interrupted];
    match all.into_iter().find(|exit| code == Some(*exit as i32)) {
        Some(exit) => Ok(exit),
        None => Err(CliError::failed("the program was killed, or ended with a code that it does not have")),
    }
}

/// Leave the terminal and the session of whoever started this process, so that it does not end with them.
fn detach() {
    #[cfg(unix)]
    {
        // A process that leads its group already cannot; it has a session of its own, or a shell gave it the group.
        let _ = rustix::process::setsid();
    }
}

impl Requests {
    fn listen() -> std::io::Result<Self> {
        let requests = Self { end: Arc::default(), again: Arc::default() };
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, requests.end.clone())?;
        }
        #[cfg(unix)]
        {
            signal_hook::flag::register(signal_hook::consts::SIGUSR1, requests.again.clone())?;
            // Whose terminal it was has gone.
            signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default())?;
        }
        Ok(requests)
    }

    /// Wait for the end of `child` and pass on what is asked meanwhile; its exit code.
    fn wait(&self, mut child: Child) -> std::io::Result<Option<i32>> {
        let mut ending = false;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.code());
            }
            // `end` stays, so that nothing is started again after it.
            if self.end.load(Ordering::SeqCst) && !ending {
                ending = true;
                signal(&child, true);
            }
            if self.again.swap(false, Ordering::SeqCst) {
                signal(&child, false);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Ask `child` to save and end, for good or to be started again. One that has ended meanwhile is noticed as such.
#[cfg(unix)]
fn signal(child: &Child, for_good: bool) {
    use nix::sys::signal::Signal::{SIGTERM, SIGUSR1};
    let process = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let _ = nix::sys::signal::kill(process, if for_good { SIGTERM } else { SIGUSR1 });
}

#[cfg(not(unix))]
fn signal(_child: &Child, _for_good: bool) {}
