//! Runs on Kubernetes, with recorded answers in the place of a cluster: what `kubectl` is asked, what becomes of
//! its answers, and where the run's secret is not.

use crate::program::{fixture, knowcoder, root, stderr};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with a `kubectl` that answers what was recorded, a cluster file and a run directory.
struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    fn new(answers: &[Value]) -> Self {
        let it = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(it.folder.path().join("bin")).unwrap();
        // With its permissions.
        std::fs::copy(fixture("kubernetes/kubectl"), it.folder.path().join("bin/kubectl")).unwrap();
        it.describe("jobset", "");
        it.answer(answers);
        it
    }

    /// Writes the cluster file.
    fn describe(&self, object: &str, more: &str) {
        let volume = self.folder.path().display();
        let text = format!(
            "[cluster]\nbackend = \"kubernetes\"\nranks = 2\nnodes = 2\n\n[kubernetes]\nobject = \"{object}\"\n\
             namespace = \"ml\"\nimage = \"registry.example.org/knowcoder:0.1.0\"\n\
             volumes = [{{ claim = \"runs\", path = \"{volume}\" }}]\n{more}\n"
        );
        std::fs::write(self.folder.path().join("cluster.toml"), text).unwrap();
    }

    fn answer(&self, answers: &[Value]) {
        let text = Value::from(answers.to_vec()).to_string();
        std::fs::write(self.folder.path().join("answers.json"), text).unwrap();
    }

    fn run_dir(&self) -> PathBuf {
        self.folder.path().join("tiny")
    }

    /// The program where such a `kubectl` is the first one.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = knowcoder(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}/bin:{path}", self.folder.path().display()));
        command.env("KNOWCODER_KUBECTL", self.folder.path());
        command
    }

    fn submission(&self, more: &[&str]) -> Command {
        let mut command = self.program(&["submit"]);
        command.arg(fixture("tiny.toml")).arg("--run-dir").arg(self.run_dir());
        command.arg("--cluster").arg(self.folder.path().join("cluster.toml"));
        command.arg("--data-root").arg(self.folder.path().join("data")).args(more);
        command
    }

    fn submit(&self) -> Output {
        self.submission(&[]).output().unwrap()
    }

    fn ask(&self, verb: &str, more: &[&str]) -> Output {
        self.program(&[verb]).arg(self.run_dir()).args(more).output().unwrap()
    }

    fn calls(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("calls.jsonl"));
        let text = text.unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Whether `kubectl` was called with these words among others, in this order.
    fn was_asked(&self, words: &[&str]) -> bool {
        self.calls().iter().any(|call| {
            let arguments = call["arguments"].as_array().unwrap();
            let mut rest = arguments.iter().filter_map(Value::as_str);
            words.iter().all(|word| rest.any(|it| it.contains(word)))
        })
    }
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{:?}\n{}", output.status, stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn failed(output: &Output, code: i32, parts: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

fn answer(when: &[&str], stdout: Value) -> Value {
    json!({"when": when, "stdout": stdout})
}

fn refusal(when: &[&str], stderr: &str) -> Value {
    json!({"when": when, "stderr": stderr, "code": 1})
}

/// A JobSet with these conditions, and its first pod in this phase.
fn jobset(run_dir: &Path, conditions: Value, phase: &str) -> Vec<Value> {
    let pod = json!({
        "metadata": {
            "name": "tiny-workers-0-0-abcde",
            "labels": {"batch.kubernetes.io/job-completion-index": "0"},
        },
        "status": {"phase": phase},
    });
    let object = json!({
        "kind": "JobSet",
        "metadata": {"annotations": {"knowcoder/run-dir": run_dir}},
        "status": {"conditions": conditions},
    });
    vec![
        answer(&["get", "pods"], json!({"items": [pod]})),
        answer(&["get", "--ignore-not-found"], object),
    ]
}

/// Every file below, with its text.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            found.push((path, text));
        }
    }
    found
}

