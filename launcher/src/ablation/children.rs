//! Runs of an ablation as processes of this program: `knowcoder run`, one after the other or a few at a
//! time.
//!
//! A run that is asked to stop leaves a checkpoint, and the next `ablate` goes on there.

use super::runs::Planned;
use crate::agent::die_with_us;
use crate::error::{Error, exit};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks at the processes.
const PAUSE: Duration = Duration::from_millis(50);

/// How each run is started.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The recipe that they change.
    pub base: &'a Path,
    /// Where each of them happens.
    pub cluster: Option<&'a Path>,
    /// Where corpora lie.
    pub data_root: &'a Path,
    /// Where what comes from object stores is kept.
    pub cache_dir: Option<&'a Path>,
    /// Where what they say goes.
    pub logs: PathBuf,
    /// How many at a time.
    pub jobs: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did everything.
    Done,
    /// It was asked to stop.
    Stopped,
    /// It did not, with this exit code.
    Failed(u8),
}

/// Starts `runs`, tells how each of them ended, and waits for all.
///
/// When `stop` is set, those at work are asked to stop, and no other is started.
pub fn run(
    runs: &[&Planned],
    start: &Start<'_>,
    stop: &AtomicBool,
    told: &mut dyn FnMut(&Planned, Ended) -> Result<(), Error>,
) -> Result<(), Error> {
    std::fs::create_dir_all(&start.logs).map_err(data_pipeline::Error::write(&start.logs))?;
    let mut waiting = runs.iter().enumerate();
    let mut at_work = AtWork(Vec::new());
    let mut asked = false;
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        while !stopping && at_work.0.len() < start.jobs {
            let Some((index, next)) = waiting.next() else { break };
            eprintln!("run {} of {}: `{}`", index + 1, runs.len(), next.name);
            at_work.0.push((next, start.process(next)?));
        }
        if stopping && !asked {
            at_work.ask_to_stop();
            asked = true;
        }
        if at_work.0.is_empty() {
            return Ok(());
        }
        for (run, status) in at_work.ended(start)? {
            told(run, ended(status, stopping))?;
        }
        std::thread::sleep(PAUSE);
    }
}

fn ended(status: ExitStatus, stopping: bool) -> Ended {
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(exit::DONE) => Ended::Done,
        Some(exit::STOPPED) => Ended::Stopped,
        // A signal that came before the run could listen ends it; there is nothing to lose yet.
        None if stopping => Ended::Stopped,
        Some(code) if exit::is_known(code) => Ended::Failed(code),
        // It was killed, or could not even begin.
        _ => Ended::Failed(exit::TRANSIENT),
    }
}

/// The processes that are at work; they do not outlive this.
struct AtWork<'a>(Vec<(&'a Planned, Child)>);

impl<'a> AtWork<'a> {
    fn ask_to_stop(&self) {
        for (_, child) in &self.0 {
            // SAFETY: the process is ours and has not been waited for, so its number is still its own.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
        }
    }

    /// Those that have ended since the last call.
    fn ended(&mut self, start: &Start<'_>) -> Result<Vec<(&'a Planned, ExitStatus)>, Error> {
        let mut ended = Vec::new();
        let mut index = 0;
        while let Some((run, child)) = self.0.get_mut(index) {
            match child.try_wait().map_err(|error| start.failed(run, &error))? {
                Some(status) => {
                    ended.push((*run, status));
                    self.0.remove(index);
                }
                None => index += 1,
            }
        }
        Ok(ended)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // One that is gone already is no failure.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Start<'_> {
    /// Starts `run`. Alone it shows at the terminal how far it is; several would write over each other.
    fn process(&self, run: &Planned) -> Result<Child, Error> {
        let program = std::env::current_exe().map_err(|error| self.failed(run, &error))?;
        let log = |name: String| {
            let path = self.logs.join(name);
            File::create(&path)
                .map_err(|error| Error::from(data_pipeline::Error::write(&path)(error)))
        };
        let mut command = Command::new(program);
        command.args(self.arguments(run)).stdin(Stdio::null()).process_group(0);
        command.stdout(log(format!("{}.json", run.name))?);
        if self.jobs > 1 {
            command.stderr(log(format!("{}.log", run.name))?);
        }
        die_with_us(&mut command);
        command.spawn().map_err(|error| self.failed(run, &error))
    }

    fn arguments(&self, run: &Planned) -> Vec<std::ffi::OsString> {
        let mut arguments: Vec<std::ffi::OsString> = vec!["run".into(), self.base.into()];
        for set in &run.sets {
            arguments.extend(["--set".into(), set.into()]);
        }
        arguments.extend(["--run-dir".into(), run.run_dir.root().into()]);
        arguments.extend(["--data-root".into(), self.data_root.into()]);
        for (flag, path) in [("--cluster", self.cluster), ("--cache-dir", self.cache_dir)] {
            if let Some(path) = path {
                arguments.extend([flag.into(), path.into()]);
            }
        }
        arguments.push("--json".into());
        arguments
    }

    fn failed(&self, run: &Planned, error: &std::io::Error) -> Error {
        Error::new(exit::TRANSIENT, format!("failed to run `{}`: {error}", run.name))
    }

    /// Where to read what a run said that did not end well.
    pub fn said(&self, run: &Planned) -> String {
        match self.jobs {
            1 => format!("it said above why, and so do `{}`", run.run_dir.logs().display()),
            _ => format!("see `{}`", self.logs.join(format!("{}.log", run.name)).display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn an_end_is_told_by_its_exit_code() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        assert_eq!(ended(exit(0), false), Ended::Done);
        assert_eq!(ended(exit(0), true), Ended::Done);
        assert_eq!(ended(exit(76), false), Ended::Stopped);
        assert_eq!(ended(exit(79), false), Ended::Failed(exit::DIVERGED));
        assert_eq!(ended(exit(3), false), Ended::Failed(exit::TRANSIENT));
        let killed = ExitStatus::from_raw(libc::SIGKILL);
        assert_eq!(ended(killed, false), Ended::Failed(exit::TRANSIENT));
        assert_eq!(ended(killed, true), Ended::Stopped);
    }
}
