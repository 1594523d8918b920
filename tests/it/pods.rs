//! Runs on Kubernetes whose pods are processes of this machine: what is submitted really runs, its pods are taken
//! away and made again, and what it learns is what it learns undisturbed.
//!
//! Skipped with a word about it where no process can have an /etc/hosts of its own; where `CI` is set, that is a
//! failure.

use crate::program::{fixture, knowcoder, metrics, must, root, run, stderr};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A cluster with a file system that all pods see, and a run on it.
struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    /// With `more` in the section `[kubernetes]`; nothing where pods have no names.
    fn new(nodes: usize, more: &str) -> Option<Self> {
        let own_hosts = "mount --bind /etc/hosts /etc/hosts";
        // SAFETY: it only asks.
        let user: &[&str] = match unsafe { libc::geteuid() } {
            0 => &[],
            _ => &["--user", "--map-root-user"],
        };
        let mut asked = Command::new("unshare");
        asked.args(user).args(["--mount", "sh", "-c", own_hosts]);
        if !asked.output().is_ok_and(|output| output.status.success()) {
            assert!(std::env::var_os("CI").is_none(), "CI must have mounts of a process's own");
            eprintln!(
                "SKIPPED: no process may have an /etc/hosts of its own here (unshare --mount)"
            );
            return None;
        }
        let it = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["bin", "cluster"] {
            std::fs::create_dir(it.path(name)).unwrap();
        }
        std::fs::copy(fixture("kubernetes/pods/kubectl"), it.path("bin/kubectl")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_knowcoder"), it.path("bin/knowcoder"))
            .unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (folder, source) = (it.folder.path().display(), root().canonicalize().unwrap());
        let text = format!(
            "[cluster]\nbackend = \"kubernetes\"\nranks = {nodes}\nnodes = {nodes}\n\n\
             [deadlines]\noperation = 20\nstall = 5\njoin = 60\n\n[faults]\nlease = 2\n\n\
             [kubernetes]\nnamespace = \"ml\"\nimage = \"registry.example.org/knowcoder:0.1.0\"\n\
             port = {port}\ngrace_seconds = 30\nvolumes = [{{ claim = \"runs\", path = \"{folder}\" }}, \
             {{ claim = \"source\", path = \"{}\", read_only = true }}]\n{more}\n",
            source.display()
        );
        std::fs::write(it.path("cluster.toml"), text).unwrap();
        Some(it)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run_dir(&self) -> PathBuf {
        self.path("tiny")
    }

    /// A program where such a `kubectl` is the first one.
    fn here(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("KNOWCODER_KUBECTL", self.path("cluster"));
        command
    }

    fn submit(&self, steps: usize) {
        let mut command = knowcoder(&["submit"]);
        command
            .arg(fixture("tiny.toml").canonicalize().unwrap())
            .arg("--run-dir")
            .arg(self.run_dir());
        command.arg("--cluster").arg(self.path("cluster.toml"));
        command.arg("--data-root").arg(self.path("data"));
        command.args(["--set", &format!("phase.0.steps={steps}")]);
        must(self.here(command));
    }

    fn on_run(&self, verb: &str) -> Output {
        let mut command = knowcoder(&[verb]);
        command.arg(self.run_dir());
        must(self.here(command))
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.path("bin/kubectl"));
        command.args(arguments);
        let output = self.here(command).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What was made, as `kind.name`.
    fn objects(&self) -> Vec<String> {
        let entries =
            std::fs::read_dir(self.path("cluster/objects")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> =
            names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        names
    }

    /// The one object of this kind, if it is there.
    fn object(&self, kind: &str) -> Option<Value> {
        let prefix = format!("{kind}.");
        let name = self.objects().into_iter().find(|name| name.starts_with(&prefix))?;
        let text = std::fs::read(self.path(&format!("cluster/objects/{name}.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The pods that run, with their names.
    fn running(&self, index: usize) -> Option<String> {
        let pods: Value = serde_json::from_str(&self.kubectl(&["get", "pods"])).unwrap();
        let index = index.to_string();
        let is_it = |pod: &&Value| {
            pod["status"]["phase"] == "Running"
                && pod["metadata"]["labels"]["knowcoder/part"].is_null()
                && pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == *index
        };
        let pod = pods["items"].as_array().unwrap().iter().find(is_it)?;
        pod["metadata"]["name"].as_str().map(str::to_owned)
    }

    /// Waits until it is so.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "not {what} in five minutes:\n{}", self.story());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn until_steps(&self, steps: usize) {
        self.until(&format!("{steps} steps"), || metrics(&self.run_dir()).len() >= steps);
    }

    /// Waits until the job has this condition.
    fn until_condition(&self, kind: &str, condition: &str) {
        self.until(condition, || {
            let object = self.object(kind).unwrap_or_default();
            let conditions = object["status"]["conditions"].as_array();
            conditions.is_some_and(|it| it.iter().any(|it| it["type"] == condition))
        });
    }

    fn events(&self, name: &str) -> Vec<Value> {
        events(&self.run_dir(), name)
    }

    /// Everything that was said, for whoever must find out why it is not as it should be.
    fn story(&self) -> String {
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let mut story = read(self.run_dir().join("events.jsonl"));
        story += &read(self.path("cluster/controller.log"));
        for pod in std::fs::read_dir(self.path("cluster/pods")).into_iter().flatten().flatten() {
            story += &format!("--- {}\n", pod.path().display());
            story += &read(pod.path().join("log"));
        }
        story
    }
}

impl Drop for Cluster {
    /// No pod outlives its test.
    fn drop(&mut self) {
        let names = self.objects().into_iter().filter_map(|name| {
            let (kind, name) = name.split_once('.')?;
            kind.starts_with("job").then(|| format!("{kind}/{name}"))
        });
        for name in names.collect::<Vec<_>>() {
            let mut command = Command::new(self.path("bin/kubectl"));
            command.args(["delete", &name, "--wait=true"]);
            // What is left goes when the folder does.
            let _ = self.here(command).output();
        }
    }
}

fn events(run_dir: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

fn losses(run_dir: &Path) -> Vec<f64> {
    metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

/// The losses of the same recipe on this machine, where nothing goes wrong.
fn undisturbed(folder: &Path, steps: usize) -> Vec<f64> {
    let run_dir = folder.join("undisturbed");
    let more = format!("phase.0.steps={steps}");
    must(run(&fixture("tiny.toml"), &run_dir, "laptop", &["--set", &more]));
    losses(&run_dir)
}

#[test]
fn a_run_goes_through_its_pods_and_leaves_nothing_behind() {
    let Some(cluster) = Cluster::new(2, "object = \"jobset\"\nprepare_shares = 2") else { return };
    cluster.submit(4);
    cluster.until_condition("jobset", "Completed");
    assert_eq!(cluster.events("done").len(), 1, "{}", cluster.story());
    let story = cluster.story();
    assert!(story.contains("share 1/2 is done") && story.contains("share 2/2 is done"), "{story}");
    assert_eq!(losses(&cluster.run_dir()), undisturbed(cluster.folder.path(), 4));
    let hosts = cluster.events("agent-joined");
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    let said = String::from_utf8_lossy(&cluster.on_run("status").stdout).into_owned();
    assert!(said.contains("done"), "{said}");

    // The secret is its owner's here, and the job's there.
    let path = cluster.run_dir().join("secret");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(&path).unwrap();
    let manifest = std::fs::read_to_string(cluster.run_dir().join("submit/jobset.json")).unwrap();
    assert!(!manifest.contains(secret.trim()));
    let (jobset, kept) = (cluster.object("jobset").unwrap(), cluster.object("secret").unwrap());
    assert_eq!(kept["metadata"]["ownerReferences"][0]["uid"], jobset["metadata"]["uid"]);
    let name = format!("jobset/{}", jobset["metadata"]["name"].as_str().unwrap());
    cluster.kubectl(&["delete", &name, "--wait=true"]);
    assert_eq!(cluster.objects(), [""; 0]);
}

#[test]
fn pods_that_are_taken_away_are_made_again_and_the_run_goes_on() {
    let Some(cluster) = Cluster::new(2, "object = \"job\"") else { return };
    cluster.submit(150);
    cluster.until_steps(8);
    // A node is taken away: the driver goes on, and waits for the pod that is made in its place.
    cluster.kubectl(&["delete", "pod", &cluster.running(1).unwrap()]);
    cluster.until("taken note of", || !cluster.events("failure").is_empty());
    let failures = cluster.events("failure");
    assert_eq!(failures[0]["kind"], "node-drained", "{}", cluster.story());
    assert_eq!(failures[0]["course"], "replace", "{failures:?}");
    cluster.until("started again", || cluster.events("started").len() == 2);
    let before = metrics(&cluster.run_dir()).len();
    cluster.until_steps(before + 5);
    // The driver's own: it saves and ends, is made again, and the other pod comes to it.
    let other = cluster.running(1).unwrap();
    cluster.kubectl(&["evict", &cluster.running(0).unwrap()]);
    cluster.until("started once more", || cluster.events("started").len() == 3);
    assert_eq!(cluster.running(1).unwrap(), other, "{}", cluster.story());
    cluster.until_condition("job", "Complete");
    assert_eq!(cluster.events("stopped").len(), 1);
    assert_eq!(cluster.events("done").len(), 1, "{}", cluster.story());
    // The eviction counts as nothing, the deletion as one failure of that pod.
    assert_eq!(cluster.events("failure").len(), 1);
    assert_eq!(losses(&cluster.run_dir()), undisturbed(cluster.folder.path(), 150));
}

#[test]
fn a_run_is_cancelled_and_taken_up_again() {
    let Some(cluster) = Cluster::new(2, "object = \"job\"") else { return };
    cluster.submit(100);
    cluster.until_steps(8);
    cluster.on_run("cancel");
    cluster.until_condition("job", "Failed");
    assert_eq!(cluster.events("stopped").len(), 1, "{}", cluster.story());
    let said = String::from_utf8_lossy(&cluster.on_run("status").stdout).into_owned();
    assert!(said.contains("stopped"), "{said}");
    let first = cluster.object("job").unwrap()["metadata"]["uid"].clone();
    cluster.on_run("resume");
    let second = cluster.object("job").unwrap();
    assert_ne!(second["metadata"]["uid"], first);
    // With the old job went its Secret; this is the new one's.
    cluster.until("tied", || {
        cluster.object("secret").is_some_and(|it| {
            it["metadata"]["ownerReferences"][0]["uid"] == second["metadata"]["uid"]
        })
    });
    cluster.until_condition("job", "Complete");
    assert_eq!(losses(&cluster.run_dir()), undisturbed(cluster.folder.path(), 100));
}

#[test]
fn a_sweep_is_worked_on_by_pods() {
    let Some(cluster) = Cluster::new(1, "") else { return };
    let (file, out) = (cluster.path("tiny-sweep.toml"), cluster.path("sweep"));
    let recipe = fixture("tiny.toml").canonicalize().unwrap();
    let text = format!(
        "[sweep]\nname = \"tiny\"\nrecipe = {recipe:?}\nmetric = \"loss\"\nmethod = \"grid\"\nparallel = 2\n\
         [space]\n\"lora.rank\" = {{ values = [2, 4, 6] }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let start = |more: &[&str]| {
        let mut command = knowcoder(&["sweep", "start"]);
        command.arg(&file).arg("--array").arg("--out").arg(&out).args(more);
        command.arg("--cluster").arg(cluster.path("cluster.toml"));
        command.arg("--data-root").arg(cluster.path("data"));
        cluster.here(command)
    };
    let dry = must(start(&["--dry-run"]));
    assert!(String::from_utf8_lossy(&dry.stdout).contains("kubectl apply -f "));
    assert!(cluster.objects().is_empty());
    must(start(&[]));
    // One worker is taken away at work, and made again.
    cluster.until("begun", || cluster.running(1).is_some() && out.join("sweep.jsonl").exists());
    cluster.kubectl(&["evict", &cluster.running(1).unwrap()]);
    cluster.until_condition("job", "Complete");
    let log = std::fs::read_to_string(out.join("sweep.jsonl")).unwrap();
    let log = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut done: Vec<u64> = log
        .filter(|event| event["event"] == "finished")
        .map(|event| event["trial"].as_u64().unwrap())
        .collect();
    done.sort_unstable();
    assert_eq!(done, [0, 1, 2], "{}", cluster.story());
}
