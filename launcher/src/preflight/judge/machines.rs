//! What each node must have by itself: time, GPUs, memory, limits, speed.

use super::{Finding, Level, everywhere, found, median};
use crate::preflight::facts::{Facts, GpuFacts, Library};
use crate::preflight::wanted::Held;
use crate::preflight::{NodeFindings, Wanted};
use std::collections::BTreeSet;
use trainer::memory::bytes_text;

/// Milliseconds that clocks may differ by before events of nodes can be read in a wrong order.
const SKEW: u64 = 500;

/// Milliseconds by which a clock is wrong: leases, logs and certificates go wrong with it.
const WRONG: u64 = 5_000;

/// Files that a rank with its shards, sockets and libraries is at ease with.
const FILES: u64 = 1024;

/// Files that a process cannot do without, beside one for each rank of the run.
const FEWEST_FILES: u64 = 128;

/// Shared memory that NCCL is at ease with: containers often get 64 MiB.
const SHARED: u64 = 1 << 30;

/// Memory that InfiniBand keeps from being swapped, at least.
const LOCKED: u64 = 1 << 30;

/// Share of a GPU's memory that is planned with, as `trainer::memory::Budget` does.
const USED: f64 = 0.9;

/// Share of the median below which a node is slow.
const SLOW: f64 = 0.9;

/// Clocks, GPUs, memory, limits, and speed.
pub fn judge(wanted: &Wanted, nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings = clocks(nodes);
    // Nodes without facts were named already.
    let facts = found("facts", nodes, |node| node.facts.as_ref(), &mut Vec::new());
    for check in [gpus, memory, limits] {
        let found: Vec<Finding> =
            facts.iter().flat_map(|(node, facts)| check(wanted, node, facts)).collect();
        findings.extend(found);
    }
    if wanted.device == "cuda" && !facts.is_empty() && none(&findings, "GPUs") {
        let each = wanted.ranks_per_node;
        let line = format!("one for each of {each} rank(s) {}", everywhere(facts.len()));
        findings.push(Finding::pass("GPUs", line));
    }
    if !wanted.memory.is_empty() && none(&findings, "memory") {
        let most = wanted.memory.iter().map(|it| it.bytes).max().unwrap_or(0);
        let most = bytes_text(most);
        let line = format!("room for the worst batch, {most} a rank, {}", everywhere(facts.len()));
        findings.push(Finding::pass("memory", line));
    }
    if !facts.is_empty() && none(&findings, "limits") {
        let line = format!("files and shared memory suffice {}", everywhere(facts.len()));
        findings.push(Finding::pass("limits", line));
    }
    findings.extend(speed(nodes, &facts));
    findings
}

fn none(findings: &[Finding], check: &str) -> bool {
    findings.iter().all(|it| it.check != check)
}

/// Clocks beside ours; half of what the answer took is not held against a node.
fn clocks(nodes: &[NodeFindings]) -> Vec<Finding> {
    let known: Vec<_> = nodes.iter().filter_map(|node| Some((node, node.clock?))).collect();
    let mut findings = Vec::new();
    for (node, clock) in &known {
        let apart = clock.ahead.unsigned_abs().saturating_sub(clock.round_trip / 2);
        if apart <= SKEW {
            continue;
        }
        let seconds = clock.ahead.unsigned_abs() as f64 / 1000.0;
        let side = if clock.ahead > 0 { "ahead of" } else { "behind" };
        let (level, most) = if apart > WRONG { (Level::Fail, WRONG) } else { (Level::Warn, SKEW) };
        let most = most as f64 / 1000.0;
        let line =
            format!("{seconds:.1} s {side} the driver's clock, at most {most:.1} s are fine");
        let way = "let it be set by the network: `timedatectl set-ntp true`, or `chronyc makestep`";
        findings.push(Finding::new("clock", level, line).on(node).way(way));
    }
    let most = known.iter().map(|it| it.1.ahead.unsigned_abs()).max();
    if let Some(most) = most.filter(|_| findings.is_empty()) {
        let seconds = most as f64 / 1000.0;
        let line = format!("within {seconds:.2} s of the driver's {}", everywhere(known.len()));
        findings.push(Finding::pass("clock", line));
    }
    findings
}

/// A GPU for each rank, and what makes it compute.
fn gpus(wanted: &Wanted, node: &NodeFindings, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if wanted.device != "cuda" {
        return findings;
    }
    let (there, ranks) = (facts.gpus.len(), wanted.ranks_per_node);
    if let Library::Lacking(reason) = &facts.driver {
        let line = format!("no driver for {ranks} rank(s): {reason}");
        let way = "install NVIDIA's driver, or take nodes where `nvidia-smi` lists GPUs";
        return vec![Finding::fail("GPUs", line).on(node).way(way)];
    }
    if there < ranks {
        let line = format!("{there} GPU(s) for {ranks} rank(s)");
        let way =
            "ask for as many GPUs of each node, see CUDA_VISIBLE_DEVICES, or start fewer ranks";
        findings.push(Finding::fail("GPUs", line).on(node).way(way));
    }
    if wanted.needs_nccl()
        && let Library::Lacking(reason) = &facts.nccl
    {
        let way = "install NCCL there, or name its libnccl.so.2 with KNOWCODER_NCCL";
        findings.push(Finding::fail("GPUs", reason).on(node).way(way));
    }
    findings
}

