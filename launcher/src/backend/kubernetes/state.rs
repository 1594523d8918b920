//! How far a cluster is with a run, from what it says of the object and of its pods.

use super::manifest::{CONTAINER, PART_LABEL};
use crate::backend::{QueueState, Stage};
use serde_json::Value;

/// Where a pod's number stands, as label and as annotation.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Reads JobSets and Jobs alike; `object` is null where there is none, `queue` is Kueue's.
pub fn read(object: &Value, pods: &[Pod], queue: Option<&str>) -> QueueState {
    if object.is_null() {
        let words = "the cluster knows nothing of it".to_owned();
        return QueueState { stage: Stage::Unknown, words, restarts: 0 };
    }
    let status = &object["status"];
    let restarts = match object["kind"].as_str() {
        Some("JobSet") => &status["restarts"],
        _ => &status["failed"],
    };
    let restarts = restarts.as_u64().unwrap_or_default() as usize;
    let (stage, words) = standing(object, pods, queue);
    QueueState { stage, words, restarts }
}

fn standing(object: &Value, pods: &[Pod], queue: Option<&str>) -> (Stage, String) {
    let status = &object["status"];
    for name in ["Completed", "Complete", "SuccessCriteriaMet"] {
        if condition(status, name).is_some() {
            return (Stage::Done, "completed".to_owned());
        }
    }
    for name in ["Failed", "FailureTarget"] {
        if let Some(condition) = condition(status, name) {
            return (Stage::Failed, failed(condition, pods));
        }
    }
    if condition(status, "Suspended").is_some() || object["spec"]["suspend"] == true {
        let words = match queue {
            Some(queue) => format!("suspended: it waits in Kueue's queue `{queue}`"),
            None => "suspended".to_owned(),
        };
        return (Stage::Waiting, words);
    }
    let (before, pods): (Vec<&Pod>, Vec<&Pod>) = pods.iter().partition(|pod| pod.prepares);
    // The driver is in the first pod: with it the run begins.
    let begun = pods.iter().any(|pod| pod.index == Some(0) && pod.phase == "Running");
    match (&before[..], &pods[..]) {
        ([], []) => (Stage::Waiting, "it has no pods yet".to_owned()),
        (_, []) => (Stage::Waiting, format!("data are prepared: {}", running(&before))),
        _ if begun => (Stage::Running, running(&pods)),
        _ => (Stage::Waiting, running(&pods)),
    }
}

/// How many pods run, and what keeps another.
fn running(pods: &[&Pod]) -> String {
    let running = pods.iter().filter(|pod| pod.phase == "Running").count();
    let trouble = pods
        .iter()
        .find_map(|pod| Some(format!("; pod {}: {}", pod.index?, pod.trouble.as_ref()?)));
    let over = pods.iter().filter(|pod| pod.phase == "Succeeded").count();
    let over = if over > 0 { format!(", {over} done") } else { String::new() };
    format!("{running} of {} pods run{over}{}", pods.len(), trouble.unwrap_or_default())
}

/// Why it failed: what the cluster says, and what the pods ended with.
fn failed(condition: &Value, pods: &[Pod]) -> String {
    let text = |key: &str| condition[key].as_str().unwrap_or_default();
    let mut words = format!("failed: {}", text("reason"));
    if !text("message").is_empty() {
        words += &format!(": {}", text("message"));
    }
    for pod in pods {
        if let (Some(index), Some(code)) = (pod.index, pod.ended.filter(|code| *code != 0)) {
            let killed = if pod.out_of_memory { ", out of memory" } else { "" };
            words += &format!("; pod {index} ended with {code}{killed}");
        }
    }
    words
}

/// A condition that holds.
fn condition<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = status["conditions"].as_array()?;
    conditions.iter().find(|it| it["type"] == name && it["status"] == "True")
}

