//! A pod of ours, whatever it does: its image, what it sees, what it may use.

use super::manifest::{CONTAINER, Marks, literally};
use crate::cluster::Kubernetes;
use serde_json::{Map, Value, json};

/// What all pods of a job are made from.
pub struct Pod<'a> {
    /// What the cluster file says.
    pub section: &'a Kubernetes,
    /// What it carries.
    pub marks: Marks,
    /// The Service in which it has a name, unless somebody else sees to that.
    pub subdomain: Option<&'a str>,
    /// What its shell does.
    pub script: &'a str,
    /// `$1` and so on of that: nothing in them needs a quote.
    pub arguments: Vec<String>,
    /// Its variables beside those of the cluster file.
    pub environment: Vec<Value>,
    /// Whether it computes: it has the GPUs.
    pub computes: bool,
    /// Whether others come to it.
    pub listens: bool,
}

impl Pod<'_> {
    /// As a Job has it.
    pub fn template(&self) -> Value {
        let section = self.section;
        json!({
            "metadata": self.marks,
            "spec": {
                "restartPolicy": "Never",
                "subdomain": self.subdomain,
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
        let first = ["/bin/sh", "-c", self.script, "knowcoder"].map(str::to_owned);
        let arguments = self.arguments.iter().map(|it| literally(it));
        let command: Vec<String> = first.into_iter().chain(arguments).collect();
        let port = json!({"name": "coordinator", "containerPort": section.port});
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
            "command": command,
            "env": self.variables(),
            "ports": self.listens.then_some([port]),
            "resources": self.resources(),
            "securityContext": {"allowPrivilegeEscalation": false},
            "volumeMounts": mounts.chain([shared]).collect::<Vec<_>>(),
        })
    }

    fn variables(&self) -> Vec<Value> {
        let section = self.section;
        let plain = section.env.iter().map(|(name, value)| variable(name, value));
        let secret = section.secrets.iter().map(|it| secret(&it.name, &it.secret, &it.key));
        self.environment.iter().cloned().chain(plain).chain(secret).collect()
    }

    fn resources(&self) -> Value {
        let Kubernetes { cpu, memory, gpu, gpus_per_node, .. } = self.section;
        let mut limits = Map::new();
        if let Some(memory) = memory {
            limits.insert("memory".to_owned(), json!(memory));
        }
        if self.computes && *gpus_per_node > 0 {
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
}

/// A variable with a value that anybody may read.
pub fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": literally(value)})
}

/// A variable whose value lies in a Secret.
pub fn secret(name: &str, secret: &str, key: &str) -> Value {
    json!({
        "name": name,
        "valueFrom": {"secretKeyRef": {"name": secret, "key": key}},
    })
}
