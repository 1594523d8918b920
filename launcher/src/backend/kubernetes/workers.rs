//! Pods that work on a sweep: an Indexed Job whose pods are all alike, and know nothing of each other.

use super::manifest::{Marks, QUEUE_LABEL, ends, metadata, taken_away, text};
use super::names;
use super::pod::Pod;
use super::{Queue, Stage};
use crate::cluster::{Cluster, Object};
use crate::error::{Error, exit};
use serde_json::{Value, json};
use std::path::Path;

/// What a worker does: its words are arguments, so that nothing in them needs a quote.
const SCRIPT: &str = r#"exec knowcoder "$@""#;

/// The workers of a sweep.
pub struct Workers<'a> {
    /// Where each of them runs.
    pub cluster: &'a Cluster,
    /// The directory of the sweep, which they share; absolute.
    pub folder: &'a Path,
    /// How many there are.
    pub count: usize,
    /// What each is asked to do.
    pub arguments: Vec<String>,
    /// Whether trials compute on GPUs.
    pub computes: bool,
}

impl Workers<'_> {
    /// What the Job is called for `kubectl`.
    pub fn id(&self) -> String {
        names::id(Object::Job, &names::object(self.folder))
    }

    /// The manifest.
    pub fn render(&self) -> String {
        text(self.job())
    }

    fn job(&self) -> Value {
        let section = &self.cluster.kubernetes;
        let name = names::object(self.folder);
        let place = self.folder.to_string_lossy();
        let pod = Pod {
            section,
            marks: Marks::of(section, &name, &place),
            subdomain: None,
            script: SCRIPT,
            arguments: self.arguments.clone(),
            environment: Vec::new(),
            computes: self.computes,
            listens: false,
        };
        let mut meta = metadata(section, &name, &place);
        if let Some(queue) = &section.queue {
            meta["labels"][QUEUE_LABEL] = json!(queue);
        }
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": meta,
            "spec": {
                "suspend": section.queue.is_some().then_some(true),
                "ttlSecondsAfterFinished": section.ttl_seconds,
                "completionMode": "Indexed",
                "completions": self.count,
                "parallelism": self.count,
                // One that goes wrong again and again is no reason to end the others.
                "backoffLimitPerIndex": section.max_restarts,
                "podReplacementPolicy": "Failed",
                // What one finds wrong in the files, all do.
                "podFailurePolicy": {"rules": [ends(&[exit::DECLARATION]), taken_away()]},
                "template": pod.template(),
            },
        })
    }

    /// Hands the Job over, whose manifest is `file`; one that is over makes room.
    pub fn submit(&self, file: &Path) -> Result<String, Error> {
        let queue = Queue::new(self.cluster);
        self.submit_to(&queue, file)
    }

    /// The same to a queue that is there.
    pub(super) fn submit_to(&self, queue: &Queue, file: &Path) -> Result<String, Error> {
        let id = self.id();
        let (object, pods, state) = queue.state_of(&id)?;
        // All of them may be workers: there is no first one.
        let is_alive = matches!(state.stage, Stage::Waiting | Stage::Running);
        if !object.is_null() && is_alive {
            let run = pods.iter().filter(|pod| pod.phase == "Running").count();
            let message = format!(
                "`{id}` is still in {}: {run} of {} pods run",
                queue.kubectl.place(),
                pods.len()
            );
            return Err(Error::new(exit::TRANSIENT, message).hint(format!(
                "wait for it, or end it with `kubectl delete {id}`: its workers save what they are at"
            )));
        }
        if !object.is_null() {
            let how = ["--ignore-not-found", "--cascade=foreground", "--wait=true"];
            let words = ["delete", &id].into_iter().chain(how).chain([super::GONE_WITHIN]);
            queue.kubectl.ask(&words.collect::<Vec<_>>(), None)?;
        }
        queue.apply(&[file.to_owned()])?;
        Ok(id)
    }
}
