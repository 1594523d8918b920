//! Faults of nodes, planted one by one: each is found, by one line that names its cause.
#![allow(clippy::unwrap_used)]

mod asking;

use super::facts::{GpuFacts, Library};
use super::interfaces::Interface;
use super::wanted::Held;
use super::*;
use data_pipeline::width::{TERMINAL, columns};
use expect_test::{Expect, expect};
use std::time::Duration;
use trainer::bandwidth::Bandwidth;

const GIB: u64 = 1 << 30;

/// Two GPUs a node, sums over NCCL.
fn wanted() -> Wanted {
    Wanted {
        ranks_per_node: 2,
        nodes: 3,
        device: "cuda".to_owned(),
        carrier: "auto".to_owned(),
        interface: Some("eth0".to_owned()),
        port: None,
        disk: Some(100 * GIB),
        memory: vec![
            Held { phase: "align".to_owned(), bytes: 40 * GIB },
            Held { phase: "sft".to_owned(), bytes: 60 * GIB },
        ],
        named: Vec::new(),
        promised: Some(50e9),
    }
}

fn version(text: &str) -> Library {
    Library::Version(text.to_owned())
}

fn digest(hash: &str) -> Digest {
    Digest { files: 1, bytes: 10, hash: hash.to_owned() }
}

/// A node that has everything.
fn healthy(node: usize, count: usize) -> NodeFindings {
    let gpu = GpuFacts { name: "NVIDIA H200".to_owned(), memory: 140 * GIB, free: Some(139 * GIB) };
    let interface = |name: &str, address: &str| Interface {
        name: name.to_owned(),
        up: true,
        addresses: vec![address.parse().unwrap()],
    };
    let facts = Facts {
        host: format!("host-{node}"),
        program: "ab12".repeat(16),
        version: "0.1.0".to_owned(),
        kernel: "6.1.0".to_owned(),
        cores: 64,
        memory: Some((900 * GIB, 1000 * GIB)),
        usable: Some(800 * GIB),
        gpus: vec![gpu.clone(), gpu],
        driver: version("580.65.06, CUDA 13.0"),
        nccl: version("2.27.3"),
        libdevice: version("77aa"),
        files: Some(1 << 20),
        locked: Some(u64::MAX),
        infiniband: true,
        shared: Some(64 * GIB),
        disk: Some(900 * GIB),
        inodes: Some(1 << 30),
        interfaces: vec![
            interface("eth0", &format!("10.0.0.{}", node + 1)),
            interface("lo", "127.0.0.1"),
        ],
    };
    let link = Measured { latency_seconds: 2e-5, bytes_per_second: 2e9 };
    let bound = Bound { address: format!("10.0.0.{}:4000", node + 1) };
    let others: Vec<usize> = (0..count).filter(|it| *it != node).collect();
    let of = (node + count - 1) % count;
    let sha = |node: usize| format!("{node:064}");
    let manifests =
        [("prepared/0-align", "s1"), ("prepared/0-align/manifest.json", "m1"), ("tokenizer", "t1")];
    NodeFindings {
        name: format!("node-{}", char::from(b'a' + node as u8)),
        silent: None,
        unasked: BTreeSet::new(),
        clock: Some(Clock { ahead: 3, round_trip: 2 }),
        facts: Some(Ok(facts)),
        recipe: Some(Ok(Some(digest("r1")))),
        manifests: Some(Ok(manifests.iter().map(|it| (it.0.to_owned(), digest(it.1))).collect())),
        port: Some(Ok(bound.clone())),
        token: Some(Ok(())),
        seen: Some(Ok(others.clone())),
        room: None,
        written: Some(Ok(Written { bytes: 16 << 20, sha256: sha(node), seconds: 0.04 })),
        read: Some(Ok(ReadBack { of, bytes: 16 << 20, sha256: sha(of), seconds: 0.01 })),
        effort: Some(Ok(Effort { flops_per_second: 9e9 + node as f64 * 1e8 })),
        listens: Some(Ok(bound)),
        links: others.iter().map(|it| (*it, Ok(link))).collect(),
        ring: Some(Ok(Measured { bytes_per_second: 1.5e9, ..link })),
    }
}

fn facts(node: &mut NodeFindings) -> &mut Facts {
    node.facts.as_mut().unwrap().as_mut().unwrap()
}

