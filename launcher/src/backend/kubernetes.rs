//! The pods of a job: from inside the first one, and from wherever `kubectl` is.

mod kubectl;
mod manifest;
mod names;
mod outlook;
mod pod;
mod refusal;
mod state;
pub mod workers;

use super::{Job, Nodes, Outlook, QueueState, Rendered, Stage};
use crate::cluster::{Cluster, Kubernetes, Object};
use crate::display::Display;
use crate::error::{Error, exit};
use kubectl::Kubectl;
use manifest::{CONTAINER, RUN_DIR, RUN_LABEL};
use serde_json::{Value, json};
use state::Pod;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use tokio::process::Command;
use trainer::RunDir;
use trainer::collective::Secret;

/// How long the last job of the same run may take to vanish before the next one is made.
const GONE_WITHIN: &str = "--timeout=45s";

/// The pods of a job, from inside the first one.
pub struct Pods {
    names: Vec<String>,
    port: u16,
    /// The number of the pod that this is, as Kubernetes says; none: it is no pod.
    here: Option<String>,
}

impl Pods {
    /// As `cluster` says.
    pub fn new(cluster: &Cluster, run_dir: &Path) -> Self {
        let [here, coordinator] =
            ["JOB_COMPLETION_INDEX", "KNOWCODER_COORDINATOR"].map(|name| std::env::var(name).ok());
        // Paths have several spellings; what the pods were told has one.
        let name = coordinator.as_deref().and_then(names::object_of);
        Self::at(cluster, name.map_or_else(|| names::object(run_dir), str::to_owned), here)
    }

    fn at(cluster: &Cluster, name: String, here: Option<String>) -> Self {
        let Kubernetes { object, port, .. } = cluster.kubernetes;
        let pods = cluster.nodes + cluster.spares;
        let names = (0..pods).map(|index| names::pod(object, &name, index)).collect();
        Self { names, port, here }
    }
}

impl Nodes for Pods {
    fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.names.clone())
    }

    /// The name carries the port, which the other pods were told before there was anybody to ask.
    fn listen(&self) -> Result<(IpAddr, String), Error> {
        match (self.here.as_deref(), self.names.first()) {
            (Some("0"), Some(name)) => {
                Ok((Ipv4Addr::UNSPECIFIED.into(), format!("{name}:{}", self.port)))
            }
            (here, _) => {
                let here = here.map_or("no pod".to_owned(), |index| format!("pod {index}"));
                let message =
                    format!("a run on Kubernetes is driven from its pod 0, and this is {here}");
                Err(Error::new(exit::DECLARATION, message)
                    .hint("hand it over with `knowcoder submit`"))
            }
        }
    }

    fn agent(&self, node: &str, program: &Path) -> Result<Option<Command>, Error> {
        // Every other pod is an agent from its start.
        Ok((self.names.first().is_some_and(|first| first == node)).then(|| {
            let mut command = Command::new(program);
            command.arg("agent");
            command
        }))
    }

    fn is_home(&self, node: &str) -> bool {
        self.names.first().is_some_and(|first| first == node)
    }
}

/// Its queue, from outside.
pub struct Queue {
    section: Kubernetes,
    kubectl: Kubectl,
}

impl Queue {
    /// As `cluster` says.
    pub fn new(cluster: &Cluster) -> Self {
        let section = cluster.kubernetes.clone();
        Self { kubectl: Kubectl::new(&section), section }
    }

    fn object(&self, id: &str) -> Result<Value, Error> {
        self.kubectl.ask_json(&["get", id, "--ignore-not-found", "-o", "json"])
    }

    fn pods(&self, name: &str) -> Result<Vec<Pod>, Error> {
        let label = format!("{RUN_LABEL}={name}");
        Ok(Pod::all(&self.kubectl.ask_json(&["get", "pods", "-l", &label, "-o", "json"])?))
    }