/// Whether the worst batch of each phase fits, by the memory plan; the batch itself is computed by the ranks
/// before the first step.
fn memory(wanted: &Wanted, node: &NodeFindings, facts: &Facts) -> Vec<Finding> {
    let ranks = wanted.ranks_per_node.max(1);
    let each = match wanted.device.as_str() {
        "flex" => facts.usable.map(|bytes| bytes / ranks as u64),
        "cuda" => {
            let of = |gpu: &GpuFacts| gpu.free.unwrap_or(gpu.memory);
            let least = facts.gpus.iter().take(ranks).map(of).min();
            least.map(|bytes| (bytes as f64 * USED) as u64)
        }
        _ => None,
    };
    let Some(each) = each else { return Vec::new() };
    let worst = wanted.memory.iter().filter(|it| it.bytes > each).max_by_key(|it| it.bytes);
    let finding = |held: &Held| {
        let line = format!(
            "{} to use for each of {ranks} rank(s), phase `{}` holds {} in its worst batch",
            bytes_text(each),
            held.phase,
            bytes_text(held.bytes)
        );
        let way =
            "end other programs there, start fewer ranks a node, or give a smaller micro_tokens";
        Finding::fail("memory", line).on(node).way(way)
    };
    worst.map(finding).into_iter().collect()
}

/// Limits of processes, and shared memory.
fn limits(wanted: &Wanted, node: &NodeFindings, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fewest = FEWEST_FILES + (wanted.ranks_per_node * wanted.nodes) as u64;
    let files = facts.files.unwrap_or(u64::MAX);
    let way = format!(
        "raise it: `ulimit -n {}`, or LimitNOFILE= of what starts agents",
        FILES.max(fewest)
    );
    if files < fewest {
        let line = format!("{files} open files a process, {fewest} are needed");
        findings.push(Finding::fail("limits", line).on(node).way(way));
    } else if files < FILES {
        let line = format!("{files} open files a process, {FILES} are better");
        findings.push(Finding::warn("limits", line).on(node).way(way));
    }
    let of_gpus = wanted.device == "cuda";
    if let Some(shared) = facts.shared.filter(|it| *it < SHARED)
        && of_gpus
        && wanted.ranks_per_node > 1
    {
        let line = format!("{} of /dev/shm, NCCL wants {}", bytes_text(shared), bytes_text(SHARED));
        let way = "start the container with --shm-size 4g, or mount a memory volume in the pod";
        findings.push(Finding::warn("limits", line).on(node).way(way));
    }
    if let Some(locked) = facts.locked.filter(|it| *it < LOCKED)
        && of_gpus
        && facts.infiniband
    {
        let (there, least) = (bytes_text(locked), bytes_text(LOCKED));
        let line = format!("{there} of locked memory, InfiniBand wants {least} or no limit");
        let way = "`ulimit -l unlimited`, or LimitMEMLOCK=infinity of what starts agents";
        findings.push(Finding::warn("limits", line).on(node).way(way));
    }
    findings
}

/// The same small work everywhere; nodes that are one machine take each other's cores, and say nothing.
fn speed(nodes: &[NodeFindings], facts: &[(&NodeFindings, &Facts)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let efforts = found("compute", nodes, |node| node.effort.as_ref(), &mut findings);
    let hosts: BTreeSet<&str> = facts.iter().map(|it| it.1.host.as_str()).collect();
    let rate = |it: f64| format!("{:.2} GFLOP/s a core", it / 1e9);
    let Some(middle) = median(efforts.iter().map(|it| it.1.flops_per_second).collect()) else {
        return findings;
    };
    if hosts.len() < facts.len() {
        let line = format!("{}, not compared: nodes share a machine", rate(middle));
        findings.push(Finding::pass("compute", line));
        return findings;
    }
    let slow = efforts.iter().filter(|it| it.1.flops_per_second < SLOW * middle);
    let slow: Vec<Finding> = slow
        .map(|(node, effort)| {
            let own = rate(effort.flops_per_second);
            let less = 100.0 * (1.0 - effort.flops_per_second / middle);
            let line = format!("{own}, {less:.0} % below the median of {}", rate(middle));
            let way = "every step waits for it: see `top` and its cooling, or take another node";
            Finding::warn("compute", line).on(node).way(way)
        })
        .collect();
    if slow.is_empty() {
        findings.push(Finding::pass("compute", format!("{} at the median", rate(middle))));
    }
    findings.extend(slow);
    findings
}
