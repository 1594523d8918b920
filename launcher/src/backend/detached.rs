//! A driver on this machine that outlasts the terminal which started it.
//!
//! It is known by its host, its process and the moment at which that process began: a number that another
//! process has got meanwhile is never taken for it.

pub mod process;

use super::{Job, QueueState, Rendered, Stage, ssh};
use crate::cluster::Backend;
use crate::error::{Error, exit};
use crate::events::rfc3339;
use crate::standing::past::Past;
use data_pipeline::shell;
use process::{Handle, Seen, arguments};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use trainer::RunDir;

/// Drivers that are processes of this machine, in a session of their own.
pub struct Detached;

impl super::Queue for Detached {
    fn render(&self, job: &Job) -> Result<Vec<Rendered>, Error> {
        let words = std::iter::once(job.program.clone().into_os_string()).chain(words(job));
        let words: Vec<String> = words.map(|word| shell::word(&word.to_string_lossy())).collect();
        let log = shell::word(&job.run_dir.join("logs/driver.log").to_string_lossy());
        let text = format!(
            "#!/bin/sh\n# What `knowcoder submit` starts in the background of this machine.\n\
             exec setsid {} </dev/null >>{log} 2>&1\n",
            words.join(" \\\n    ")
        );
        Ok(vec![Rendered { file: "drive.sh".to_owned(), text }])
    }

    fn submit(&self, job: &Job) -> Result<Vec<String>, Error> {
        if job.cluster.backend == Backend::Ssh {
            // In the background, nobody would read why it cannot begin.
            for warning in ssh::Hosts::new(&job.cluster, &job.run_dir).ready(&job.program)? {
                eprintln!("warning: {warning}");
            }
        }
        let logs = job.run_dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(data_pipeline::Error::write(&logs))?;
        let path = logs.join("driver.log");
        let write = data_pipeline::Error::write(&path);
        let log = OpenOptions::new().append(true).create(true).open(&path).and_then(|mut log| {
            writeln!(log, "--- submitted {} ---", rfc3339(SystemTime::now()))?;
            Ok((log.try_clone()?, log))
        });
        let (stdout, stderr) = log.map_err(write)?;
        let mut command = Command::new(&job.program);
        command.args(words(job)).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        // SAFETY: between fork and exec only `setsid` and `signal` are called, which are allowed there.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 {
                    return Err(io::Error::last_os_error());
                }
                // Whoever submits may ignore them, as a shell's background jobs do; a driver must hear them.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                libc::signal(libc::SIGTERM, libc::SIG_DFL);
                Ok(())
            });
        }
        let child = command.spawn().map_err(|error| {
            let message = format!("failed to start `{}`: {error}", job.program.display());
            Error::new(exit::TRANSIENT, message)
        })?;
        let process = child.id();
        // Until somebody waits for it, even a process that ended at once is still there to be read.
        let began = Seen::of(process).map_or(0, |seen| seen.began);
        Ok(vec![Driver { host: host(), process, began }.id()])
    }

    fn state(&self, ids: &[String]) -> Result<QueueState, Error> {
        let driver = Driver::newest(ids)?;
        let Driver { host: its, process, .. } = &driver;
        let (stage, words) = if !driver.is_here() {
            let words = format!("its driver is process {process} of {its}, and this is {}", host());
            (Stage::Unknown, words)
        } else if driver.is_alive() {
            (Stage::Running, format!("its driver is process {process} of {its}"))
        } else {
            (Stage::Unknown, format!("its driver, process {process} of {its}, is gone"))
        };
        Ok(QueueState { stage, words, restarts: 0 })
    }

    fn cancel(&self, ids: &[String], now: bool) -> Result<(), Error> {
        let driver = Driver::newest(ids)?;
        if !driver.is_here() {
            let Driver { host: its, process, .. } = &driver;
            let message =
                format!("the run's driver is process {process} of {its}, and this is {}", host());
            return Err(Error::new(exit::BACKEND, message)
                .hint(format!("ask on {its}, or make the file `stop` in the run directory")));
        }
        let Some(handle) = driver.handle() else { return Ok(()) };
        if now {
            return handle.end(|| !driver.is_alive());
        }
        match driver.run_dir().filter(trains) {
            // Its ranks look for the file.
            Some(run_dir) => {
                let path = run_dir.stop();
                Ok(std::fs::write(&path, b"").map_err(data_pipeline::Error::write(&path))?)
            }
            // Nobody looks yet: what is prepared is complete or absent whenever it is cut.
            None => handle.send(libc::SIGTERM),
        }
    }
}

