#![allow(clippy::unwrap_used)]

use super::*;
use crate::backend::Queue as _;
use crate::cluster::{Faults, OnNodeLoss};
use expect_test::{expect, expect_file};
use serde_json::json;
use std::time::Duration;

/// A run on 4 nodes and a spare of 8 GPUs each, with everything that a section can say.
fn job(object: Object) -> Job {
    let text = r#"
        [cluster]
        backend = "kubernetes"
        ranks = 32
        nodes = 4
        spares = 1
        [deadlines]
        join = 900
        [kubernetes]
        namespace = "ml"
        image = "registry.example.org/knowcoder:0.1.0-cuda"
        image_pull_policy = "IfNotPresent"
        queue = "a100"
        gpus_per_node = 8
        cpu = "64"
        memory = "900Gi"
        volumes = [{ claim = "runs", path = "/runs" }, { claim = "corpora", path = "/data", read_only = true }]
        service_account = "trainer"
        user = 1000
        group = 100
        node_selector = { "example.org/gpu" = "a100-80" }
        tolerations = [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]
        env = { NCCL_DEBUG = "WARN", PRICE = "5$(HOME)" }
        secrets = [{ name = "WANDB_API_KEY", secret = "wandb", key = "api-key" }]
        annotations = { "example.org/owner" = "Ann" }
        labels = { team = "ie" }
        ttl_seconds = 86400
    "#;
    let mut cluster = Cluster::parse(text, Path::new("c.toml")).unwrap();
    cluster.kubernetes.object = object;
    Job {
        name: "knowcoder-x-7b".to_owned(),
        run_dir: "/runs/knowcoder-x-7b".into(),
        data_root: "/data/corpora".into(),
        program: "/usr/local/bin/knowcoder".into(),
        cluster,
        phases: vec!["schema-understanding".to_owned(), "instruction".to_owned()],
    }
}

/// The smallest section that is one, for a run in `run_dir`.
fn small(object: Object, run_dir: &Path) -> Job {
    let folder = run_dir.parent().unwrap();
    let text = format!(
        r#"
        [cluster]
        backend = "kubernetes"
        ranks = 2
        nodes = 2
        [kubernetes]
        image = "knowcoder:0.1.0"
        volumes = [{{ claim = "runs", path = "{}" }}]
    "#,
        folder.display()
    );
    let mut cluster = Cluster::parse(&text, Path::new("c.toml")).unwrap();
    cluster.kubernetes.object = object;
    let data_root = folder.join("data");
    Job { run_dir: run_dir.to_owned(), data_root, cluster, name: "tiny".to_owned(), ..job(object) }
}

/// The manifests that `scripts/cluster/kubernetes_manifests.py` holds against the schemas of Kubernetes and JobSet.
#[test]
fn manifests_are_those_that_were_validated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/kubernetes");
    for object in [Object::JobSet, Object::Job, Object::TrainJob] {
        for Rendered { file, text } in manifest::render(&job(object)).unwrap() {
            expect_file![folder.join(file)].assert_eq(&text);
        }
        for Rendered { file, text } in
            manifest::render(&small(object, Path::new("/runs/tiny"))).unwrap()
        {
            expect_file![folder.join(format!("small-{file}"))].assert_eq(&text);
        }
    }
    let section = &job(Object::Job).cluster.kubernetes;
    let secret = manifest::secret(section, "knowcoder-x-7b-a8ed1f", "/runs/knowcoder-x-7b", "00ff");
    expect_file![folder.join("secret.json")].assert_eq(&secret);
}

#[test]
fn a_run_directory_keeps_the_whole_section() {
    let cluster = job(Object::Job).cluster;
    assert_eq!(Cluster::parse(&cluster.to_toml(), Path::new("c.toml")).unwrap(), cluster);
}

#[test]
fn a_run_that_must_not_come_back_does_not() {
    let mut job = job(Object::JobSet);
    job.cluster.faults = Faults { on_node_loss: OnNodeLoss::Stop, ..Faults::default() };
    let text = &manifest::render(&job).unwrap()[0].text;
    assert!(text.contains("\"backoffLimitPerIndex\": 0") && text.contains("\"maxRestarts\": 0"));
}