    fn state_of(&self, id: &str) -> Result<(Value, Vec<Pod>, QueueState), Error> {
        let object = self.object(id)?;
        let pods = if object.is_null() { Vec::new() } else { self.pods(name_of(id))? };
        let mut state = state::read(&object, &pods, self.section.queue.as_deref());
        if state.stage == Stage::Waiting && pods.is_empty() {
            state.words += &self.why_no_pods(name_of(id));
        }
        Ok((object, pods, state))
    }

    /// What the cluster complained of when it should have made pods, such as a used-up quota.
    fn why_no_pods(&self, name: &str) -> String {
        let warnings = ["get", "events", "--field-selector=type=Warning", "-o", "json"];
        // Not everybody may read events, and the state is known without them.
        let list = self.kubectl.ask_json(&warnings).unwrap_or_default();
        let events = list["items"].as_array().into_iter().flatten();
        let is_ours = |event: &&Value| {
            event["involvedObject"]["name"].as_str().is_some_and(|it| it.starts_with(name))
        };
        let text =
            |event: &Value, key: &str| event[key].as_str().unwrap_or_default().trim().to_owned();
        let newest = events.filter(is_ours).max_by_key(|event| text(event, "lastTimestamp"));
        newest.map_or(String::new(), |it| {
            format!(": {}: {}", text(it, "reason"), text(it, "message"))
        })
    }

    /// Makes room for a job whose last one is over; one that is not stays.
    fn make_room(&self, id: &str) -> Result<(), Error> {
        let (object, _, state) = self.state_of(id)?;
        if object.is_null() {
            return Ok(());
        }
        if matches!(state.stage, Stage::Waiting | Stage::Running) {
            let message = format!("`{id}` is still in {}: {}", self.kubectl.place(), state.words);
            return Err(Error::new(exit::TRANSIENT, message)
                .hint("wait for it, or end it with `knowcoder cancel RUN`"));
        }
        // Its pods too: two drivers would fight for the run directory. And what belongs to it: the cluster must
        // not remove later what is made next under the same name.
        let how = ["--ignore-not-found", "--cascade=foreground", "--wait=true", GONE_WITHIN];
        self.remove(id, &how)
    }

    /// What is made for a run beside `id`.
    fn companions(&self, id: &str) -> Vec<String> {
        let kinds: &[&str] = match self.section.object {
            Object::Job => &["secret", "service"],
            _ => &["secret"],
        };
        kinds.iter().map(|kind| format!("{kind}/{}", name_of(id))).collect()
    }

    /// Ties what is made beside `id` to it: with the job the cluster removes them, too.
    fn tie(&self, id: &str) -> Result<(), Error> {
        let Some(owner) = manifest::owner(&self.object(id)?) else { return Ok(()) };
        let patch = json!({"metadata": {"ownerReferences": [owner]}}).to_string();
        for companion in self.companions(id) {
            self.kubectl.ask(&["patch", &companion, "--type=merge", "-p", &patch], None)?;
        }
        Ok(())
    }

    /// Puts the run's secret into the cluster, through a pipe: it is in no file and no argument.
    fn hand_over_secret(&self, name: &str, run_dir: &Path) -> Result<(), Error> {
        let path = RunDir::new(run_dir).secret();
        Secret::create(&path)?;
        let secret = std::fs::read_to_string(&path).map_err(data_pipeline::Error::read(&path))?;
        let place = run_dir.to_string_lossy();
        let manifest = manifest::secret(&self.section, name, &place, secret.trim());
        // On the server's side: the client's way would keep a copy in an annotation.
        let apply =
            ["apply", "--server-side", "--force-conflicts", "--field-manager=knowcoder", "-f", "-"];
        self.kubectl.ask(&apply, Some(&manifest)).map(drop)
    }

    fn delete(&self, id: &str) -> Result<(), Error> {
        self.remove(id, &["--ignore-not-found", "--wait=false"])
    }

