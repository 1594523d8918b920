//! What is handed to the API server.
//!
//! Written as JSON, which `kubectl` takes as well as YAML, so that no writer of YAML is needed.
//!
//! One Indexed Job holds all pods, whatever is around it: pod 0 runs the driver, which starts the agent of
//! its own node; every other pod is an agent. A pod that fails is made again by itself and comes back to
//! the driver, as far as `max_restarts` goes. Exit codes that mean "somebody must look" end the job.

use super::names;
use crate::backend::{Job, Rendered};
use crate::cluster::{Cluster, Kubernetes, Object, OnNodeLoss};
use crate::error::{Error, exit};
use serde::Serialize;
use serde_json::{Map, Value, json};
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
const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";

/// What pods do, by their number. Paths are arguments, so that nothing in them needs a quote.
const SCRIPT: &str = r#"if [ "$JOB_COMPLETION_INDEX" = 0 ]; then exec knowcoder drive --run-dir "$1" --data-root "$2"; else exec knowcoder agent --from-environment; fi"#;

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
    let rendered = files.into_iter().map(|(file, manifest)| {
        // Maps with strings as keys always have a JSON form.
        let text = serde_json::to_string_pretty(&without_nothing(manifest)).unwrap_or_default();
        Rendered { file: file.to_owned(), text: text + "\n" }
    });
    Ok(rendered.collect())
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
        let text = |what: &str, path: &Path| match path.to_str() {
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
            run_dir: text("run directory", &job.run_dir)?,
            data_root: text("data root", &job.data_root)?,
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
            "replicatedJobs": [{
                "name": job,
                "replicas": 1,
                "template": {"metadata": {"labels": labels}, "spec": self.job_spec()},
            }],
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
        let section = self.section;
        let name = &self.name;
        json!({
            "metadata": Marks::of(section, name, &self.run_dir),
            "spec": {
                "restartPolicy": "Never",
                // JobSet sets it by itself.
                "subdomain": Some(name).filter(|_| section.object == Object::Job),
                "serviceAccountName": section.service_account,
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                // Orphans of ranks are reaped by the pod's first process, which then is not ours.
                "shareProcessNamespace": true,
                "terminationGracePeriodSeconds": section.grace_seconds,
                "nodeSelector": section.node_selector,
                "tolerations": self.tolerations(),
                "securityContext": {
                    "runAsNonRoot": true,
                    "runAsUser": section.user,
                    "runAsGroup": section.group,
                },
                "containers": [self.container()],
                "volumes": self.volumes(),
            },
        })
    }

    fn container(&self) -> Value {
        let section = self.section;
        let paths = [&self.run_dir, &self.data_root].map(|path| literally(path));
        let shared = json!({"name": "shared-memory", "mountPath": "/dev/shm"});
        let mounts = section.volumes.iter().enumerate().map(|(index, volume)| {
            json!({
                "name": format!("volume-{index}"),
                "mountPath": volume.path,
                "readOnly": volume.read_only.then_some(true),
            })
        });
        json!({
            "name": CONTAINER,
            "image": section.image,
            "imagePullPolicy": section.image_pull_policy,
            "command": ["/bin/sh", "-c", SCRIPT, "knowcoder", paths[0], paths[1]],
            "env": self.environment(),
            "ports": [{"name": "coordinator", "containerPort": section.port}],
            "resources": self.resources(),
            "securityContext": {"allowPrivilegeEscalation": false},
            "volumeMounts": mounts.chain([shared]).collect::<Vec<_>>(),
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
        let plain =
            ours.into_iter().map(|(name, value)| json!({"name": name, "value": literally(&value)}));
        let theirs = section
            .env
            .iter()
            .map(|(name, value)| json!({"name": name, "value": literally(value)}));
        let secret = |name: &str, secret: &str, key: &str| {
            json!({
                "name": name,
                "valueFrom": {"secretKeyRef": {"name": secret, "key": key}},
            })
        };
        let ours_too = secret("KNOWCODER_SECRET", &self.name, SECRET_KEY);
        let secrets = section.secrets.iter().map(|it| secret(&it.name, &it.secret, &it.key));
        plain.chain([ours_too]).chain(theirs).chain(secrets).collect()
    }

    fn resources(&self) -> Value {
        let Kubernetes { cpu, memory, gpu, gpus_per_node, .. } = self.section;
        let mut limits = Map::new();
        if let Some(memory) = memory {
            limits.insert("memory".to_owned(), json!(memory));
        }
        if *gpus_per_node > 0 {
            limits.insert(gpu.clone(), json!(gpus_per_node.to_string()));
        }
        // CPUs have no limit: a limit stops threads that would disturb nobody.
        json!({"requests": {"cpu": cpu, "memory": memory}, "limits": limits})
    }

    fn volumes(&self) -> Vec<Value> {
        let claims = self.section.volumes.iter().enumerate().map(|(index, volume)| {
            let only = volume.read_only.then_some(true);
            json!({
                "name": format!("volume-{index}"),
                "persistentVolumeClaim": {"claimName": volume.claim, "readOnly": only},
            })
        });
        // What a container has by itself, 64 MiB, is too small for NCCL.
        let shared = json!({
            "name": "shared-memory",
            "emptyDir": {"medium": "Memory", "sizeLimit": self.section.shared_memory},
        });
        claims.chain([shared]).collect()
    }

    fn tolerations(&self) -> Vec<Value> {
        let tolerations = self.section.tolerations.iter().map(|it| {
            json!({
                "key": it.key,
                "operator": it.operator,
                "value": it.value,
                "effect": it.effect,
                "tolerationSeconds": it.seconds,
            })
        });
        tolerations.collect()
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
    let ends = |codes: &[u8]| {
        json!({
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": codes},
        })
    };
    let taken_away = json!({
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    });
    let look = [exit::DECLARATION, exit::DATA, exit::BACKEND, exit::BUG, exit::DIVERGED];
    json!([ends(&look), taken_away, ends(&[exit::STOPPED])])
}

/// Name and marks of an object of the run.
fn metadata(section: &Kubernetes, name: &str, run_dir: &str) -> Value {
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
struct Marks {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Marks {
    fn of(section: &Kubernetes, name: &str, run_dir: &str) -> Self {
        let Kubernetes { mut labels, mut annotations, .. } = section.clone();
        labels.insert(RUN_LABEL.to_owned(), name.to_owned());
        annotations.insert(RUN_DIR.to_owned(), run_dir.to_owned());
        Self { labels, annotations }
    }
}

/// `text` as the pod shall see it: Kubernetes puts variables in the place of `$(NAME)`.
fn literally(text: &str) -> String {
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