#[test]
fn what_cannot_run_is_not_rendered() {
    let refused = |change: fn(&mut Job)| {
        let mut job = job(Object::JobSet);
        change(&mut job);
        let error = manifest::render(&job).unwrap_err();
        assert_eq!(error.code, exit::DECLARATION);
        assert!(error.hint.is_some());
        error.message
    };
    expect!["the run directory `/home/ann/run` lies on none of kubernetes.volumes (`/runs`, `/data`); pods could not see it"]
        .assert_eq(&refused(|job| job.run_dir = "/home/ann/run".into()));
    expect!["8 ranks of a pod cannot have a GPU each: kubernetes.gpus_per_node is 4"]
        .assert_eq(&refused(|job| job.cluster.kubernetes.gpus_per_node = 4));
}

#[test]
fn the_first_pod_drives_and_the_others_come() {
    let job = job(Object::JobSet);
    let name = names::object(&job.run_dir);
    let pods = |here: Option<&str>| Pods::at(&job.cluster, name.clone(), here.map(str::to_owned));
    let first = pods(Some("0"));
    let names = first.names().unwrap();
    assert_eq!(names.len(), 5);
    let (address, name) = first.listen().unwrap();
    assert_eq!((address, name), (Ipv4Addr::UNSPECIFIED.into(), format!("{}:29400", names[0])));
    // What the driver calls itself is what the other pods were told.
    let text = &manifest::render(&job).unwrap()[0].text;
    assert!(text.contains(&format!("\"value\": \"{}:29400\"", names[0])), "{text}");
    let program = Path::new("/usr/local/bin/knowcoder");
    let agent = first.agent(&names[0], program).unwrap().unwrap();
    assert_eq!(agent.as_std().get_program(), program);
    assert!(first.agent(&names[1], program).unwrap().is_none());
    for (here, words) in [(Some("1"), "and this is pod 1"), (None, "and this is no pod")] {
        let error = pods(here).listen().unwrap_err();
        assert!(error.message.ends_with(words), "{error}");
    }
}

/// A cluster of recorded answers.
struct Recorded {
    folder: tempfile::TempDir,
    job: Job,
    queue: Queue,
}

impl Recorded {
    fn new(object: Object, answers: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("answers.json"), answers.to_string()).unwrap();
        let stand_in =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/kubernetes/kubectl");
        std::fs::copy(stand_in, folder.path().join("kubectl")).unwrap();
        let run_dir = folder.path().join("tiny");
        std::fs::create_dir_all(run_dir.join("submit")).unwrap();
        let job = small(object, &run_dir);
        for Rendered { file, text } in manifest::render(&job).unwrap() {
            std::fs::write(run_dir.join("submit").join(file), text).unwrap();
        }
        let mut queue = Queue::new(&job.cluster);
        queue.kubectl = queue.kubectl.at(folder.path().join("kubectl"), Duration::from_secs(60));
        Self { folder, job, queue }
    }

    /// What `kubectl` was called with, with names in the place of what changes.
    fn calls(&self) -> Vec<Value> {
        let text =
            std::fs::read_to_string(self.folder.path().join("calls.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn said(&self) -> String {
        let (name, folder) =
            (names::object(&self.job.run_dir), self.folder.path().display().to_string());
        let words = |call: &Value| {
            let words = call["arguments"].as_array().unwrap().iter().skip(1);
            let words: Vec<&str> = words.map(|it| it.as_str().unwrap()).collect();
            words.join(" ").replace(&name, "NAME").replace(&folder, "DIR")
        };
        self.calls().iter().map(|call| words(call) + "\n").collect()
    }

    fn id(&self) -> String {
        names::id(self.job.cluster.kubernetes.object, &names::object(&self.job.run_dir))
    }
}

fn answer(when: &[&str], stdout: Value) -> Value {
    json!({"when": when, "stdout": stdout})
}

fn pods(phase: &str) -> Value {
    let pod = json!({
        "metadata": {"name": "tiny-0-xyz", "labels": {"batch.kubernetes.io/job-completion-index": "0"}},
        "status": {"phase": phase},
    });
    answer(&["get", "pods"], json!({"items": [pod]}))
}

#[test]
fn a_job_is_handed_over_and_its_secret_through_a_pipe() {
    let recorded = Recorded::new(Object::Job, json!([]));
    let ids = recorded.queue.submit(&recorded.job).unwrap();
    assert_eq!(ids, [recorded.id()]);
    expect![[r#"
        get jobs.batch/NAME --ignore-not-found -o json
        apply --server-side --force-conflicts --field-manager=knowcoder -f -
        apply -f DIR/tiny/submit/service.json -f DIR/tiny/submit/job.json
        get jobs.batch/NAME --ignore-not-found -o json
    "#]]
    .assert_eq(&recorded.said());
    let secret = std::fs::read_to_string(RunDir::new(&recorded.job.run_dir).secret()).unwrap();
    let calls = recorded.calls();
    let manifest: Value = serde_json::from_str(calls[1]["stdin"].as_str().unwrap()).unwrap();
    assert_eq!(manifest["stringData"]["secret"], secret.trim());
    for call in calls {
        assert!(!call["arguments"].to_string().contains(secret.trim()));
    }
    for file in std::fs::read_dir(recorded.job.run_dir.join("submit")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(secret.trim()));
    }
}

#[test]
fn what_is_made_beside_a_job_goes_with_it() {
    let made = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "tiny-1", "uid": "12-34"},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    });
    let recorded = Recorded::new(Object::Job, json!([answer(&["get", "json"], made)]));
    recorded.queue.submit(&recorded.job).unwrap();
    let owner = r#"{"apiVersion":"batch/v1","kind":"Job","name":"tiny-1","uid":"12-34"}"#;
    let patch = format!(r#"--type=merge -p {{"metadata":{{"ownerReferences":[{owner}]}}}}"#);
    for companion in ["secret", "service"] {
        let line = format!("patch {companion}/NAME {patch}\n");
        assert!(recorded.said().contains(&line), "{}", recorded.said());
    }
    // Who may not do that has a run all the same.
    let denied =
        json!({"when": ["patch"], "stderr": "Error from server (Forbidden): no", "code": 1});
    let made = json!({"apiVersion": "v1", "kind": "JobSet", "metadata": {"name": "t", "uid": "1"}, "status": {
        "conditions": [{"type": "Completed", "status": "True"}],
    }});
    let recorded = Recorded::new(Object::JobSet, json!([denied, answer(&["get", "json"], made)]));
    recorded.queue.submit(&recorded.job).unwrap();
}

