//! `[kubernetes]` of a cluster file.

mod check;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A cluster with Kubernetes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// What the pods are made by.
    pub object: Object,
    /// Where it is made; without it, where `kubectl` would.
    pub namespace: Option<String>,
    /// Which of `kubectl`'s contexts is meant; without it, the current one.
    pub context: Option<String>,
    /// The image with this program in it.
    pub image: String,
    /// When a node asks the registry for it; without it, as the cluster does.
    pub image_pull_policy: Option<PullPolicy>,
    /// The local queue of Kueue's in which the job waits; without it, it does not wait.
    pub queue: Option<String>,
    /// What the cluster calls a GPU.
    pub gpu: String,
    /// GPUs of each pod; 0: none.
    pub gpus_per_node: usize,
    /// CPUs that each pod asks for, such as `32` or `500m`.
    pub cpu: Option<String>,
    /// Memory that each pod asks for and may use, such as `200Gi`.
    pub memory: Option<String>,
    /// Most that may lie in `/dev/shm` of a pod; it counts as its memory.
    pub shared_memory: String,
    /// What pods see of file systems; run directory and data lie on one of them.
    pub volumes: Vec<Volume>,
    /// As whom the cluster knows the pods.
    pub service_account: Option<String>,
    /// User that the processes run as, a number; without it, the image's.
    pub user: Option<u32>,
    /// Group that the processes run as, a number; without it, the image's.
    pub group: Option<u32>,
    /// Labels that a machine must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are no hindrance.
    pub tolerations: Vec<Toleration>,
    /// Variables with values that anybody may read.
    pub env: BTreeMap<String, String>,
    /// Variables with values that lie in secrets of the namespace.
    pub secrets: Vec<SecretVariable>,
    /// Put on everything that is made.
    pub annotations: BTreeMap<String, String>,
    /// Put on everything that is made.
    pub labels: BTreeMap<String, String>,
    /// How many pods prepare the data before all others begin, a share each; 0: pod 0 does, in the run.
    pub prepare_shares: usize,
    /// How often a pod that failed is made again.
    pub max_restarts: u32,
    /// Seconds after which the cluster forgets a job that is over; without it, never.
    pub ttl_seconds: Option<u32>,
    /// Seconds that a pod has to save when it is taken away.
    pub grace_seconds: u32,
    /// Port of the first pod that the others come to.
    pub port: u16,
}

/// What the pods of a run are made by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Object {
    /// `JobSet` of jobset.x-k8s.io, which an administrator installs.
    #[default]
    JobSet,
    /// An Indexed Job and a headless Service, which every cluster has.
    Job,
    /// Kubeflow's `TrainJob`: written for others to submit.
    TrainJob,
}

/// When a node asks the registry for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Before each start.
    Always,
    /// When it has none of that name.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// A file system as pods see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Name of its PersistentVolumeClaim.
    pub claim: String,
    /// Where it lies in each pod.
    pub path: String,
    /// Whether pods only read it.
    #[serde(default)]
    pub read_only: bool,
}

/// A taint that is no hindrance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Toleration {
    /// Its key; without it, every key.
    pub key: Option<String>,
    /// `Equal` or `Exists`.
    pub operator: Option<String>,
    /// Its value, for `Equal`.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; without it, all of them.
    pub effect: Option<String>,
    /// Seconds until it becomes one, for `NoExecute`.
    pub seconds: Option<u32>,
}

/// A variable whose value lies in a secret of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVariable {
    /// Its name in pods.
    pub name: String,
    /// Name of the secret.
    pub secret: String,
    /// Where in the secret its value lies.
    pub key: String,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            object: Object::default(),
            namespace: None,
            context: None,
            image: String::new(),
            image_pull_policy: None,
            queue: None,
            gpu: "nvidia.com/gpu".to_owned(),
            gpus_per_node: 0,
            cpu: None,
            memory: None,
            // NCCL's buffers between the GPUs of a node; what is not used costs nothing.
            shared_memory: "16Gi".to_owned(),
            volumes: Vec::new(),
            service_account: None,
            user: None,
            group: None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            env: BTreeMap::new(),
            secrets: Vec::new(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            prepare_shares: 0,
            max_restarts: 3,
            ttl_seconds: None,
            grace_seconds: 300,
            port: 29_400,
        }
    }
}