/// Three healthy nodes with something planted, and all that is not as it should be.
fn check(plant: impl FnOnce(&mut Wanted, &mut Vec<NodeFindings>), expected: Expect) {
    let (mut wanted, mut nodes) = (wanted(), (0..3).map(|it| healthy(it, 3)).collect());
    plant(&mut wanted, &mut nodes);
    let report = Report::new(wanted, nodes, Duration::from_secs(7));
    let told: String = report
        .findings
        .iter()
        .filter(|it| it.level != Level::Pass)
        .map(|it| {
            let node = it.node.as_deref().unwrap_or("all");
            assert!(it.way.is_some(), "no way out of {it:?}");
            assert_eq!(it.line.lines().count(), 1);
            format!("{:?} {} {node}: {}\n", it.level, it.check, it.line)
        })
        .collect();
    expected.assert_eq(&told);
    for line in report.text().lines() {
        assert!(columns(line) <= TERMINAL, "{line}");
    }
    let fails = told.lines().filter(|it| it.starts_with("Fail")).count();
    assert_eq!(report.refusal().is_some(), fails > 0);
}

#[test]
fn healthy_nodes_pass() {
    check(|_, _| {}, expect![""]);
    let nodes: Vec<NodeFindings> = (0..3).map(|it| healthy(it, 3)).collect();
    let report = Report::new(wanted(), nodes, Duration::from_millis(7_250));
    expect![[r#"
              check       node   found
        ────────────────────────────────────────────────────────────────────────────────
        ok    program     all    program ab12ab12ab12 (0.1.0) on all 3 nodes
        ok    driver      all    driver 580.65.06, CUDA 13.0 on all 3 nodes
        ok    GPU         all    NVIDIA H200 on all 3 nodes
        ok    libdevice   all    libdevice 77aa on all 3 nodes
        ok    NCCL        all    NCCL 2.27.3 on all 3 nodes
        ok    recipe      all    recipe.lock r1 on all 3 nodes
        ok    data        all    3 things to read are equal on all 3 nodes
        ok    clock       all    within 0.00 s of the driver's on all 3 nodes
        ok    GPUs        all    one for each of 2 rank(s) on all 3 nodes
        ok    memory      all    room for the worst batch, 60.0 GiB a rank, on all 3
                                 nodes
        ok    limits      all    files and shared memory suffice on all 3 nodes
        ok    compute     all    9.10 GFLOP/s a core at the median
        ok    shared      all    the run's directory is one and can be written on all 3
                                 nodes
        ok    disk        all    900.0 GiB free, checkpoints take 100.0 GiB
        ok    checkpoint  all    written and read back alike; `node-a` wrote least, 419
                                 MB/s
        ok    port        all    free, such as `node-a` at 10.0.0.1:4000
        ok    links       all    every pair both ways, 2000 MB/s at least (`node-a` to
                                 `node-b`), 20 µs
        ok    ring        all    all at once, 1500 MB/s a node at least (`node-a`)

        3 node(s) in 7.2 s; failed: 0, warnings: 0
    "#]]
    .assert_eq(&report.text());
}

#[test]
fn what_must_be_the_same_and_is_not() {
    check(
        |_, nodes| facts(&mut nodes[1]).program = "cd34".repeat(16),
        expect![[r#"
            Fail program node-b: program cd34cd34cd34 (0.1.0); `node-a` has program ab12ab12ab12 (0.1.0)
        "#]],
    );
    // Most nodes are right, even where the first is not.
    check(
        |_, nodes| nodes[0].recipe = Some(Ok(Some(digest("r2")))),
        expect![[r#"
            Fail recipe node-a: recipe.lock r2; `node-b` has recipe.lock r1
        "#]],
    );
    check(
        |_, nodes| nodes[2].recipe = Some(Ok(None)),
        expect![[r#"
            Fail recipe node-c: no recipe.lock; `node-a` has recipe.lock r1
        "#]],
    );
    check(
        |_, nodes| {
            let seen = nodes[2].manifests.as_mut().unwrap().as_mut().unwrap();
            seen.insert("prepared/0-align/manifest.json".to_owned(), digest("m2"));
            seen.insert("prepared/0-align".to_owned(), digest("s2"));
        },
        expect![[r#"
            Fail data node-c: `prepared/0-align/manifest.json` m2; `node-a` has `prepared/0-align/manifest.json` m1
        "#]],
    );
    check(
        |_, nodes| {
            nodes[1].manifests.as_mut().unwrap().as_mut().unwrap().remove("tokenizer");
        },
        expect![[r#"
            Fail data node-b: no `tokenizer`; `node-a` has `tokenizer` t1
        "#]],
    );
    check(
        |_, nodes| {
            for node in nodes {
                let seen = node.manifests.as_mut().unwrap().as_mut().unwrap();
                seen.insert("/models/base".to_owned(), Digest::default());
            }
        },
        expect![[r#"
            Fail data all: `/models/base` is on all 3 nodes absent
        "#]],
    );
}

#[test]
fn other_libraries_of_nvidia() {
    check(
        |_, nodes| facts(&mut nodes[1]).nccl = version("2.21.5"),
        expect![[r#"
            Fail NCCL node-b: NCCL 2.21.5; `node-a` has NCCL 2.27.3
        "#]],
    );
    check(
        |_, nodes| facts(&mut nodes[1]).driver = version("550.54.15, CUDA 12.4"),
        expect![[r#"
            Warn driver node-b: driver 550.54.15, CUDA 12.4; `node-a` has driver 580.65.06, CUDA 13.0
        "#]],
    );
    // What is not there at all is said once.
    check(
        |_, nodes| facts(&mut nodes[1]).nccl = Library::Lacking("there is no NCCL".to_owned()),
        expect![[r#"
            Fail GPUs node-b: there is no NCCL
        "#]],
    );
    check(
        |_, nodes| {
            let own = facts(&mut nodes[1]);
            own.driver = Library::Lacking("cuInit failed".to_owned());
            own.gpus.clear();
            (own.nccl, own.libdevice) = (Library::default(), Library::default());
        },
        expect![[r#"
            Fail GPUs node-b: no driver for 2 rank(s): cuInit failed
        "#]],
    );
    // Who computes on processors needs none of it.
    check(
        |wanted, nodes| {
            wanted.device = "flex".to_owned();
            facts(&mut nodes[1]).nccl = Library::default();
            facts(&mut nodes[1]).gpus.clear();
        },
        expect![""],
    );
}

#[test]
fn clocks_that_run_apart() {
    let ahead = |ahead, round_trip| {
        move |_: &mut Wanted, nodes: &mut Vec<NodeFindings>| {
            nodes[1].clock = Some(Clock { ahead, round_trip });
        }
    };
    check(ahead(-499, 2), expect![""]);
    // Nobody knows which half of its way the answer took long for.
    check(ahead(900, 1000), expect![""]);
    check(
        ahead(-900, 2),
        expect![[r#"
            Warn clock node-b: 0.9 s behind the driver's clock, at most 0.5 s are fine
        "#]],
    );
    check(
        ahead(3_600_000, 2),
        expect![[r#"
            Fail clock node-b: 3600.0 s ahead of the driver's clock, at most 5.0 s are fine
        "#]],
    );
}

#[test]
fn interfaces_ports_and_links() {
    check(
        |_, nodes| {
            facts(&mut nodes[1]).interfaces[0].name = "ens3".to_owned();
            nodes[1].port = Some(Err(Trouble::new("there is no interface `eth0`, only ens3, lo")));
            nodes[1].listens = None;
        },
        expect![[r#"
            Fail interface node-b: no interface `eth0`, only ens3, lo
        "#]],
    );
    // What is so on all nodes is said once.
    check(
        |_, nodes| nodes.iter_mut().for_each(|it| facts(it).interfaces[0].name = "ens3".to_owned()),
        expect![[r#"
            Fail interface all: no interface `eth0`, only ens3, lo
        "#]],
    );
    check(
        |_, nodes| facts(&mut nodes[1]).interfaces[0].up = false,
        expect![[r#"
            Fail interface node-b: interface `eth0` is down, others: eth0, lo
        "#]],
    );
    check(
        |_, nodes| {
            let error = "cannot listen at 10.0.0.1:29500: Address already in use (os error 98)";
            nodes[0].port = Some(Err(Trouble::new(error).way("end the program")));
        },
        expect![[r#"
            Fail port node-a: cannot listen at 10.0.0.1:29500: Address already in use (os error 98)
        "#]],
    );
    let refused = || Err(Trouble::new("no connection to 10.0.0.2:4000: timed out").way("firewall"));
    check(
        |_, nodes| drop(nodes[0].links.insert(1, refused())),
        expect![[r#"
            Fail links node-a: cannot reach `node-b`, though it is reached from there: no connection to 10.0.0.2:4000: timed out
        "#]],
    );
    check(
        |_, nodes| {
            nodes[0].links.insert(1, refused());
            nodes[1].links.insert(0, refused());
        },
        expect![[r#"
            Fail links node-a: cannot reach `node-b`, nor is it reached from there: no connection to 10.0.0.2:4000: timed out
        "#]],
    );
    check(
        |_, nodes| {
            nodes[0].links.insert(1, refused());
            nodes[2].links.insert(1, refused());
        },
        expect![[r#"
            Fail links node-b: reaches others, but none of 2 reaches it: no connection to 10.0.0.2:4000: timed out
        "#]],
    );
    check(
        |_, nodes| {
            for (from, to) in [(0, 1), (2, 1), (1, 0), (1, 2)] {
                let link = Measured { latency_seconds: 2e-5, bytes_per_second: 1e8 };
                nodes[from].links.insert(to, Ok(link));
            }
        },
        expect![[r#"
            Warn links node-b: 100 MB/s at best, the median is 2000 MB/s
        "#]],
    );
}

#[test]
fn disks_quotas_and_mounts() {
    check(
        |_, nodes| facts(&mut nodes[1]).disk = Some(7 * GIB),
        expect![[r#"
            Fail disk node-b: 7.0 GiB free for the run, its checkpoints take 100.0 GiB
        "#]],
    );
    check(
        |_, nodes| facts(&mut nodes[0]).inodes = Some(12),
        expect![[r#"
            Fail disk node-a: 12 files can still be made there, 1000 are needed
        "#]],
    );
    check(
        |_, nodes| {
            let error = "`/runs/x` cannot be written: Disk quota exceeded (os error 122)";
            nodes[0].room = Some(Err(Trouble::new(error).way("ask for more")));
        },
        expect![[r#"
            Fail disk node-a: 100.0 GiB for checkpoints are refused: `/runs/x` cannot be written: Disk quota exceeded (os error 122)
        "#]],
    );
    // Others do not see the token of who cannot write, which is no fault of its own.
    check(
        |_, nodes| {
            let error = "`/runs/x` cannot be written: Permission denied (os error 13)";
            nodes[1].token = Some(Err(Trouble::new(error).way("let it")));
            nodes[0].seen = Some(Ok(vec![2]));
            nodes[1].seen = None;
            nodes[2].seen = Some(Ok(vec![0]));
            (nodes[1].written, nodes[1].read) = (None, None);
            nodes[2].read = nodes[0].read.clone();
        },
        expect![[r#"
            Fail writable node-b: `/runs/x` cannot be written: Permission denied (os error 13)
        "#]],
    );
    let absent = || Err(Trouble::new("`/runs/.preflight-00/checkpoint-1` cannot be read").way("x"));
    check(
        |_, nodes| {
            nodes[0].seen = Some(Ok(vec![2]));
            nodes[1].seen = Some(Ok(Vec::new()));
            nodes[2].seen = Some(Ok(vec![0]));
            (nodes[1].read, nodes[2].read) = (Some(absent()), Some(absent()));
        },
        expect![[r#"
            Fail shared node-b: another run directory than `node-a`'s: neither it nor `node-a` sees what the other writes
        "#]],
    );
    check(
        |_, nodes| nodes[1].seen = Some(Ok(vec![2])),
        expect![[r#"
            Fail shared node-b: another run directory than `node-a`'s: it does not see what `node-a` writes, but is seen
        "#]],
    );
    check(
        |_, nodes| {
            let read = nodes[2].read.as_mut().unwrap().as_mut().unwrap();
            read.sha256 = "f".repeat(64);
        },
        expect![[r#"
            Fail checkpoint node-c: reads 16777216 B ffffffffffff where `node-b` wrote 16777216 B 000000000000
        "#]],
    );
}

#[test]
fn nodes_that_have_too_little() {
    check(
        |_, nodes| {
            facts(&mut nodes[2]).gpus.pop();
        },
        expect![[r#"
            Fail GPUs node-c: 1 GPU(s) for 2 rank(s)
        "#]],
    );
    check(
        |_, nodes| facts(&mut nodes[2]).gpus[1].free = Some(50 * GIB),
        expect![[r#"
            Fail memory node-c: 45.0 GiB to use for each of 2 rank(s), phase `sft` holds 60.0 GiB in its worst batch
        "#]],
    );
    check(
        |wanted, nodes| {
            wanted.device = "flex".to_owned();
            facts(&mut nodes[1]).usable = Some(100 * GIB);
        },
        expect![[r#"
            Fail memory node-b: 50.0 GiB to use for each of 2 rank(s), phase `sft` holds 60.0 GiB in its worst batch
        "#]],
    );
    check(
        |_, nodes| facts(&mut nodes[0]).files = Some(64),
        expect![[r#"
            Fail limits node-a: 64 open files a process, 134 are needed
        "#]],
    );
    check(
        |_, nodes| {
            facts(&mut nodes[0]).files = Some(512);
            facts(&mut nodes[1]).shared = Some(64 << 20);
            facts(&mut nodes[2]).locked = Some(8 << 20);
        },
        expect![[r#"
            Warn limits node-a: 512 open files a process, 1024 are better
            Warn limits node-b: 64.0 MiB of /dev/shm, NCCL wants 1.0 GiB
            Warn limits node-c: 8.0 MiB of locked memory, InfiniBand wants 1.0 GiB or no limit
        "#]],
    );
    check(
        |_, nodes| nodes[1].effort = Some(Ok(Effort { flops_per_second: 6e9 })),
        expect![[r#"
            Warn compute node-b: 6.00 GFLOP/s a core, 33 % below the median of 9.00 GFLOP/s a core
        "#]],
    );
    // Agents that stand for nodes take each other's cores.
    check(
        |_, nodes| {
            facts(&mut nodes[0]).host = "host-1".to_owned();
            nodes[1].effort = Some(Ok(Effort { flops_per_second: 6e9 }));
        },
        expect![""],
    );
    check(
        |_, nodes| {
            let name = nodes[1].name.clone();
            let silent = Some("did not answer `facts`: no answer within 19 s".to_owned());
            nodes[1] = NodeFindings { name, silent, ..NodeFindings::default() };
            for (node, reads) in [(0, 2), (2, 0)] {
                nodes[node].links.remove(&1);
                nodes[node].seen = Some(Ok(vec![reads]));
                nodes[node].ring = None;
            }
            nodes[2].read = None;
        },
        expect![[r#"
            Fail agent node-b: did not answer `facts`: no answer within 19 s
            Warn links all: 2 of 6 ways were tried in time
        "#]],
    );
}

#[test]
fn what_there_was_no_time_for_is_said() {
    check(
        |_, nodes| {
            for node in nodes {
                node.unasked = ["compute", "checkpoint", "connect"].map(str::to_owned).into();
                (node.effort, node.written, node.read) = (None, None, None);
            }
        },
        expect![[r#"
            Warn time all: no time was left for `checkpoint`, `compute`
        "#]],
    );
}

#[test]
fn sums_are_held_against_what_is_promised() {
    let sums = |seconds: [f64; 2]| {
        let sizes = [1 << 20, 64 << 20].into_iter().zip(seconds);
        let found = sizes.map(|(bytes, seconds)| Bandwidth { bytes, seconds, ranks: 4 });
        Ok(found.collect::<Vec<_>>())
    };
    let check = |sums: Answer<Vec<Bandwidth>>, level: Level, expected: Expect| {
        let mut report = Report::new(wanted(), Vec::new(), Duration::from_secs(1));
        report.add_sums(sums, Duration::from_secs(2));
        let finding = report.findings.last().unwrap();
        expected.assert_eq(&finding.line);
        assert_eq!((finding.check.as_str(), finding.level), ("sums", level));
        assert_eq!(finding.way.is_some(), level != Level::Pass);
        assert_eq!(report.took, Duration::from_secs(3));
        report
    };
    let report = check(
        sums([1e-4, 2.5e-3]),
        Level::Pass,
        expect!["over 4 ranks by NCCL: 15729 MB/s of the bus at 1 MiB, 40265 MB/s at 64 MiB"],
    );
    assert_eq!(report.json()["sums"][1]["ranks"], 4);
    check(
        sums([1e-3, 5e-2]),
        Level::Warn,
        expect![
            "over 4 ranks by NCCL: 1573 MB/s of the bus at 1 MiB, 2013 MB/s at 64 MiB; [hardware] promises 50000 MB/s"
        ],
    );
    check(
        Ok(Vec::new()),
        Level::Warn,
        expect!["not measured in time: ranks take long to start, or to sum"],
    );
    let report = check(
        Err(Trouble::new("rank 2: NCCL is not there").way("install it")),
        Level::Fail,
        expect!["ranks cannot sum: rank 2: NCCL is not there"],
    );
    assert!(report.refusal().is_some());
}
