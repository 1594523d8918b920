//! Cluster files, right and wrong.

#![allow(clippy::unwrap_used)]
use super::*;
use expect_test::{Expect, expect};
use std::time::Duration;

fn check(text: &str, code: u8, expected: Expect) {
    let error = Cluster::parse(text, Path::new("c.toml")).unwrap_err();
    expected.assert_eq(&error.message);
    assert_eq!(error.code, code);
}

#[test]
fn wrong_files_say_what_and_where() {
    check("", 64, expect!["c.toml:1:1: missing field `cluster`"]);
    check(
        "[cluster]\nbackend = \"local\"\nrank = 2\n",
        64,
        expect!["c.toml:3:1: unknown key `rank`; did you mean `ranks`?"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 0\n",
        64,
        expect!["c.toml:3:9: `ranks` is 0; it must be between 1 and 1024"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 5\nnodes = 2\n",
        64,
        expect!["c.toml:3:9: 5 ranks cannot be spread evenly over 2 nodes; 4 or 6 can"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 2\nnodes = 4\n",
        64,
        expect!["c.toml:3:9: 2 ranks cannot be spread evenly over 4 nodes; 4 can"],
    );
    check(
        "[cluster]\nbackend = \"lokal\"\nranks = 2\n",
        64,
        expect!["c.toml:2:11: unknown backend `lokal`; known are: local, ssh, slurm, kubernetes"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 2\ncollective = \"mpi\"\n",
        64,
        expect!["c.toml:4:14: unknown collective `mpi`; known are: auto, tcp, nccl"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 2\n\n[sharding]\nstage = 3\n",
        64,
        expect!["c.toml:5:1: sharding.stage is 3; known are 0, 1 and 2"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 2\n[deadlines]\nstall = 0\n",
        64,
        expect!["c.toml:5:9: `stall` is 0; it must be between 1 and 604800 seconds"],
    );
    check(
        "[cluster]\nbackend = \"local\"\nranks = 2\n[hardware]\npeak_tflops = 0.0\n",
        64,
        expect![
            "c.toml:5:15: `peak_tflops` is 0; it must be above 0 and at most 1000000, of one rank"
        ],
    );
}

#[test]
fn nccl_needs_gpus() {
    let text = "[cluster]\nbackend = \"local\"\nranks = 2\ncollective = \"nccl\"\n";
    let cluster = Cluster::parse(text, Path::new("c.toml")).unwrap();
    assert!(cluster.check_device("cuda").is_ok());
    let error = cluster.check_device("flex").unwrap_err();
    assert_eq!(error.code, exit::DECLARATION);
    expect![[r#"the cluster file says collective = "nccl", but run.device is `flex`: NCCL sums on GPUs of NVIDIA's only; set run.device = "cuda", or leave `collective` out"#]]
        .assert_eq(&error.message);
    assert!(Cluster::of_this_machine().check_device("flex").is_ok());
}

#[test]
fn a_written_cluster_is_read_back() {
    let deadlines = Deadlines { operation: Duration::from_secs(5), ..Deadlines::default() };
    let sharding = Sharding { stage: 2, bucket_mib: 7 };
    let figures = [None, Some(312.0), Some(0.05)];
    for (peak_tflops, collective) in figures.into_iter().zip(Carrier::ALL) {
        let cluster = Cluster {
            backend: Backend::Local,
            ranks: 4,
            threads_per_rank: 3,
            collective,
            sharding,
            deadlines,
            hardware: Hardware { peak_tflops, ..Hardware::default() },
            nodes: 2,
            interface: Some("eth0".to_owned()),
            ..Cluster::of_this_machine()
        };
        assert_eq!(Cluster::parse(&cluster.to_toml(), Path::new("c.toml")).unwrap(), cluster);
    }
    let whole = "[cluster]\nbackend = \"local\"\nranks = 2\n[hardware]\npeak_tflops = 312\n";
    let cluster = Cluster::parse(whole, Path::new("c.toml")).unwrap();
    assert_eq!(cluster.hardware.peak_tflops(), Some(312.0));
}

#[test]
fn the_files_of_the_repository_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/clusters");
    for (name, ranks) in
        [("laptop", 2), ("one-process", 1), ("four-ranks", 4), ("sharded", 2), ("gpus", 8)]
    {
        let cluster = Cluster::load(&folder.join(name).with_extension("toml")).unwrap();
        assert_eq!(cluster.ranks, ranks);
    }
}
