//! Nodes that are threads of this process, asked as those of a cluster are.

use super::super::*;
use super::wanted;
use crate::error::Error;
use crate::wire::Probe;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Nodes that are all this process, some of whose answers are replaced.
struct Planted<F>(F);

impl<F: FnMut(usize, &Probe, Value) -> Result<Value, Error>> Ask for Planted<F> {
    async fn ask(
        &mut self,
        questions: Vec<(usize, Probe)>,
        patience: Duration,
    ) -> Vec<Result<Value, Error>> {
        let answers = Here.ask(questions.clone(), patience).await;
        let pairs = questions.iter().zip(answers);
        pairs.map(|((node, probe), answer)| (self.0)(*node, probe, answer?)).collect()
    }
}

/// A preflight of three nodes in a folder of its own, on processors.
fn examined(plant: impl FnMut(usize, &Probe, Value) -> Result<Value, Error>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let names = ["node-a", "node-b", "node-c"].map(str::to_owned);
    let wanted = Wanted {
        device: "flex".to_owned(),
        interface: None,
        disk: Some(1 << 20),
        memory: Vec::new(),
        ..wanted()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = Instant::now();
    let mut nodes = Planted(plant);
    let examined = examine(&mut nodes, &names, (folder.path(), Depth::Whole), wanted, None);
    let report = runtime.block_on(examined).unwrap();
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let kept = std::fs::read(Report::path(folder.path())).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap()["level"], json!(report.level()));
    report
}

fn failed(report: &Report) -> Vec<(&str, Option<&str>)> {
    let fails = report.findings.iter().filter(|it| it.level == Level::Fail);
    fails.map(|it| (it.check.as_str(), it.node.as_deref())).collect()
}

#[test]
fn three_nodes_of_this_process_pass() {
    let report = examined(|_, _, answer| Ok(answer));
    assert_eq!(failed(&report), [], "{}", report.text());
    for node in &report.nodes {
        assert!(node.clock.is_some() && matches!(node.facts, Some(Ok(_))), "{node:?}");
        assert_eq!(node.links.len(), 2, "{node:?}");
        assert!(node.links.values().all(Result::is_ok), "{node:?}");
        assert!(matches!(node.ring, Some(Ok(_))) && matches!(node.read, Some(Ok(_))), "{node:?}");
    }
    let passed = |check: &str| report.findings.iter().any(|it| it.check == check);
    for check in [
        "program",
        "clock",
        "limits",
        "compute",
        "shared",
        "disk",
        "checkpoint",
        "port",
        "links",
        "ring",
    ] {
        assert!(passed(check), "{check}: {}", report.text());
    }
}

#[test]
fn a_fault_of_one_node_is_found_on_the_way() {
    let report = examined(|node, probe, mut answer| {
        match (node, probe.check.as_str()) {
            (1, "facts") => answer["program"] = json!("0".repeat(64)),
            (2, "clock") => answer = json!(answer.as_u64().unwrap() + 60_000),
            _ => {}
        }
        Ok(answer)
    });
    let expected = [("program", Some("node-b")), ("clock", Some("node-c"))];
    assert_eq!(failed(&report), expected, "{}", report.text());
}

#[test]
fn a_way_that_is_closed_in_one_direction_is_found() {
    let mut address = Value::Null;
    let report = examined(|node, probe, answer| {
        if (node, probe.check.as_str()) == (1, "listen") {
            address = answer["address"].clone();
        }
        match (node, probe.check.as_str()) {
            (0, "connect") if probe.with["address"] == address => {
                Ok(json!(Trouble::new("no connection: timed out").way("look at the firewall")))
            }
            _ => Ok(answer),
        }
    });
    assert_eq!(failed(&report), [("links", Some("node-a"))], "{}", report.text());
    let line = &report.findings.iter().find(|it| it.level == Level::Fail).unwrap().line;
    let expected =
        "cannot reach `node-b`, though it is reached from there: no connection: timed out";
    assert_eq!(line, expected);
}

/// Nodes that are all this process, one of which has another file system where runs are.
struct Elsewhere(usize, PathBuf);

impl Ask for Elsewhere {
    async fn ask(
        &mut self,
        mut questions: Vec<(usize, Probe)>,
        patience: Duration,
    ) -> Vec<Result<Value, Error>> {
        for (_, probe) in questions.iter_mut().filter(|it| it.0 == self.0) {
            if probe.with["folder"].is_string() {
                probe.with["folder"] = json!(self.1);
            }
        }
        Here.ask(questions, patience).await
    }
}

