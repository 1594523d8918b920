//! `kubectl`, asked with a deadline, and its refusals as sentences.

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
        let said = last_words(errors).unwrap_or_else(|| status.to_string());
        let place = self.place();
        let has = |parts: &[&str]| parts.iter().any(|part| errors.contains(part));
        let (code, message, hint) = if has(&["no matches for kind", "doesn't have a resource type"])
        {
            let kind = quoted(errors).unwrap_or_else(|| "JobSet".to_owned());
            (
                exit::BACKEND,
                format!(
                    "the cluster does not know the kind `{kind}`: its custom resource is not installed"
                ),
                "ask an administrator to install JobSet, or write object = \"job\", which needs nothing",
            )
        } else if has(&["context was not found", "no context exists", "does not exist"])
            && has(&["context"])
        {
            (
                exit::DECLARATION,
                format!("kubectl has no such context: {said}"),
                "`kubectl config get-contexts` lists them",
            )
        } else if has(&["exceeded quota"]) {
            (
                exit::TRANSIENT,
                format!("the quota of {place} is used up: {said}"),
                "wait, ask for less, or for more quota",
            )
        } else if has(&["Unauthorized", "must be logged in", "getting credentials"]) {
            (
                exit::BACKEND,
                format!("the cluster does not know who asks: {said}"),
                "log in again, as your cluster's documentation says",
            )
        } else if has(&["namespaces \""]) && has(&["not found"]) {
            (
                exit::DECLARATION,
                format!("there is no {place}: {said}"),
                "name one that there is: kubernetes.namespace",
            )
        } else if has(&["(Forbidden)", "is forbidden"]) {
            (
                exit::BACKEND,
                format!("the cluster forbids it in {place}: {said}"),
                "name a namespace of yours, kubernetes.namespace, or ask for the right",
            )
        } else if has(&[
            "denied the request",
            "is invalid",
            "ValidationError",
            "strict decoding error",
            "(BadRequest)",
        ]) {
            (
                exit::DECLARATION,
                format!("the cluster refuses what the cluster file asks for: {said}"),
                "change [kubernetes] accordingly",
            )
        } else if has(&["(AlreadyExists)", "(Conflict)", "field is immutable"]) {
            (
                exit::TRANSIENT,
                format!("there is already one of that name in {place}: {said}"),
                "wait until it is gone, or end it with `knowcoder cancel RUN --now`",
            )
        } else if has(&UNREACHED) {
            (exit::BACKEND, format!("the cluster cannot be reached: {said}"), CONNECTION)
        } else {
            (
                exit::TRANSIENT,
                format!("`kubectl {verb}` failed in {place}: {said}"),
                "the same by hand says more: RUN/submit/ has the manifests",
            )
        };
        Error::new(code, message).hint(hint)
    }
}

/// The way out when nobody answers.
const CONNECTION: &str = "`kubectl cluster-info` must answer; kubernetes.context names the cluster";

/// What is said when there is no connection.
const UNREACHED: [&str; 9] = [
    "was refused",
    "connection refused",
    "Unable to connect",
    "no such host",
    "i/o timeout",
    "TLS handshake timeout",
    "deadline exceeded",
    "certificate",
    "no configuration has been provided",
];

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

/// The last line that is neither a log line of the client's nor a warning, without what it begins with.
fn last_words(errors: &str) -> Option<String> {
    let is_log = |line: &str| {
        let mut letters = line.chars();
        letters.next().is_some_and(|it| "EWIF".contains(it))
            && line.get(1..5).is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()))
    };
    let lines = errors.lines().map(str::trim).filter(|line| {
        !line.is_empty()
            && !is_log(line)
            && !line.starts_with("Warning:")
            && !line.starts_with("ensure CRDs")
    });
    let line = lines.last()?;
    let line = line.strip_prefix("error: ").unwrap_or(line);
    Some(line.strip_prefix("Error from server ").unwrap_or(line).to_owned())
}

/// The kind that is not known there.
fn quoted(errors: &str) -> Option<String> {
    let marks = ["no matches for kind \"", "a resource type \""];
    let rest = marks.iter().find_map(|mark| errors.split_once(mark))?.1;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;

    fn section() -> Kubernetes {
        Kubernetes { namespace: Some("ml".to_owned()), ..Kubernetes::default() }
    }

    /// What is made of words on stderr.
    fn check(errors: &str, code: u8, part: &str) {
        let error = Kubectl::new(&section()).refused("apply", errors, ExitStatus::from_raw(256));
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(part), "{error}");
        assert!(error.hint.is_some() && !error.message.contains('\n'), "{error}");
    }

    #[test]
    fn refusals_become_sentences() {
        check(
            "error: resource mapping not found for name: \"x\" namespace: \"\" from \"j\": no matches for kind \"JobSet\" in version \"jobset.x-k8s.io/v1alpha2\"\nensure CRDs are installed first\n",
            69,
            "does not know the kind `JobSet`",
        );
        check(
            "error: the server doesn't have a resource type \"jobsets\"\n",
            69,
            "does not know the kind `jobsets`",
        );
        check(
            "E1123 13:09:40.455721   18793 memcache.go:265] \"Unhandled Error\" err=\"couldn't get\"\nThe connection to the server localhost:8080 was refused - did you specify the right host or port?\n",
            69,
            "cannot be reached: The connection to the server localhost:8080 was refused",
        );
        check(
            "Unable to connect to the server: dial tcp: lookup api.example.org: no such host",
            69,
            "cannot be reached",
        );
        check(
            "error: context \"prod\" does not exist",
            64,
            "no such context: context \"prod\" does not exist",
        );
        check(
            "Error from server (NotFound): error when creating \"job.json\": namespaces \"ml\" not found",
            64,
            "there is no namespace `ml`",
        );
        check(
            "Error from server (Forbidden): jobsets.jobset.x-k8s.io is forbidden: User \"ann\" cannot create resource \"jobsets\" in API group \"jobset.x-k8s.io\" in the namespace \"ml\"",
            69,
            "forbids it in namespace `ml`: (Forbidden)",
        );
        check(
            "Error from server (Forbidden): jobs.batch \"x\" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: 5, limited: 5",
            75,
            "quota of namespace `ml` is used up",
        );
        check(
            "Error from server: admission webhook \"images.example.org\" denied the request: only images of registry.example.org",
            64,
            "only images of registry.example.org",
        );
        check("error: You must be logged in to the server (Unauthorized)", 69, "who asks");
        check(
            "The Job \"x\" is invalid: spec.template: Invalid value: field is immutable",
            64,
            "field is immutable",
        );
        check("something new", 75, "something new");
        check("", 75, "exit status: 1");
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
        let program = script(folder.path(), "echo \"$@\"; cat");
        let kubectl = Kubectl::new(&section()).at(program, PATIENCE);
        let said = kubectl.ask(&["apply", "-f", "-"], Some("a secret")).unwrap();
        assert_eq!(said, "--namespace=ml --request-timeout=20s apply -f -\na secret");
        assert_eq!(kubectl.ask_json(&["get"]).unwrap_err().code, exit::BACKEND);
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
