//! Whether a cluster would take a job, asked from outside: rights, claims, a queue, and the server's own checks of the
//! manifests, which makes nothing.

use super::kubectl::Kubectl;
use super::manifest;
use crate::backend::{Job, Outlook, Rendered};
use crate::cluster::{Kubernetes, Object};
use crate::error::{Error, exit};
use std::path::{Path, PathBuf};

/// What there is for `job`; `folder` is one for its manifests.
pub fn of(kubectl: &Kubectl, job: &Job, folder: &Path) -> Vec<Outlook> {
    let section = &job.cluster.kubernetes;
    let rights = rights(kubectl, section);
    // Who cannot be reached is not asked again.
    let answers = rights.as_ref().err().is_none_or(|error| error.message.starts_with("nobody "));
    let mut found = vec![Outlook { check: "rights", found: rights }];
    let manifests = manifest::render(job).and_then(|files| Rendered::write_all(&files, folder));
    if !answers {
        // What it is about to be told can be wrong all the same.
        found
            .extend(manifests.err().map(|error| Outlook { check: "manifests", found: Err(error) }));
        return found;
    }
    let claims = section.volumes.iter().map(|it| claim(kubectl, &it.claim));
    let claims: Result<Vec<String>, Error> = claims.collect();
    found.push(Outlook { check: "claims", found: claims.map(|it| it.join(", ")) });
    if let Some(queue) = &section.queue {
        found.push(Outlook { check: "queue", found: local_queue(kubectl, queue) });
    }
    let checked = manifests.and_then(|files| checked(kubectl, section, &files));
    found.push(Outlook { check: "manifests", found: checked });
    found
}

/// Whether who asks may make what a run is.
fn rights(kubectl: &Kubectl, section: &Kubernetes) -> Result<String, Error> {
    let kinds: &[&str] = match section.object {
        Object::JobSet => &["jobsets.jobset.x-k8s.io", "secrets"],
        Object::Job => &["jobs.batch", "services", "secrets"],
        Object::TrainJob => &["trainjobs.trainer.kubeflow.org"],
    };
    for kind in kinds {
        let said = kubectl.ask(&["auth", "can-i", "create", kind], None);
        match said.map(|said| said.trim().starts_with("yes")) {
            Ok(true) => {}
            // It ends with an error where the answer is no, and says nothing else.
            Err(error) if !error.message.starts_with("`kubectl auth` failed") => return Err(error),
            Ok(false) | Err(_) => {
                let message = format!("nobody lets you make {kind} in {}", kubectl.place());
                let error = Error::new(exit::BACKEND, message);
                return Err(error.hint(
                    "name a namespace of yours, kubernetes.namespace, or ask for the right",
                ));
            }
        }
    }
    Ok(format!("you may make {} in {}", kinds.join(", "), kubectl.place()))
}

/// Whether a claim is bound to a file system.
fn claim(kubectl: &Kubectl, name: &str) -> Result<String, Error> {
    let object = format!("persistentvolumeclaim/{name}");
    let found = kubectl.ask_json(&["get", &object, "--ignore-not-found", "-o", "json"])?;
    let wrong =
        |message: String, hint: &str| Err(Error::new(exit::DECLARATION, message).hint(hint));
    match found["status"]["phase"].as_str() {
        Some("Bound") => Ok(format!("`{name}` is bound")),
        Some(phase) => wrong(
            format!(
                "claim `{name}` is {phase} in {}: no file system is behind it",
                kubectl.place()
            ),
            "`kubectl describe pvc` says what it waits for; claims that wait for their first pod are bound by it",
        ),
        None => wrong(
            format!("there is no claim `{name}` in {}", kubectl.place()),
            "`kubectl get pvc` lists them; see kubernetes.volumes",
        ),
    }
}

/// Whether Kueue has the queue.
fn local_queue(kubectl: &Kubectl, name: &str) -> Result<String, Error> {
    let object = format!("localqueues.kueue.x-k8s.io/{name}");
    let found = kubectl.ask_json(&["get", &object, "--ignore-not-found", "-o", "json"])?;
    if found.is_null() {
        let message = format!("there is no queue `{name}` in {}", kubectl.place());
        return Err(Error::new(exit::DECLARATION, message)
            .hint("`kubectl get localqueues` lists them; see kubernetes.queue"));
    }
    Ok(format!("`{name}` takes jobs"))
}

/// What the server says of the manifests.
fn checked(kubectl: &Kubectl, section: &Kubernetes, files: &[PathBuf]) -> Result<String, Error> {
    if section.object == Object::TrainJob {
        return Ok("written; others submit them".to_owned());
    }
    let mut arguments = vec!["apply".to_owned(), "--dry-run=server".to_owned()];
    for file in files {
        arguments.extend(["-f".to_owned(), file.to_string_lossy().into_owned()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    kubectl.ask(&arguments, None)?;
    Ok(format!("the server would take {} manifest(s)", files.len()))
}