/// The arguments of the driver.
fn words(job: &Job) -> [OsString; 5] {
    let Job { run_dir, data_root, .. } = job;
    let (run_dir, data_root) = (run_dir.clone().into(), data_root.clone().into());
    ["drive".into(), "--run-dir".into(), run_dir, "--data-root".into(), data_root]
}

/// Whether ranks were started since the run was handed over.
fn trains(run_dir: &RunDir) -> bool {
    let past = Past::read(&run_dir.events());
    let is_either = |name: &str| ["submitted", "requeued", "started"].contains(&name);
    past.names().rfind(|name| is_either(name)) == Some("started")
}

/// What this machine calls itself.
pub fn host() -> String {
    let mut bytes = [0_u8; 256];
    // SAFETY: the length is that of the buffer, which stays ours.
    let result = unsafe { libc::gethostname(bytes.as_mut_ptr().cast(), bytes.len()) };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    match result {
        0 => String::from_utf8_lossy(&bytes[..end]).into_owned(),
        _ => "localhost".to_owned(),
    }
}

/// A driver, as [`submit`](super::Queue::submit) called it: `HOST:PROCESS:BEGAN`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Driver {
    host: String,
    process: u32,
    /// In ticks since the machine was started.
    began: u64,
}

impl Driver {
    fn newest(ids: &[String]) -> Result<Self, Error> {
        let id = ids.last().map_or("", String::as_str);
        Self::parse(id).ok_or_else(|| {
            let message = format!("`{id}` names no driver; expected HOST:PROCESS:BEGAN");
            Error::new(exit::DECLARATION, message)
        })
    }

    fn parse(id: &str) -> Option<Self> {
        let mut parts = id.rsplitn(3, ':');
        let (began, process) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let host = parts.next().filter(|host| !host.is_empty())?.to_owned();
        // Signals to 0 and 1 reach others than a driver.
        (process > 1).then_some(Self { host, process, began })
    }

    fn id(&self) -> String {
        format!("{}:{}:{}", self.host, self.process, self.began)
    }

    fn is_here(&self) -> bool {
        self.host == host()
    }

    fn is_alive(&self) -> bool {
        Seen::of(self.process).is_some_and(|seen| self.is_seen(&seen))
    }

    /// After a restart of the machine the numbers may be the same; then it is not our program.
    fn is_seen(&self, seen: &Seen) -> bool {
        !seen.is_over
            && seen.began == self.began
            && arguments(self.process).iter().any(|word| word == "drive")
    }

    /// A hold on the process, if it is alive.
    fn handle(&self) -> Option<Handle> {
        let handle = Handle::open(self.process);
        self.is_alive().then_some(handle)
    }

