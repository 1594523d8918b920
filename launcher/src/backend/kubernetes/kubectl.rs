//! `kubectl`, asked with a deadline.

use super::refusal::{self, CONNECTION};
use crate::cluster::Kubernetes;
use crate::error::{Error, exit};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// How long `kubectl` may take for anything; it gives the server less.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it gives the server.
const REQUEST_TIMEOUT: &str = "--request-timeout=20s";

/// How often to look whether it has ended.
const TICK: Duration = Duration::from_millis(10);

/// How long to wait for the last of its words once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// `kubectl` with the context and namespace of a cluster file.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    context: Option<String>,
    namespace: Option<String>,
    patience: Duration,
}

impl Kubectl {
    /// The one on the `PATH`.
    pub fn new(section: &Kubernetes) -> Self {
        let Kubernetes { context, namespace, .. } = section.clone();
        Self { program: "kubectl".into(), context, namespace, patience: PATIENCE }
    }

    /// Another one, which has so long.
    #[cfg(test)]
    pub fn at(self, program: PathBuf, patience: Duration) -> Self {
        Self { program, patience, ..self }
    }

    /// Where it looks, for sentences.
    pub fn place(&self) -> String {
        let namespace = match &self.namespace {
            Some(namespace) => format!("namespace `{namespace}`"),
            None => "the current namespace".to_owned(),
        };
        match &self.context {
            Some(context) => format!("{namespace} of context `{context}`"),
            None => namespace,
        }
    }

    /// Its answer; `input` is what it reads.
    pub fn ask(&self, arguments: &[&str], input: Option<&str>) -> Result<String, Error> {
        let mut command = Command::new(&self.program);
        for (flag, value) in [("--context", &self.context), ("--namespace", &self.namespace)] {
            if let Some(value) = value {
                command.arg(format!("{flag}={value}"));
            }
        }
        command.arg(REQUEST_TIMEOUT).args(arguments);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        // Its own group: with it end the programs that it logs in with.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| self.not_started(&error))?;
        let output = read(child.stdout.take());
        let errors = read(child.stderr.take());
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
            // Where it does not read, it says why.
            let _ = pipe.write_all(input.as_bytes());
        }
        let verb = arguments.first().copied().unwrap_or_default();
        let status = self.wait(&mut child, verb)?;
        let [output, errors] =
            [output, errors].map(|it| it.recv_timeout(LAST_WORDS).unwrap_or_default());
        if status.success() { Ok(output) } else { Err(self.refused(verb, &errors, status)) }
    }

    /// Its answer as JSON; null where it found nothing.
    pub fn ask_json(&self, arguments: &[&str]) -> Result<Value, Error> {
        let text = self.ask(arguments, None)?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| {
            let verb = arguments.first().copied().unwrap_or_default();
            Error::new(exit::BACKEND, format!("`kubectl {verb}` answered what is no JSON: {error}"))
        })
    }

    fn wait(&self, child: &mut Child, verb: &str) -> Result<ExitStatus, Error> {
        let lost = |error: io::Error| {
            Error::new(exit::TRANSIENT, format!("lost sight of `kubectl {verb}`: {error}"))
        };
        let end = Instant::now() + self.patience;
        loop {
            if let Some(status) = child.try_wait().map_err(lost)? {
                return Ok(status);
            }
            if Instant::now() >= end {
                // SAFETY: the child is not reaped yet, so that its group is still ours.
                unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
                child.wait().map_err(lost)?;
                let message = format!(
                    "`kubectl {verb}` had not ended after {} s in {}",
                    self.patience.as_secs(),
                    self.place()
                );
                return Err(Error::new(exit::BACKEND, message).hint(CONNECTION));
            }
            std::thread::sleep(TICK);
        }
    }

    fn not_started(&self, error: &io::Error) -> Error {
        let message = match error.kind() {
            io::ErrorKind::NotFound => "there is no `kubectl` on this machine's PATH".to_owned(),
            _ => format!("`kubectl` cannot be started: {error}"),
        };
        Error::new(exit::BACKEND, message)
            .hint("install it, or ask for this where it is; `submit --render` needs none")
    }

    /// What it means when it ends with another code than 0.
    fn refused(&self, verb: &str, errors: &str, status: ExitStatus) -> Error {
        refusal::sentence(verb, &self.place(), errors).unwrap_or_else(|| {
            let message = format!("`kubectl {verb}` failed in {}: {status}", self.place());
            Error::new(exit::TRANSIENT, message).hint("the same by hand may say more")
        })
    }
}

/// Everything that comes out of a pipe, once it is closed.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is worth having.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // Nobody may want it any more.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn section() -> Kubernetes {
        Kubernetes { namespace: Some("ml".to_owned()), ..Kubernetes::default() }
    }

    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("kubectl");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn what_it_is_told_and_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "echo \"$@\"; cat; [ \"$4\" != -x ]");
        let kubectl = Kubectl::new(&section()).at(program, PATIENCE);
        let said = kubectl.ask(&["apply", "-f", "-"], Some("a secret")).unwrap();
        assert_eq!(said, "--namespace=ml --request-timeout=20s apply -f -\na secret");
        assert_eq!(kubectl.ask_json(&["get"]).unwrap_err().code, exit::BACKEND);
        let error = kubectl.ask(&["get", "-x"], None).unwrap_err();
        assert_eq!(error.message, "`kubectl get` failed in namespace `ml`: exit status: 1");
    }

    #[test]
    fn it_has_a_deadline_and_need_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        // A program that it logs in with holds its pipes, and ends with it.
        let program = script(folder.path(), "sleep 600 & sleep 600");
        let began = Instant::now();
        let kubectl = Kubectl::new(&section()).at(program, Duration::from_millis(200));
        let error = kubectl.ask(&["get"], None).unwrap_err();
        assert_eq!(error.code, exit::BACKEND);
        assert!(error.message.starts_with("`kubectl get` had not ended after"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(60));
        let kubectl = kubectl.at(folder.path().join("none"), PATIENCE);
        let error = kubectl.ask(&["get"], None).unwrap_err();
        assert_eq!(
            (error.code, error.message.contains("there is no `kubectl`")),
            (exit::BACKEND, true)
        );
    }
}
