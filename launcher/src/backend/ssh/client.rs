//! The system's `ssh`, as every host is called with it.
//!
//! What the user's configuration says of a host holds: names, keys, jumps, known hosts. What would make `ssh`
//! ask somebody, forward something, or stay behind is switched off.

use super::failure;
use crate::cluster::Ssh;
use crate::cluster::ssh::expand;
use crate::error::{Error, exit};
use crate::supervise::die_with_us;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often a process is looked at while it is waited for.
const TICK: Duration = Duration::from_millis(10);

/// How long the last words of a process that has ended may take: another may hold its streams open.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// More than anything that we ask for says; the rest is read and dropped.
const LONGEST: u64 = 64 * 1024;

/// Seconds between questions whether a host is still there, and how many may stay without an answer:
/// together below the usual lease of a node.
const ALIVE: [&str; 2] = ["ServerAliveInterval=2", "ServerAliveCountMax=3"];

/// How `ssh` is called.
#[derive(Clone, Debug)]
pub struct Client {
    program: OsString,
    /// What stands before the name of the host.
    options: Vec<OsString>,
    /// How long a host may take to answer.
    pub connect: Duration,
}

/// What a command said before it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code, or that of `ssh`; `None`: a signal ended `ssh`.
    pub code: Option<i32>,
    /// What came from its stdout.
    pub stdout: String,
    /// What came from its stderr, and that of `ssh`.
    pub stderr: String,
}

impl Client {
    /// As the cluster file says.
    pub fn new(settings: &Ssh) -> Self {
        let mut options: Vec<OsString> = ["-T", "-a", "-x"].map(OsString::from).to_vec();
        let mut add = |name: &str, value: OsString| options.extend([name.into(), value]);
        if let Some(config) = &settings.config {
            add("-F", expand(config).into());
        }
        if let Some(identity) = &settings.identity {
            add("-i", expand(identity).into());
            add("-o", "IdentitiesOnly=yes".into());
        }
        if let Some(port) = settings.port {
            add("-p", port.to_string().into());
        }
        if let Some(jump) = &settings.jump {
            add("-J", jump.into());
        }
        for option in [
            "BatchMode=yes",
            // A master of the user's own is used where there is one, but we become none.
            "ControlMaster=no",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            // At a quieter level it ends without saying why.
            "LogLevel=INFO",
        ] {
            add("-o", option.into());
        }
        ALIVE.into_iter().for_each(|option| add("-o", option.into()));
        add("-o", format!("ConnectTimeout={}", settings.connect_seconds).into());
        let connect = Duration::from_secs(settings.connect_seconds);
        Self { program: "ssh".into(), options, connect }
    }

    /// With another program in place of `ssh`.
    #[cfg(test)]
    pub fn pretending(program: &std::path::Path) -> Self {
        Self { program: program.into(), ..Self::new(&Ssh::default()) }
    }

    /// The process that executes `remote`, a line for a shell, on `host`.
    ///
    /// In a group of its own: Ctrl-C is for us, and we tell the agents what it means.
    pub fn command(&self, host: &str, remote: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.options).args(["--", host, remote]).process_group(0);
        command
    }

    /// Executes `remote` on `host` to its end, or kills it.
    pub fn execute(
        &self,
        host: &str,
        remote: &str,
        stdin: Stdio,
        patience: Duration,
    ) -> Result<Said, Error> {
        self.finish(self.command(host, remote), stdin, patience, host)
    }

    /// What `host` is called behind its alias.
    pub fn name(&self, host: &str) -> Result<String, Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.options).args(["-G", "--", host]).process_group(0);
        let said = self.finish(command, Stdio::null(), self.connect, host)?;
        let name = said.stdout.lines().find_map(|line| line.strip_prefix("hostname "));
        match (said.code, name) {
            (Some(0), Some(name)) => Ok(name.to_owned()),
            _ => Err(failure::of_ssh(host, &said.stderr)),
        }
    }

    /// Starts a process of `ssh` and hears it until it ends.
    fn finish(
        &self,
        mut command: Command,
        stdin: Stdio,
        patience: Duration,
        host: &str,
    ) -> Result<Said, Error> {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        die_with_us(&mut command);
        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let (stdout, stderr) = (child.stdout.take().map(hear), child.stderr.take().map(hear));
        let status = wait(&mut child, patience).map_err(|error| {
            let message = format!("failed to wait for `ssh` to host `{host}`: {error}");
            Error::new(exit::TRANSIENT, message)
        })?;
        let Some(status) = status else { return Err(failure::silent(host, patience)) };
        let heard = |words: Option<mpsc::Receiver<String>>| {
            words.and_then(|words| words.recv_timeout(LAST_WORDS).ok()).unwrap_or_default()
        };
        Ok(Said { code: status.code(), stdout: heard(stdout), stderr: heard(stderr) })
    }
}

/// Waits for the end of a process; `None`: it did not come, and the process was killed.
fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}

/// Reads a stream to its end, beside everything else; the beginning of it is told then.
fn hear(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is worth as much; nobody listens only if we gave up.
        let _ = (&mut stream).take(LONGEST).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn not_started(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(
            exit::BACKEND,
            "backend = \"ssh\" needs the program `ssh`, which is not there",
        )
        .hint("install the client of OpenSSH, such as the package openssh-client"),
        _ => Error::new(exit::TRANSIENT, format!("failed to start `ssh`: {error}")),
    }
}

/// A word as every login shell reads it back, whatever stands in it.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;

    fn words(command: &Command) -> String {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn nobody_is_asked_and_nothing_stays_behind() {
        let client = Client::new(&Ssh::default());
        expect!["-T -a -x -o BatchMode=yes -o ControlMaster=no -o ClearAllForwardings=yes -o PermitLocalCommand=no -o RemoteCommand=none -o LogLevel=INFO -o ServerAliveInterval=2 -o ServerAliveCountMax=3 -o ConnectTimeout=10 -- me@a exec true"]
            .assert_eq(&words(&client.command("me@a", "exec true")));
        let settings = Ssh {
            config: Some("/etc/hosts.conf".to_owned()),
            identity: Some("/keys/one".to_owned()),
            port: Some(2222),
            jump: Some("gate".to_owned()),
            connect_seconds: 3,
            ..Ssh::default()
        };
        let line = words(&Client::new(&settings).command("a", "true"));
        let begin =
            "-T -a -x -F /etc/hosts.conf -i /keys/one -o IdentitiesOnly=yes -p 2222 -J gate -o ";
        assert!(line.starts_with(begin), "{line}");
        assert!(line.ends_with(" -o ConnectTimeout=3 -- a true"), "{line}");
    }

    #[test]
    fn words_survive_a_shell() {
        for word in ["", "plain", "it's", "a b;c|d&e", "$HOME `id` \\ \"x\" *", "'", "''"] {
            let output =
                Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output();
            assert_eq!(String::from_utf8_lossy(&output.unwrap().stdout), word);
        }
    }

    #[test]
    fn a_process_that_does_not_end_is_killed() {
        let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(wait(&mut sleep, Duration::from_millis(50)).unwrap().is_none());
        let mut quick = Command::new("true").spawn().unwrap();
        assert!(wait(&mut quick, Duration::from_secs(30)).unwrap().unwrap().success());
    }
}