/// What is known of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its own name.
    pub name: String,
    /// Its number in the run.
    pub index: Option<usize>,
    /// Whether it only prepares data for the others.
    pub prepares: bool,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Why it does not run, where somebody says so.
    pub trouble: Option<String>,
    /// What its program ended with.
    pub ended: Option<i64>,
    /// Whether memory ran out.
    pub out_of_memory: bool,
}

impl Pod {
    /// The newest pod of each number, in their order, from what `kubectl get pods -o json` says.
    pub fn all(list: &Value) -> Vec<Self> {
        let mut items: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
        // RFC 3339 of one zone sorts as text.
        items.sort_by_key(|it| it["metadata"]["creationTimestamp"].as_str().unwrap_or_default());
        let mut pods: Vec<Self> = Vec::new();
        for pod in items.into_iter().map(Self::read) {
            let place = (pod.index, pod.prepares);
            pods.retain(|older| older.index.is_none() || (older.index, older.prepares) != place);
            pods.push(pod);
        }
        pods.sort_by_key(|pod| pod.index);
        pods
    }

    fn read(pod: &Value) -> Self {
        let (metadata, status) = (&pod["metadata"], &pod["status"]);
        let index = ["labels", "annotations"].iter().find_map(|it| metadata[it][INDEX].as_str());
        let containers = status["containerStatuses"].as_array();
        let ours = containers.into_iter().flatten().find(|it| it["name"] == CONTAINER);
        let state = ours.map(|it| &it["state"]).unwrap_or(&Value::Null);
        let terminated = &state["terminated"];
        Self {
            name: metadata["name"].as_str().unwrap_or_default().to_owned(),
            index: index.and_then(|it| it.parse().ok()),
            prepares: !metadata["labels"][PART_LABEL].is_null(),
            phase: status["phase"].as_str().unwrap_or("Unknown").to_owned(),
            trouble: trouble(status, state),
            ended: terminated["exitCode"].as_i64(),
            out_of_memory: terminated["reason"] == "OOMKilled",
        }
    }
}

