//! What is handed to the API server.
//!
//! Written as JSON, which `kubectl` takes as well as YAML, so that no writer of YAML is needed.
//!
//! One Indexed Job holds all pods, whatever is around it: pod 0 runs the driver, which starts the agent of
//! its own node; every other pod is an agent. A pod that fails is made again by itself and comes back to
//! the driver, as far as `max_restarts` goes. Exit codes that mean "somebody must look" end the job.

use super::names;
use super::pod::{self, Pod};
use crate::backend::{Job, Rendered};
use crate::cluster::{Cluster, Kubernetes, Object, OnNodeLoss};
use crate::error::{Error, exit};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Seconds that agents wait for the driver, which prepares data first: a week. A pod that gives up would count as
/// a failure of the job.
const PATIENCE: u64 = 7 * 86_400;

/// The container of each pod.
pub const CONTAINER: &str = "node";

/// The label by which everything of a run is found.
pub const RUN_LABEL: &str = "knowcoder/run";

/// The annotation that says where the run directory lies.
pub const RUN_DIR: &str = "knowcoder/run-dir";

/// Where the run's secret lies in the Secret of its name.
pub const SECRET_KEY: &str = "secret";

/// The label by which Kueue takes a job into its queue.
pub const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";

/// What pods do, by their number. Paths are arguments, so that nothing in them needs a quote.
const SCRIPT: &str = r#"if [ "$JOB_COMPLETION_INDEX" = 0 ]; then exec knowcoder drive --run-dir "$1" --data-root "$2"; else exec knowcoder agent --from-environment; fi"#;

/// What pods of the preparation do: the last to end joins the parts. Of two `$` before a bracket, Kubernetes leaves
/// one.
const PREPARE: &str = r#"exec knowcoder data prepare "$1/recipe.lock" --run-dir "$1" --data-root "$2" --share "$$((JOB_COMPLETION_INDEX + 1))/$3""#;

/// The label that tells pods of a run from those that it consists of.
pub const PART_LABEL: &str = "knowcoder/part";

/// The job inside a JobSet that prepares data, and the value of that label.
const PREPARATION: &str = "prepare";

/// The files of `job` below `RUN/submit/`, in the order in which they are applied.
pub fn render(job: &Job) -> Result<Vec<Rendered>, Error> {
    let run = Run::of(job)?;
    let files = match run.section.object {
        Object::JobSet => vec![("jobset.json", run.jobset())],
        Object::Job => vec![("service.json", run.service()), ("job.json", run.job())],
        Object::TrainJob => {
            vec![("runtime.json", run.runtime()), ("trainjob.json", run.trainjob())]
        }
    };
    let rendered = files.into_iter();
    Ok(rendered
        .map(|(file, manifest)| Rendered { file: file.to_owned(), text: text(manifest) })
        .collect())
}

/// A manifest as a file has it.
pub fn text(manifest: Value) -> String {
    // Maps with strings as keys always have a JSON form.
    serde_json::to_string_pretty(&without_nothing(manifest)).unwrap_or_default() + "\n"
}

/// The Job or JobSet as what belongs to it refers to it; `None` where the cluster did not say which it is.
pub fn owner(object: &Value) -> Option<Value> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(json!({
        "apiVersion": text(&object["apiVersion"])?,
        "kind": text(&object["kind"])?,
        "name": text(&object["metadata"]["name"])?,
        "uid": text(&object["metadata"]["uid"])?,
    }))
}

/// The Secret that holds what pods prove with that they belong to the run; for `kubectl`'s stdin only.
pub fn secret(section: &Kubernetes, name: &str, run_dir: &str, secret: &str) -> String {
    let meta = metadata(section, name, run_dir);
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "type": "Opaque",
        "stringData": {SECRET_KEY: secret},
    });
    without_nothing(manifest).to_string()
}

/// A run with what its manifests need.
struct Run<'a> {
    section: &'a Kubernetes,
    cluster: &'a Cluster,
    job: &'a Job,
    name: String,
    run_dir: String,
    data_root: String,
}