#[test]
fn data_are_prepared_by_pods_of_their_own() {
    let mut job = job(Object::JobSet);
    job.cluster.kubernetes.prepare_shares = 16;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/kubernetes");
    let rendered = manifest::render(&job).unwrap();
    expect_file![folder.join("prepared-jobset.json")].assert_eq(&rendered[0].text);
    job.cluster.kubernetes.object = Object::Job;
    let error = manifest::render(&job).unwrap_err();
    expect!["kubernetes.prepare_shares is 16, but only a JobSet makes pods wait for others"]
        .assert_eq(&error.message);
}

#[test]
fn workers_of_a_sweep_are_handed_over_once() {
    let recorded = Recorded::new(Object::Job, json!([]));
    let folder = recorded.folder.path().join("sweep");
    let workers = workers::Workers {
        cluster: &recorded.job.cluster,
        folder: &folder,
        count: 3,
        arguments: vec!["sweep".to_owned()],
        computes: false,
    };
    let file = folder.join("submit/workers.json");
    std::fs::create_dir_all(folder.join("submit")).unwrap();
    std::fs::write(&file, workers.render()).unwrap();
    assert_eq!(workers.submit_to(&recorded.queue, &file).unwrap(), workers.id());
    let said = recorded.said().replace(&names::object(&folder), "SWEEP");
    expect![[r#"
        get jobs.batch/SWEEP --ignore-not-found -o json
        apply -f DIR/sweep/submit/workers.json
    "#]]
    .assert_eq(&said);
    let again = |answers: Value| {
        std::fs::write(recorded.folder.path().join("answers.json"), answers.to_string()).unwrap();
        workers.submit_to(&recorded.queue, &file)
    };
    let runs =
        again(json!([pods("Running"), answer(&["get"], json!({"kind": "Job", "status": {}}))]));
    let error = runs.unwrap_err();
    assert_eq!(error.code, exit::TRANSIENT);
    assert!(
        error.message.contains("is still in the current namespace: 1 of 1 pods run"),
        "{error}"
    );
    let over =
        json!({"kind": "Job", "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
    again(json!([answer(&["get", "json"], over)])).unwrap();
    assert!(recorded.said().contains("--cascade=foreground --wait=true"), "{}", recorded.said());
}

#[test]
fn a_job_that_is_over_makes_room_and_one_that_is_not_stays() {
    let over = json!({"kind": "JobSet", "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "x"}]}});
    let recorded = Recorded::new(Object::JobSet, json!([answer(&["get", "json"], over)]));
    recorded.queue.submit(&recorded.job).unwrap();
    assert!(recorded.said().contains(
        "delete jobsets.jobset.x-k8s.io/NAME secret/NAME --ignore-not-found --cascade=foreground"
    ));
    let runs = json!({"kind": "JobSet", "status": {}});
    let recorded =
        Recorded::new(Object::JobSet, json!([pods("Running"), answer(&["get", "json"], runs)]));
    let error = recorded.queue.submit(&recorded.job).unwrap_err();
    assert_eq!(error.code, exit::TRANSIENT);
    assert!(
        error.message.contains("is still in the current namespace: 1 of 1 pods run"),
        "{error}"
    );
    assert!(!recorded.said().contains("apply"));
    let recorded = Recorded::new(Object::TrainJob, json!([]));
    assert_eq!(recorded.queue.submit(&recorded.job).unwrap_err().code, exit::DECLARATION);
}

#[test]
fn a_job_without_pods_says_why() {
    let event = |time: &str, name: &str, message: &str| {
        json!({
            "lastTimestamp": time,
            "involvedObject": {"name": name},
            "reason": "FailedCreate",
            "message": message,
        })
    };
    let recorded = Recorded::new(Object::Job, json!([]));
    let name = names::object(&recorded.job.run_dir);
    let events = json!({"items": [event("2026-11-22T10:00:00Z", &name, "exceeded quota: gpus"), event("2026-11-22T11:00:00Z", "other", "no")]});
    let answers = json!([
        answer(&["get", "events"], events),
        answer(&["get", "pods"], json!({"items": []})),
        answer(&["get"], json!({"kind": "Job", "status": {}})),
    ]);
    std::fs::write(recorded.folder.path().join("answers.json"), answers.to_string()).unwrap();
    let state = recorded.queue.state(&[recorded.id()]).unwrap();
    assert_eq!(state.words, "it has no pods yet: FailedCreate: exceeded quota: gpus");
}

#[test]
fn a_run_is_asked_to_stop_where_its_directory_is() {
    let object = |run_dir: &str| json!({"kind": "Job", "metadata": {"annotations": {"knowcoder/run-dir": run_dir}}});
    // Elsewhere: in the pod.
    let recorded = Recorded::new(
        Object::Job,
        json!([pods("Running"), answer(&["get"], object("/elsewhere/tiny"))]),
    );
    recorded.queue.cancel(&[recorded.id()], false).unwrap();
    assert!(recorded.said().ends_with("exec tiny-0-xyz -c node -- touch /elsewhere/tiny/stop\n"));
    // Here: in place.
    let recorded = Recorded::new(Object::Job, json!([]));
    let run_dir = RunDir::new(&recorded.job.run_dir);
    std::fs::write(run_dir.recipe_lock(), "").unwrap();
    let answers =
        json!([pods("Running"), answer(&["get"], object(&run_dir.root().display().to_string()))]);
    std::fs::write(recorded.folder.path().join("answers.json"), answers.to_string()).unwrap();
    recorded.queue.cancel(&[recorded.id()], false).unwrap();
    assert!(run_dir.stop().exists() && !recorded.said().contains("exec"));
    // What waits has nothing to save.
    let recorded =
        Recorded::new(Object::Job, json!([pods("Pending"), answer(&["get"], object("/x"))]));
    recorded.queue.cancel(&[recorded.id()], false).unwrap();
    assert!(recorded.said().ends_with(
        "delete jobs.batch/NAME secret/NAME service/NAME --ignore-not-found --wait=false\n"
    ));
}

#[test]
fn a_run_is_ended_at_once() {
    let recorded = Recorded::new(Object::JobSet, json!([]));
    recorded.queue.cancel(&[recorded.id()], true).unwrap();
    expect![[r#"
        delete jobsets.jobset.x-k8s.io/NAME secret/NAME --ignore-not-found --wait=false
    "#]]
    .assert_eq(&recorded.said());
    let state = recorded.queue.state(&[]).unwrap();
    assert_eq!(state.stage, Stage::Unknown);
}