/// Why a pod does not run: its container's words, or the scheduler's.
fn trouble(status: &Value, state: &Value) -> Option<String> {
    let words = |it: &Value| {
        let reason = it["reason"].as_str()?;
        let message = it["message"].as_str().map(|it| format!(": {}", it.trim()));
        Some(format!("{reason}{}", message.unwrap_or_default()))
    };
    // These two are how every pod begins.
    let begins = |it: &&Value| {
        !["ContainerCreating", "PodInitializing"].iter().any(|word| it["reason"] == *word)
    };
    if let Some(words) = Some(&state["waiting"]).filter(begins).and_then(words) {
        return Some(words);
    }
    let conditions = status["conditions"].as_array()?;
    let refused = |it: &&Value| it["type"] == "PodScheduled" && it["status"] == "False";
    conditions.iter().find(refused).and_then(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(object: &Value, pods: &Value, expected: Expect) {
        let state = read(object, &Pod::all(pods), Some("a100"));
        expected.assert_eq(&format!("{:?}, {}: {}", state.stage, state.restarts, state.words));
    }

    fn pod(index: usize, status: Value) -> Value {
        json!({
            "metadata": {
                "name": format!("x-{index}-abcde"),
                "creationTimestamp": "2026-11-22T10:00:00Z",
                "labels": {"batch.kubernetes.io/job-completion-index": index.to_string()},
            },
            "status": status,
        })
    }

    fn container(state: Value) -> Value {
        json!([{"name": "node", "state": state}])
    }

    #[test]
    fn a_job_that_begins() {
        let job = json!({"kind": "Job", "status": {}});
        check(&Value::Null, &json!({}), expect!["Unknown, 0: the cluster knows nothing of it"]);
        check(&job, &json!({"items": []}), expect!["Waiting, 0: it has no pods yet"]);
        let running = || {
            pod(
                0,
                json!({"phase": "Running", "containerStatuses": container(json!({"running": {}}))}),
            )
        };
        let creating = json!({"waiting": {"reason": "ContainerCreating"}});
        let creating =
            pod(1, json!({"phase": "Pending", "containerStatuses": container(creating)}));
        check(
            &job,
            &json!({"items": [running(), creating]}),
            expect!["Running, 0: 1 of 2 pods run"],
        );
        let image = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"a/b:1\""}});
        let image = pod(0, json!({"phase": "Pending", "containerStatuses": container(image)}));
        check(
            &job,
            &json!({"items": [image]}),
            expect![[
                r#"Waiting, 0: 0 of 1 pods run; pod 0: ImagePullBackOff: Back-off pulling image "a/b:1""#
            ]],
        );
        let mut share = pod(0, json!({"phase": "Running"}));
        share["metadata"]["labels"]["knowcoder/part"] = json!("prepare");
        let mut last = pod(1, json!({"phase": "Succeeded"}));
        last["metadata"]["labels"]["knowcoder/part"] = json!("prepare");
        check(
            &job,
            &json!({"items": [&share, &last]}),
            expect!["Waiting, 0: data are prepared: 1 of 2 pods run, 1 done"],
        );
        check(
            &job,
            &json!({"items": [share, last, running()]}),
            expect!["Running, 0: 1 of 1 pods run"],
        );
        let message = "0/5 nodes are available: 5 Insufficient nvidia.com/gpu.";
        let scheduled = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]);
        let pending = pod(1, json!({"phase": "Pending", "conditions": scheduled}));
        check(
            &job,
            &json!({"items": [running(), pending]}),
            expect![
                "Running, 0: 1 of 2 pods run; pod 1: Unschedulable: 0/5 nodes are available: 5 Insufficient nvidia.com/gpu."
            ],
        );
    }

    #[test]
    fn a_job_that_waits_or_ends() {
        let with = |kind: &str, name: &str, more: Value| {
            let mut condition = json!({"type": name, "status": "True"});
            if let (Some(condition), Some(more)) = (condition.as_object_mut(), more.as_object()) {
                condition.extend(more.clone());
            }
            json!({"kind": kind, "status": {"restarts": 2, "failed": 1, "conditions": [condition]}})
        };
        let none = json!({});
        let suspended = with("JobSet", "Suspended", json!({}));
        check(
            &suspended,
            &none,
            expect!["Waiting, 2: suspended: it waits in Kueue's queue `a100`"],
        );
        check(&with("JobSet", "Completed", json!({})), &none, expect!["Done, 2: completed"]);
        check(&with("Job", "Complete", json!({})), &none, expect!["Done, 1: completed"]);
        let why = json!({"reason": "PodFailurePolicy", "message": "Container node failed with exit code 65"});
        let ended = json!({"terminated": {"exitCode": 65, "reason": "Error"}});
        let ended = pod(0, json!({"phase": "Failed", "containerStatuses": container(ended)}));
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let killed = pod(1, json!({"phase": "Failed", "containerStatuses": container(killed)}));
        check(
            &with("Job", "Failed", why),
            &json!({"items": [ended, killed]}),
            expect![
                "Failed, 1: failed: PodFailurePolicy: Container node failed with exit code 65; pod 0 ended with 65; pod 1 ended with 137, out of memory"
            ],
        );
    }

    #[test]
    fn of_a_pod_that_was_made_again_the_newest_counts() {
        let mut old = pod(0, json!({"phase": "Failed"}));
        old["metadata"]["creationTimestamp"] = json!("2026-11-22T09:00:00Z");
        let list = json!({"items": [pod(1, json!({"phase": "Running"})), pod(0, json!({"phase": "Running"})), old]});
        let phases: Vec<_> =
            Pod::all(&list).into_iter().map(|pod| (pod.index, pod.phase)).collect();
        assert_eq!(phases, [(Some(0), "Running".to_owned()), (Some(1), "Running".to_owned())]);
    }
}