#[test]
fn a_directory_that_is_not_shared_is_found_by_what_is_written_there() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let names = ["node-a", "node-b", "node-c"].map(str::to_owned);
    let wanted = Wanted {
        device: "flex".to_owned(),
        interface: None,
        disk: None,
        memory: Vec::new(),
        ..wanted()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut nodes = Elsewhere(2, other.path().to_owned());
    let examined = examine(&mut nodes, &names, (folder.path(), Depth::Whole), wanted, None);
    let report = runtime.block_on(examined).unwrap();
    assert_eq!(failed(&report), [("shared", Some("node-c"))], "{}", report.text());
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0, "nothing stays");
}

#[test]
fn a_node_that_falls_silent_is_asked_nothing_more() {
    let mut asked_after = 0;
    let report = examined(|node, probe, answer| match (node, probe.check.as_str()) {
        (1, "clock") => Ok(answer),
        (1, "facts") => Err(Error::new(crate::error::exit::TRANSIENT, "no answer within 19 s")),
        (1, _) => {
            asked_after += 1;
            Ok(answer)
        }
        _ => Ok(answer),
    });
    assert_eq!(failed(&report), [("agent", Some("node-b"))], "{}", report.text());
    let silent = report.nodes[1].silent.as_deref();
    assert_eq!(silent, Some("did not answer `facts`: no answer within 19 s"));
    assert_eq!(asked_after, 0);
}

#[test]
fn one_node_has_nobody_to_reach() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("runs/absent");
    let this = crate::cluster::Cluster::of_this_machine();
    let cluster = crate::cluster::Cluster { ranks: 1, ..this };
    let wanted = Wanted {
        device: "flex".to_owned(),
        ranks_per_node: 1,
        nodes: 1,
        interface: None,
        disk: None,
        memory: Vec::new(),
        ..wanted()
    };
    let report = over(&cluster, &run_dir, wanted).unwrap();
    assert_eq!(failed(&report), [], "{}", report.text());
    assert!(report.nodes[0].links.is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays");
}

#[test]
fn a_quick_look_finds_what_a_node_that_joins_has_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["node-a", "node-b"].map(str::to_owned);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let looked = |names: &[String], plant: &mut dyn FnMut(usize, &Probe, Value) -> Value| {
        let wanted = Wanted {
            device: "flex".to_owned(),
            nodes: names.len(),
            interface: None,
            disk: Some(1 << 20),
            memory: Vec::new(),
            ..wanted()
        };
        let mut checks = Vec::new();
        let mut nodes = Planted(|node: usize, probe: &Probe, answer: Value| {
            checks.push(probe.check.clone());
            Ok(plant(node, probe, answer))
        });
        let site = (folder.path(), Depth::Quick);
        let examined = examine(&mut nodes, names, site, wanted, None);
        let report = runtime.block_on(examined).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays");
        (report, checks)
    };
    let (report, checks) =
        looked(&names, &mut |node, probe, answer| match (node, probe.check.as_str()) {
            (1, "facts") => json!({"error": "it has none", "way": "look"}),
            _ => answer,
        });
    assert_eq!(failed(&report), [("facts", Some("node-b"))], "{}", report.text());
    assert_eq!(report.line(), None);
    for check in ["port", "listen", "connect", "compute"] {
        assert!(!checks.iter().any(|it| it == check), "{check} is not quick");
    }
    // Alone, nobody has another recipe, and the program is what looks.
    let (report, checks) = looked(&names[..1], &mut |_, _, answer| answer);
    assert_eq!(failed(&report), [], "{}", report.text());
    assert!(!checks.iter().any(|it| it == "recipe" || it == "manifests"));
    let line = report.line().unwrap();
    assert!(line.starts_with("preflight of 1 node(s) passed in "), "{line}");
    assert!(line.ends_with(" s: limits, shared, disk, checkpoint"), "{line}");
    let written = report.nodes[0].written.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(written.bytes, 1 << 20);
}

#[test]
fn a_question_that_nobody_knows_names_those_that_are() {
    let said = probe("fly", &json!({}))["error"].as_str().unwrap().to_owned();
    let start = "unknown check `fly`; known are: clock, facts, recipe, manifests, port, ";
    assert!(said.starts_with(start), "{said}");
    let said = probe("facts", &json!({}))["error"].as_str().unwrap().to_owned();
    assert!(said.starts_with("the question cannot be read: missing field `folder`"), "{said}");
}