    /// Deletes `id` with what was made beside it.
    fn remove(&self, id: &str, how: &[&str]) -> Result<(), Error> {
        let companions = self.companions(id);
        let objects = [id].into_iter().chain(companions.iter().map(String::as_str));
        let arguments: Vec<&str> =
            ["delete"].into_iter().chain(objects).chain(how.iter().copied()).collect();
        self.kubectl.ask(&arguments, None).map(drop)
    }

    fn apply(&self, files: &[PathBuf]) -> Result<(), Error> {
        let mut arguments = vec!["apply".to_owned()];
        for file in files {
            arguments.extend(["-f".to_owned(), file.to_string_lossy().into_owned()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.kubectl.ask(&arguments, None).map(drop)
    }

    /// Asks the driver to save and end.
    fn ask_to_stop(&self, id: &str) -> Result<(), Error> {
        let (object, pods, state) = self.state_of(id)?;
        let run_dir = object["metadata"]["annotations"][RUN_DIR].as_str().unwrap_or_default();
        match state.stage {
            Stage::Done | Stage::Failed | Stage::Unknown => return Ok(()),
            // There is nothing to save yet.
            Stage::Waiting => return self.delete(id),
            Stage::Running => {}
        }
        let stop = RunDir::new(run_dir).stop();
        if RunDir::new(run_dir).recipe_lock().exists() {
            return File::create(&stop)
                .map(drop)
                .map_err(|error| data_pipeline::Error::write(&stop)(error).into());
        }
        let first =
            pods.iter().find(|pod| pod.index == Some(0) && !pod.prepares && pod.phase == "Running");
        let Some(first) = first.filter(|_| !run_dir.is_empty()) else {
            let message = format!("`{id}` has no pod that could be asked to stop: {}", state.words);
            return Err(
                Error::new(exit::TRANSIENT, message).hint("`--now` ends it without a checkpoint")
            );
        };
        let stop = stop.to_string_lossy();
        self.kubectl
            .ask(&["exec", &first.name, "-c", CONTAINER, "--", "touch", &stop], None)
            .map(drop)
    }
}

impl super::Queue for Queue {
    fn render(&self, job: &Job) -> Result<Vec<Rendered>, Error> {
        manifest::render(job)
    }

    fn submit(&self, job: &Job) -> Result<Vec<String>, Error> {
        let name = names::object(&job.run_dir);
        let id = names::id(self.section.object, &name);
        let folder = job.run_dir.join("submit");
        if self.section.object == Object::TrainJob {
            let message = "kubernetes.object = \"trainjob\" is written for others to submit";
            return Err(Error::new(exit::DECLARATION, message).hint(format!(
                "the manifests are in `{}`; `submit --render` writes no more than that",
                folder.display()
            )));
        }
        self.make_room(&id)?;
        self.hand_over_secret(&name, &job.run_dir)?;
        let files: Vec<PathBuf> =
            manifest::render(job)?.iter().map(|it| folder.join(&it.file)).collect();
        self.apply(&files)?;
        if let Err(error) = self.tie(&id) {
            // The run goes on without.
            let line = format!("warning: the Secret of `{id}` stays behind it: {error}");
            Display::new().line(&line);
        }
        Ok(vec![id])
    }

    fn outlook(&self, job: &Job, folder: &Path) -> Vec<Outlook> {
        outlook::of(&self.kubectl, job, folder)
    }

    fn state(&self, ids: &[String]) -> Result<QueueState, Error> {
        match ids.last() {
            Some(id) => Ok(self.state_of(id)?.2),
            None => Ok(state::read(&Value::Null, &[], None)),
        }
    }

    fn cancel(&self, ids: &[String], now: bool) -> Result<(), Error> {
        ids.iter().try_for_each(|id| if now { self.delete(id) } else { self.ask_to_stop(id) })
    }
}

/// The name behind the kind.
fn name_of(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, name)| name)
}

/// What reads a cluster's words, for a fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub mod readers {
    pub use super::refusal::sentence;
    pub use super::state::{Pod, read};
}

#[cfg(test)]
mod tests;
