//! What a run is called in a cluster, and where its pods reach each other.
//!
//! Everything follows from the run directory and the kind of object, so that the process that renders a
//! manifest and the driver inside the pod agree without a word.

use crate::cluster::Object;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Longest name of a run. Behind it come the replicated job, its number, the pod's number and the five
/// letters that Kubernetes adds, and all of it must fit into 63.
const LONGEST: usize = 32;

/// What a run is called in a cluster: its directory's name, and what tells it from others of that name.
pub fn object(run_dir: &Path) -> String {
    let name = run_dir.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.replace(|it: char| !it.is_ascii_lowercase() && !it.is_ascii_digit(), "-");
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    // Names of Services begin with a letter.
    if !name.starts_with(|it: char| it.is_ascii_lowercase()) {
        name.insert_str(0, "run-");
    }
    name.truncate(LONGEST);
    let hash = Sha256::digest(run_dir.as_os_str().as_encoded_bytes());
    let hash: String = hash.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}", name.trim_end_matches('-'))
}

/// The name of the job inside a JobSet.
pub fn replicated_job(object: Object) -> &'static str {
    match object {
        // Kubeflow changes the job of that name.
        Object::TrainJob => "node",
        _ => "workers",
    }
}

/// The host name under which pods of the run reach pod number `index` of object `name`.
pub fn pod(object: Object, name: &str, index: usize) -> String {
    match object {
        Object::Job => format!("{name}-{index}.{name}"),
        _ => format!("{name}-{}-0-{index}.{name}", replicated_job(object)),
    }
}

/// The object whose pod has this host name, with or without a port.
pub fn object_of(pod: &str) -> Option<&str> {
    let (_, name) = pod.split_once('.')?;
    name.split(':').next().filter(|name| !name.is_empty())
}

/// The object as `kubectl` takes it.
pub fn id(object: Object, name: &str) -> String {
    match object {
        Object::JobSet => format!("jobsets.jobset.x-k8s.io/{name}"),
        Object::Job => format!("jobs.batch/{name}"),
        Object::TrainJob => format!("trainjobs.trainer.kubeflow.org/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_labels() {
        let name = |path: &str| object(Path::new(path));
        assert_eq!(name("/runs/tiny"), format!("tiny-{}", &name("/runs/tiny")[5..]));
        assert!(name("/runs/KnowCoder_X.7b").starts_with("knowcoder-x-7b-"));
        assert!(name("/runs/7b").starts_with("run-7b-"));
        assert!(name("/runs/知识").starts_with("run-"));
        assert_ne!(name("/a/tiny"), name("/b/tiny"));
        let long = name(&format!("/runs/{}", "very-long-name-".repeat(10)));
        assert!(
            pod(Object::JobSet, &long, 1023).find('.').is_some_and(|end| end + 6 <= 63),
            "{long}"
        );
    }

    #[test]
    fn pods_have_the_names_that_their_controllers_give_them() {
        assert_eq!(pod(Object::JobSet, "x-1", 3), "x-1-workers-0-3.x-1");
        assert_eq!(pod(Object::Job, "x-1", 3), "x-1-3.x-1");
        assert_eq!(pod(Object::TrainJob, "x-1", 3), "x-1-node-0-3.x-1");
        for object in [Object::JobSet, Object::Job, Object::TrainJob] {
            assert_eq!(object_of(&format!("{}:29400", pod(object, "x-1", 0))), Some("x-1"));
        }
        assert_eq!(object_of("localhost:29400"), None);
    }
}