#[test]
fn manifests_are_written_without_a_cluster() {
    let cluster = Cluster::new(&[]);
    for (object, expected) in [
        ("jobset", &["jobset.json"][..]),
        ("job", &["job.json", "service.json"]),
        ("trainjob", &["runtime.json", "trainjob.json"]),
    ] {
        cluster.describe(object, "");
        let _ = std::fs::remove_dir_all(cluster.run_dir());
        succeeded(&cluster.submission(&["--render"]).output().unwrap());
        for file in expected {
            let text =
                std::fs::read_to_string(cluster.run_dir().join("submit").join(file)).unwrap();
            let manifest: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(manifest["metadata"]["namespace"], "ml", "{file}");
        }
    }
    assert!(cluster.calls().is_empty());
}

#[test]
fn a_run_is_handed_over_and_its_secret_only_through_a_pipe() {
    let cluster = Cluster::new(&[]);
    succeeded(&cluster.submit());
    let job = std::fs::read_to_string(cluster.run_dir().join("job.json")).unwrap();
    let job: Value = serde_json::from_str(&job).unwrap();
    assert_eq!(job["backend"], "kubernetes");
    let id = job["ids"][0].as_str().unwrap();
    assert!(id.starts_with("jobsets.jobset.x-k8s.io/tiny-"), "{id}");
    assert!(cluster.was_asked(&["--namespace=ml", "apply", "-f", "submit/jobset.json"]));
    let secret = std::fs::read_to_string(cluster.run_dir().join("secret")).unwrap();
    let secret = secret.trim();
    let given: Vec<Value> = cluster.calls();
    let through_pipe = given.iter().filter(|call| call["stdin"].to_string().contains(secret));
    assert_eq!(through_pipe.count(), 1);
    for call in &given {
        assert!(!call["arguments"].to_string().contains(secret));
        let environment = call["environment"].as_array().unwrap();
        assert!(environment.iter().all(|name| name != "KNOWCODER_SECRET"));
    }
    let own = cluster.run_dir().join("secret");
    for (path, text) in files(&cluster.run_dir()) {
        assert!(path == own || !text.contains(secret), "{}", path.display());
    }
}

#[test]
fn refusals_are_one_sentence_with_a_way_out() {
    let cluster = Cluster::new(&[refusal(
        &["apply", "--server-side"],
        "Error from server (NotFound): namespaces \"ml\" not found\n",
    )]);
    let parts = ["error: there is no namespace `ml`", "hint: ", "kubernetes.namespace"];
    failed(&cluster.submit(), 64, &parts);
    cluster.answer(&[refusal(
        &["get", "-o"],
        "error: the server doesn't have a resource type \"jobsets\"\n",
    )]);
    failed(&cluster.submit(), 69, &["its custom resource is not installed", "object = \"job\""]);
    cluster.answer(&[refusal(
        &["apply", "--server-side"],
        "Error from server (Forbidden): secrets \"x\" is forbidden: User \"ann\" cannot patch resource \"secrets\"\n",
    )]);
    failed(&cluster.submit(), 69, &["the cluster forbids it in namespace `ml`", "\"ann\""]);
    cluster.answer(&[refusal(
        &["get"],
        "The connection to the server localhost:8080 was refused - did you specify the right host or port?\n",
    )]);
    failed(&cluster.submit(), 69, &["the cluster cannot be reached", "kubectl cluster-info"]);
    assert!(!cluster.run_dir().join("job.json").exists());
}

#[test]
fn without_kubectl_it_says_so() {
    let cluster = Cluster::new(&[]);
    let mut command = cluster.submission(&[]);
    command.env("PATH", cluster.folder.path().join("none"));
    failed(&command.output().unwrap(), 69, &["there is no `kubectl`", "hint: "]);
}

#[test]
fn a_secret_in_the_cluster_file_is_refused_and_not_repeated() {
    let cluster = Cluster::new(&[]);
    cluster.describe("jobset", "env = { HF_TOKEN = \"hf_0123456789\" }");
    let output = cluster.submit();
    failed(&output, 64, &["kubernetes.env.HF_TOKEN looks like a secret", "secrets = [{ name"]);
    assert!(!stderr(&output).contains("hf_0123456789"));
}