    /// Where the driver works, as it was told.
    fn run_dir(&self) -> Option<RunDir> {
        let arguments = arguments(self.process);
        let at = arguments.iter().position(|argument| argument == "--run-dir")?;
        Some(RunDir::new(PathBuf::from(arguments.get(at + 1)?)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Queue;
    use super::*;
    use crate::cluster::Cluster;
    use expect_test::expect;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::{Duration, Instant};

    #[test]
    fn a_driver_is_known_by_host_process_and_start() {
        let driver = Driver { host: "node-a".to_owned(), process: 4711, began: 99 };
        assert_eq!(Driver::parse(&driver.id()), Some(driver));
        for wrong in ["", "a", "a:1", "a:0:5", "a:1:5", "a:-7:5", ":7:5", "a:7:x"] {
            assert_eq!(Driver::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_process_may_have_any_name() {
        let rest = "1 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 0";
        let seen = Seen::parse(&format!("77 (a) S 9) R {rest}")).unwrap();
        assert_eq!((seen.began, seen.is_over), (12_345, false));
        assert!(Seen::parse(&format!("77 (kx) Z {rest}")).unwrap().is_over);
        assert!(Seen::parse("77 (kx").is_none());
    }

    #[test]
    fn a_process_that_is_no_driver_is_neither_found_nor_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let began = Seen::of(child.id()).unwrap().began;
        let id = |host: String| vec![Driver { host, process: child.id(), began }.id()];
        let here = id(host());
        assert_eq!(Detached.state(&here).unwrap().stage, Stage::Unknown);
        Detached.cancel(&here, true).unwrap();
        let elsewhere = id("another-host".to_owned());
        assert!(Detached.state(&elsewhere).unwrap().words.contains("of another-host, and this is"));
        let error = Detached.cancel(&elsewhere, true).unwrap_err();
        assert_eq!(error.code, exit::BACKEND);
        assert!(child.try_wait().unwrap().is_none(), "it was ended");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// A job whose program is a script that ends when it is asked `times` times.
    fn job(folder: &Path, times: usize) -> Job {
        let program = folder.join("driver.sh");
        let text = format!(
            "#!/bin/sh\nn=0\ntrap 'n=$((n+1))' TERM\nwhile [ $n -lt {times} ]; do sleep 0.05; done\n\
             echo ended\n"
        );
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Job {
            name: "tiny".to_owned(),
            run_dir: folder.join("it's a run"),
            data_root: "/data".into(),
            program,
            cluster: Cluster::of_this_machine(),
            phases: Vec::new(),
        }
    }

    /// Submits the job; while another test starts a process, that may hold our script open for writing.
    fn submitted(job: &Job) -> Vec<String> {
        for _ in 0..100 {
            match Detached.submit(job) {
                Err(error) if error.message.contains("busy") => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                submitted => return submitted.unwrap(),
            }
        }
        panic!("the script stays busy");
    }

    fn wait_until(what: &str, is_true: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_true() {
            assert!(Instant::now() < until, "not {what} within a minute");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_driver_has_a_session_of_its_own_and_ends_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let job = job(folder.path(), 1);
        let ids = submitted(&job);
        let driver = Driver::newest(&ids).unwrap();
        assert_eq!(Detached.state(&ids).unwrap().stage, Stage::Running);
        let process = driver.process as libc::pid_t;
        // SAFETY: the call takes a number.
        assert_eq!(unsafe { libc::getsid(process) }, process);
        assert_eq!(driver.run_dir().unwrap().root(), job.run_dir);
        // The script may not listen yet: then the signal ends it, which is as well.
        Detached.cancel(&ids, false).unwrap();
        wait_until("gone", || !driver.is_alive());
        assert_eq!(Detached.state(&ids).unwrap().stage, Stage::Unknown);
        Detached.cancel(&ids, true).unwrap();
        let log = std::fs::read_to_string(job.run_dir.join("logs/driver.log")).unwrap();
        assert!(log.starts_with("--- submitted "), "{log}");
        assert!(!job.run_dir.join("stop").exists(), "nobody looks for it yet");
    }

    #[test]
    fn ranks_are_asked_through_the_run_directory_and_now_insists() {
        let folder = tempfile::tempdir().unwrap();
        let job = job(folder.path(), 2);
        let ids = submitted(&job);
        let driver = Driver::newest(&ids).unwrap();
        let events = job.run_dir.join("events.jsonl");
        std::fs::write(events, "{\"event\":\"submitted\"}\n{\"event\":\"started\"}\n").unwrap();
        Detached.cancel(&ids, false).unwrap();
        assert!(job.run_dir.join("stop").exists());
        assert!(driver.is_alive());
        Detached.cancel(&ids, true).unwrap();
        assert!(!driver.is_alive());
    }

    #[test]
    fn what_is_started_can_be_read() {
        let job = Job {
            name: "tiny".to_owned(),
            run_dir: "/runs/it's".into(),
            data_root: "/data".into(),
            program: "/opt/knowcoder".into(),
            cluster: Cluster::of_this_machine(),
            phases: Vec::new(),
        };
        expect![[r#"
            #!/bin/sh
            # What `knowcoder submit` starts in the background of this machine.
            exec setsid /opt/knowcoder \
                drive \
                --run-dir \
                '/runs/it'\''s' \
                --data-root \
                /data </dev/null >>'/runs/it'\''s/logs/driver.log' 2>&1
        "#]]
        .assert_eq(&Detached.render(&job).unwrap()[0].text);
    }
}