impl<'a> Run<'a> {
    fn of(job: &'a Job) -> Result<Self, Error> {
        let (cluster, section) = (&job.cluster, &job.cluster.kubernetes);
        let wrong = |message: String| Error::new(exit::DECLARATION, message);
        section.check_places(&job.run_dir, &job.data_root).map_err(|message| {
            wrong(message).hint(
                "mount their claim: kubernetes.volumes = [{ claim = \"NAME\", path = \"/PATH\" }]",
            )
        })?;
        let (ranks, gpus) = (cluster.ranks_per_node(), section.gpus_per_node);
        if gpus != 0 && ranks > gpus {
            let message = format!(
                "{ranks} ranks of a pod cannot have a GPU each: kubernetes.gpus_per_node is {gpus}"
            );
            return Err(
                wrong(message).hint("raise gpus_per_node, or spread the ranks over more nodes")
            );
        }
        if section.prepare_shares > 0 && section.object != Object::JobSet {
            let message = format!(
                "kubernetes.prepare_shares is {}, but only a JobSet makes pods wait for others",
                section.prepare_shares
            );
            return Err(wrong(message).hint(
                "leave it out: pod 0 prepares the data; or `knowcoder data prepare --share K/N` before",
            ));
        }
        let plain = |what: &str, path: &Path| match path.to_str() {
            Some(path) => Ok(path.to_owned()),
            None => {
                Err(wrong(format!("the {what} `{}` is not UTF-8; manifests are", path.display())))
            }
        };
        Ok(Self {
            section,
            cluster,
            job,
            name: names::object(&job.run_dir),
            run_dir: plain("run directory", &job.run_dir)?,
            data_root: plain("data root", &job.data_root)?,
        })
    }

    fn jobset(&self) -> Value {
        json!({
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": self.queued(),
            "spec": self.jobset_spec(),
        })
    }