#[test]
fn what_keeps_a_pod_from_running_is_shown() {
    let cluster = Cluster::new(&[]);
    succeeded(&cluster.submit());
    let mut answers = jobset(&cluster.run_dir(), json!([]), "Pending");
    let message = "Back-off pulling image \"registry.example.org/knowcoder:0.1.0\"";
    answers[0]["stdout"]["items"][0]["status"]["containerStatuses"] = json!([
        {"name": "node", "state": {"waiting": {"reason": "ImagePullBackOff", "message": message}}},
    ]);
    cluster.answer(&answers);
    let said = succeeded(&cluster.ask("status", &[]));
    assert!(said.contains("ImagePullBackOff") && said.contains("Back-off pulling image"), "{said}");
}

#[test]
fn a_run_is_cancelled() {
    let cluster = Cluster::new(&[]);
    succeeded(&cluster.submit());
    cluster.answer(&jobset(&cluster.run_dir(), json!([]), "Running"));
    succeeded(&cluster.ask("cancel", &[]));
    assert!(cluster.run_dir().join("stop").exists());
    assert!(!cluster.was_asked(&["delete"]));
    succeeded(&cluster.ask("cancel", &["--now"]));
    assert!(cluster.was_asked(&["delete", "jobsets.jobset.x-k8s.io/tiny-", "secret/tiny-"]));
}

#[test]
fn a_run_that_failed_is_taken_up_again() {
    let cluster = Cluster::new(&[]);
    succeeded(&cluster.submit());
    let condition = json!([{"type": "Failed", "status": "True", "reason": "FailedJobs", "message": "jobset failed"}]);
    cluster.answer(&jobset(&cluster.run_dir(), condition, "Failed"));
    let before = cluster.calls().len();
    succeeded(&cluster.ask("resume", &[]));
    assert!(cluster.was_asked(&[
        "delete",
        "jobsets.jobset.x-k8s.io/tiny-",
        "secret/tiny-",
        "--cascade=foreground"
    ]));
    let applied = cluster.calls()[before..]
        .iter()
        .filter(|call| call["arguments"].to_string().contains("apply"))
        .count();
    assert_eq!(applied, 2);
    // While it goes on, there is nothing to take up.
    cluster.answer(&jobset(&cluster.run_dir(), json!([]), "Running"));
    failed(&cluster.ask("resume", &[]), 75, &["has a job already: kubernetes job "]);
}

/// The schemas of Kubernetes itself, where the reference environment is: CI has it.
#[test]
fn what_is_written_fits_the_schemas() {
    let environment = std::env::var_os("KNOWCODER_REFERENCE").map(PathBuf::from).or_else(|| {
        Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/knowcoder/reference"))
    });
    let python = environment.unwrap_or_default().join("bin/python");
    let asked = Command::new(&python)
        .args(["-c", "import kubernetes_validate, kubeflow_trainer_api"])
        .output();
    if !asked.is_ok_and(|output| output.status.success()) {
        // .ci/run validates the same manifests once it has made the environment, which is after the tests.
        eprintln!(
            "SKIPPED: no kubernetes-validate and kubeflow-trainer-api in `{}`; scripts/reference/setup.sh",
            python.display()
        );
        return;
    }
    let cluster = Cluster::new(&[]);
    let mut check = Command::new(python);
    check.arg(root().join("scripts/cluster/kubernetes_manifests.py"));
    for object in ["jobset", "job", "trainjob"] {
        cluster.describe(object, "gpus_per_node = 1\nmemory = \"64Gi\"\nqueue = \"a100\"");
        let folder = cluster.folder.path().join(object);
        let _ = std::fs::remove_dir_all(cluster.run_dir());
        succeeded(&cluster.submission(&["--render"]).output().unwrap());
        let written = files(&cluster.run_dir().join("submit")).into_iter();
        // Beside them lies the lock of whoever submits.
        let written = written.filter(|(path, _)| path.extension().is_some_and(|it| it == "json"));
        check.args(written.map(|(path, _)| {
            let kept = folder.with_extension(path.file_name().unwrap_or_default());
            std::fs::copy(&path, &kept).unwrap();
            kept
        }));
    }
    let output = check.output().unwrap();
    let said = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(output.status.success(), "{}", said.concat());
}