impl Kubernetes {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        check::section(self)
    }

    /// Refuses a run that its pods could not see, or not write.
    pub fn check_places(&self, run_dir: &Path, data_root: &Path) -> Result<(), String> {
        check::places(self, run_dir, data_root)
    }

    /// Refuses a file that pods could not see; `what` it is.
    pub fn check_file(&self, what: &str, path: &Path) -> Result<(), String> {
        check::file(self, what, path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn read(text: &str) -> Result<Kubernetes, String> {
        let section: Kubernetes = toml::from_str(text).map_err(|error| error.to_string())?;
        section.check().map(|()| section)
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&read(&format!("image = \"i\"\n{text}")).unwrap_err());
    }

    #[test]
    fn a_whole_section_is_read_and_written_back() {
        let text = r#"
            object = "job"
            namespace = "ml"
            context = "prod"
            image = "registry.example.org/knowcoder:0.1.0"
            image_pull_policy = "IfNotPresent"
            queue = "a100"
            gpus_per_node = 8
            cpu = "64"
            memory = "900Gi"
            shared_memory = "64Gi"
            volumes = [{ claim = "runs", path = "/runs" }, { claim = "data", path = "/data", read_only = true }]
            service_account = "trainer"
            user = 1000
            group = 100
            node_selector = { "gpu.example.org/kind" = "h100" }
            tolerations = [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]
            env = { NCCL_DEBUG = "WARN", TOKENIZERS_PARALLELISM = "false" }
            secrets = [{ name = "WANDB_API_KEY", secret = "wandb", key = "key" }]
            annotations = { "example.org/owner" = "Ann" }
            labels = { team = "ie" }
            max_restarts = 5
            ttl_seconds = 86400
            grace_seconds = 120
            port = 29500
        "#;
        let section = read(text).unwrap();
        assert_eq!(section.object, Object::Job);
        assert_eq!(section.volumes[1].path, "/data");
        let written = toml::Table::try_from(&section).unwrap().to_string();
        assert_eq!(read(&written).unwrap(), section);
    }

    #[test]
    fn slips_are_named() {
        expect!["kubernetes.image is empty; it names the image that the pods run, such as `registry.example.org/knowcoder:0.1.0`"]
            .assert_eq(&read("").unwrap_err());
        check(
            "namespace = \"My_Team\"",
            expect![
                "kubernetes.namespace is `My_Team`; names there have at most 63 letters a-z, digits and `-`, and begin and end with a letter or digit"
            ],
        );
        check(
            "memory = \"12GB\"",
            expect![
                "kubernetes.memory is `12GB`; quantities are numbers such as `8`, `500m`, `64Gi` or `1.5Ti`"
            ],
        );
        check(
            "shared_memory = \"0\"",
            expect![
                "kubernetes.shared_memory is `0`; quantities are numbers such as `8`, `500m`, `64Gi` or `1.5Ti`"
            ],
        );
        check(
            "volumes = [{ claim = \"runs\", path = \"runs\" }]",
            expect!["kubernetes.volumes: `runs` is no absolute path without `:` and `..`"],
        );
        check(
            "volumes = [{ claim = \"a\", path = \"/x\" }, { claim = \"b\", path = \"/x/\" }]",
            expect!["kubernetes.volumes: two claims lie at `/x`; a path can hold one of them"],
        );
        check(
            "labels = { \"a b\" = \"c\" }",
            expect!["kubernetes.labels: `a b` is no name such as `team` or `example.org/team`"],
        );
        check(
            "tolerations = [{ operator = \"exist\" }]",
            expect![
                "kubernetes.tolerations: operator `exist` is unknown; known are: Equal, Exists"
            ],
        );
        check(
            "prepare_shares = 5000",
            expect!["kubernetes.prepare_shares is 5000; it must be between 0 and 1000"],
        );
        check(
            "port = 80",
            expect!["kubernetes.port is 80; it must be at least 1024: the pods' user is not root"],
        );
        check(
            "env = { KNOWCODER_SECRET = \"1\" }",
            expect!["kubernetes.env: `KNOWCODER_SECRET` is set by knowcoder itself"],
        );
    }

    #[test]
    fn secrets_are_refused_and_not_repeated() {
        for (name, value) in [
            ("WANDB_API_KEY", "0123456789abcdef"),
            ("HF_TOKEN", "x"),
            ("DATABASE", "postgres://ann:hunter2@db/x"),
            ("SOME", "ghp_0123456789abcdef0123456789abcdef0123"),
            ("PASSWORD", "hunter2"),
        ] {
            let error =
                read(&format!("image = \"i\"\nenv = {{ {name} = \"{value}\" }}")).unwrap_err();
            assert!(
                error.contains(&format!("kubernetes.env.{name} looks like a secret")),
                "{error}"
            );
            assert!(!error.contains(value) || value == "x", "{error}");
        }
        for (name, value) in [
            ("TOKENIZERS_PARALLELISM", "false"),
            ("MAX_TOKENS", "512"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/key.json"),
            ("S3_ENDPOINT", "https://s3.example.org"),
        ] {
            read(&format!("image = \"i\"\nenv = {{ {name} = \"{value}\" }}")).unwrap();
        }
    }

    #[test]
    fn a_run_lies_where_pods_see_it() {
        let section = read(
            "image = \"i\"\nvolumes = [{ claim = \"r\", path = \"/runs\" }, { claim = \"d\", path = \"/data\", read_only = true }]",
        )
        .unwrap();
        let check = |run: &str, data: &str| section.check_places(Path::new(run), Path::new(data));
        check("/runs/a", "/data/corpora").unwrap();
        check("/runs/a", "s3://bucket/corpora").unwrap();
        expect!["the run directory `/home/ann/a` lies on none of kubernetes.volumes (`/runs`, `/data`); pods could not see it"]
            .assert_eq(&check("/home/ann/a", "/data").unwrap_err());
        expect!["the run directory `/data/a` lies on the volume `/data`, which pods only read"]
            .assert_eq(&check("/data/a", "/data").unwrap_err());
        expect!["the data root `/runsx` lies on none of kubernetes.volumes (`/runs`, `/data`); pods could not see it"]
            .assert_eq(&check("/runs/a", "/runsx").unwrap_err());
    }
}
