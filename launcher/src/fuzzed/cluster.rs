//! Where a run happens: cluster files, lines between nodes, and what programs of clusters say.

use super::Understood;
use crate::backend::kubernetes::readers as kubernetes;
use crate::backend::slurm::readers as slurm;
use crate::backend::ssh::failure;
use crate::cluster::{Cluster, Slurm};
use crate::message::Message;
use crate::wire::{Invitation, Order, Report};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// A cluster file; what is read can be written and read again.
pub fn file(text: &str) -> bool {
    let path = Path::new("cluster.toml");
    let Ok(cluster) = Cluster::parse(text, path) else { return false };
    let written = cluster.to_toml();
    if let Err(error) = Cluster::parse(&written, path) {
        panic!("{error} in\n{written}");
    }
    true
}

/// Lines that a coordinator, an agent or a rank is told.
pub fn wire(text: &str) -> Understood {
    let any = |read: fn(&str) -> bool| text.lines().any(read);
    [
        ("order", any(again::<Order>)),
        ("report", any(again::<Report>)),
        ("invitation", any(again::<Invitation>)),
        ("message", any(|line| Message::parse(line).is_some_and(|it| is_read(&it.line())))),
    ]
    .map(|(name, took)| (name.to_owned(), took))
    .into()
}

/// Whether a line is read; then it can be said again.
fn again<T: Serialize + DeserializeOwned>(line: &str) -> bool {
    let Ok(read) = serde_json::from_str::<T>(line) else { return false };
    let said = serde_json::to_string(&read).unwrap_or_default();
    assert!(serde_json::from_str::<T>(&said).is_ok(), "{line:?} is said again as {said:?}");
    true
}

fn is_read(line: &str) -> bool {
    assert!(Message::parse(line).is_some(), "{line:?} is a message of ours");
    true
}

/// `SLURM_JOB_NODELIST`.
pub fn hostlist(text: &str) -> bool {
    let Ok(names) = slurm::expand(text) else { return false };
    assert!(!names.is_empty() && names.iter().all(|name| !name.is_empty()), "{names:?}");
    true
}

/// The queue, in each of the forms in which SLURM tells of it.
pub fn slurm_jobs(text: &str) -> Understood {
    [
        ("json", slurm::of_json(text).unwrap_or_default()),
        ("lines", slurm::of_lines(text)),
        ("fields", slurm::of_fields(text)),
        ("accounts", slurm::of_accounts(text)),
    ]
    .map(|(name, found)| {
        let ids: Vec<u64> = found.iter().map(|job| job.id).collect();
        slurm::state(&ids, &found);
        (name.to_owned(), !found.is_empty())
    })
    .into()
}

/// `kubectl get -o json`: the object, and the list of its pods.
pub fn kubectl(bytes: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return false };
    let pods = kubernetes::Pod::all(&document);
    kubernetes::read(&document["object"], &pods, None);
    kubernetes::read(&document, &pods, Some("queue"));
    !pods.is_empty()
}

/// What programs say when they fail.
pub fn stderr(text: &str) -> bool {
    for code in [None, Some(1), Some(127), Some(255)] {
        failure::explain("host", code, text);
    }
    slurm::failure("scancel", text);
    slurm::refusal(text, &Slurm::default());
    kubernetes::sentence("apply", "namespace", text).is_some()
}