    fn jobset_spec(&self) -> Value {
        let job = names::replicated_job(self.section.object);
        let is_trainjob = self.section.object == Object::TrainJob;
        let labels =
            is_trainjob.then(|| json!({"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}));
        let prepares = self.section.prepare_shares > 0;
        let preparation = prepares.then(|| {
            json!({
                "name": PREPARATION,
                "replicas": 1,
                "template": {"spec": self.preparation()},
            })
        });
        let work = json!({
            "name": job,
            "replicas": 1,
            "dependsOn": prepares.then(|| json!([{"name": PREPARATION, "status": "Complete"}])),
            "template": {"metadata": {"labels": labels}, "spec": self.job_spec()},
        });
        json!({
            "suspend": self.waits().filter(|_| !is_trainjob),
            "ttlSecondsAfterFinished": self.section.ttl_seconds.filter(|_| !is_trainjob),
            "network": {
                "enableDNSHostnames": true,
                "publishNotReadyAddresses": true,
                "subdomain": self.name,
            },
            "successPolicy": {"operator": "All", "targetReplicatedJobs": [job]},
            "failurePolicy": {
                // By then a single pod has used up its own; once more with all of them new.
                "maxRestarts": self.restarts().min(1),
                "rules": [{
                    "name": "somebodyMustLook",
                    "action": "FailJobSet",
                    "onJobFailureReasons": ["PodFailurePolicy"],
                }],
            },
            "replicatedJobs": preparation.into_iter().chain([work]).collect::<Vec<_>>(),
        })
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(self.section, &self.name, &self.run_dir),
            "spec": {
                "clusterIP": "None",
                // The first pod is looked for while it still starts.
                "publishNotReadyAddresses": true,
                "selector": {RUN_LABEL: self.name},
                "ports": [{"name": "coordinator", "port": self.section.port}],
            },
        })
    }

    fn job(&self) -> Value {
        let mut spec = self.job_spec();
        spec["suspend"] = json!(self.waits());
        spec["ttlSecondsAfterFinished"] = json!(self.section.ttl_seconds);
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": self.queued(), "spec": spec})
    }

    /// What Kubeflow makes the pods from; in the namespace, so that no administrator is needed.
    fn runtime(&self) -> Value {
        json!({
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainingRuntime",
            "metadata": metadata(self.section, &self.name, &self.run_dir),
            "spec": {
                "mlPolicy": {"numNodes": self.pods()},
                "template": {"spec": self.jobset_spec()},
            },
        })
    }

    fn trainjob(&self) -> Value {
        json!({
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainJob",
            "metadata": self.queued(),
            "spec": {
                "suspend": self.waits(),
                "runtimeRef": {
                    "apiGroup": "trainer.kubeflow.org",
                    "kind": "TrainingRuntime",
                    "name": self.name,
                },
                "trainer": {"numNodes": self.pods()},
            },
        })
    }

    fn job_spec(&self) -> Value {
        let pods = self.pods();
        json!({
            "completionMode": "Indexed",
            "completions": pods,
            "parallelism": pods,
            "backoffLimitPerIndex": self.restarts(),
            "maxFailedIndexes": 0,
            // Two drivers would fight for the run directory.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": rules()},
            // The driver knows when everything is done; agents that did not hear of it are ended.
            "successPolicy": {"rules": [{"succeededIndexes": "0"}]},
            "template": self.pod(),
        })
    }

    fn pod(&self) -> Value {
        let pod = Pod {
            section: self.section,
            marks: Marks::of(self.section, &self.name, &self.run_dir),
            // JobSet sets it by itself.
            subdomain: Some(&*self.name).filter(|_| self.section.object == Object::Job),
            script: SCRIPT,
            arguments: vec![self.run_dir.clone(), self.data_root.clone()],
            environment: self.environment(),
            computes: true,
            listens: true,
        };
        pod.template()
    }

    /// The pods that prepare a share of the data each, before all others begin.
    fn preparation(&self) -> Value {
        let shares = self.section.prepare_shares;
        let mut marks = Marks::of(self.section, &self.name, &self.run_dir);
        marks.labels.insert(PART_LABEL.to_owned(), PREPARATION.to_owned());
        let pod = Pod {
            section: self.section,
            marks,
            subdomain: None,
            script: PREPARE,
            arguments: vec![self.run_dir.clone(), self.data_root.clone(), shares.to_string()],
            environment: Vec::new(),
            computes: false,
            listens: false,
        };
        json!({
            "completionMode": "Indexed",
            "completions": shares,
            "parallelism": shares,
            "backoffLimitPerIndex": self.restarts(),
            "maxFailedIndexes": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": rules()},
            "template": pod.template(),
        })
    }

    fn environment(&self) -> Vec<Value> {
        let section = self.section;
        let coordinator = names::pod(section.object, &self.name, 0);
        let ours = [
            ("KNOWCODER_COORDINATOR", format!("{coordinator}:{}", section.port)),
            ("KNOWCODER_RUN", run_name(&self.job.run_dir)),
            ("KNOWCODER_NODES", self.pods().to_string()),
            ("KNOWCODER_LEASE_SECONDS", self.cluster.faults.lease.to_string()),
            ("KNOWCODER_JOIN_SECONDS", PATIENCE.to_string()),
        ];
        let plain = ours.into_iter().map(|(name, value)| pod::variable(name, &value));
        plain.chain([pod::secret("KNOWCODER_SECRET", &self.name, SECRET_KEY)]).collect()
    }

    /// Name and marks of what waits in a queue, if there is one.
    fn queued(&self) -> Value {
        let mut metadata = metadata(self.section, &self.name, &self.run_dir);
        if let Some(queue) = &self.section.queue {
            metadata["labels"][QUEUE_LABEL] = json!(queue);
        }
        metadata
    }

    /// Whether it is made suspended: Kueue lets it begin.
    fn waits(&self) -> Option<bool> {
        self.section.queue.is_some().then_some(true)
    }

    fn pods(&self) -> usize {
        self.cluster.nodes + self.cluster.spares
    }

    /// How often a pod that failed is made again.
    fn restarts(&self) -> u32 {
        match self.cluster.faults.on_node_loss {
            OnNodeLoss::Stop => 0,
            _ => self.section.max_restarts,
        }
    }
}

/// What becomes of a job when a pod fails, the first rule that fits: exit codes after which the same
/// would happen again end it; a pod that was taken away is made again, and does not count; a run that was
/// stopped stays so. All else counts.
fn rules() -> Value {
    let look = [exit::DECLARATION, exit::DATA, exit::BACKEND, exit::BUG, exit::DIVERGED];
    json!([ends(&look), taken_away(), ends(&[exit::STOPPED])])
}

/// Pods that end with one of these codes end the job.
pub fn ends(codes: &[u8]) -> Value {
    json!({
        "action": "FailJob",
        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": codes},
    })
}

/// Pods that were taken away are made again, and do not count.
pub fn taken_away() -> Value {
    json!({
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    })
}

/// Name and marks of an object of the run.
pub fn metadata(section: &Kubernetes, name: &str, run_dir: &str) -> Value {
    let Marks { labels, annotations } = Marks::of(section, name, run_dir);
    json!({
        "name": name,
        "namespace": section.namespace,
        "labels": labels,
        "annotations": annotations,
    })
}

/// What everything of a run carries.
#[derive(Serialize)]
pub struct Marks {
    /// By which it is found.
    pub labels: BTreeMap<String, String>,
    /// What else is known of it.
    pub annotations: BTreeMap<String, String>,
}

impl Marks {
    /// Of the object `name`, whose work lies in `run_dir`.
    pub fn of(section: &Kubernetes, name: &str, run_dir: &str) -> Self {
        let Kubernetes { mut labels, mut annotations, .. } = section.clone();
        labels.insert(RUN_LABEL.to_owned(), name.to_owned());
        annotations.insert(RUN_DIR.to_owned(), run_dir.to_owned());
        Self { labels, annotations }
    }
}

/// `text` as the pod shall see it: Kubernetes puts variables in the place of `$(NAME)`.
pub fn literally(text: &str) -> String {
    text.replace('$', "$$")
}

/// The same without keys that have no value.
fn without_nothing(value: Value) -> Value {
    let is_something = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    };
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().map(|(key, value)| (key, without_nothing(value)));
            Value::Object(kept.filter(|(_, value)| is_something(value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nothing).collect()),
        other => other,
    }
}

/// What the driver calls the run: its directory.
fn run_name(run_dir: &Path) -> String {
    run_dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
