//! Whether the run's directory is one, can be written, has room, and gives back what it was given.

use super::{Finding, Level, everywhere};
use crate::preflight::{Answer, NodeFindings, Trouble, Wanted};
use trainer::memory::bytes_text;

/// Files that can still be made, at least: checkpoints, shards, logs.
const INODES: u64 = 1000;

/// Tokens, room, and small checkpoints.
pub fn judge(wanted: &Wanted, nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = nodes.iter().filter_map(unwritable).collect();
    let apart = apart(nodes);
    findings.extend(apart.iter().map(|(node, reference)| not_shared(*node, *reference, nodes)));
    let asked = nodes.iter().filter(|node| node.token.is_some()).count();
    if asked > 0 && findings.is_empty() {
        let line = format!("the run's directory is one and can be written {}", everywhere(asked));
        findings.push(Finding::pass("shared", line));
    }
    let full = room(wanted, nodes, &mut findings);
    checkpoints(nodes, &apart, full, &mut findings);
    findings
}

/// A node that could not write its token.
fn unwritable(node: &NodeFindings) -> Option<Finding> {
    let Some(Err(trouble)) = &node.token else { return None };
    Some(of_trouble("writable", trouble).on(node))
}

fn of_trouble(check: &str, trouble: &Trouble) -> Finding {
    Finding { way: trouble.way.clone(), ..Finding::fail(check, &trouble.error) }
}

/// Nodes that are not in the largest group of those that see each other's tokens, each with one that is.
fn apart(nodes: &[NodeFindings]) -> Vec<(usize, usize)> {
    let wrote: Vec<usize> =
        (0..nodes.len()).filter(|node| matches!(nodes[*node].token, Some(Ok(())))).collect();
    // Whoever was asked nothing has not been found apart.
    let sees = |from: usize, to: usize| match &nodes[from].seen {
        Some(Ok(seen)) => seen.contains(&to),
        Some(Err(_)) => false,
        None => true,
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &node in &wrote {
        let its = groups.iter_mut().find(|group| sees(node, group[0]) && sees(group[0], node));
        match its {
            Some(group) => group.push(node),
            None => groups.push(vec![node]),
        }
    }
    let Some(largest) = groups.iter().rev().max_by_key(|group| group.len()).cloned() else {
        return Vec::new();
    };
    wrote.into_iter().filter(|it| !largest.contains(it)).map(|it| (it, largest[0])).collect()
}

fn not_shared(node: usize, reference: usize, nodes: &[NodeFindings]) -> Finding {
    let (its, other) = (&nodes[node], &nodes[reference]);
    let is_seen = |by: &NodeFindings, whose: usize| matches!(&by.seen, Some(Ok(seen)) if seen.contains(&whose));
    let line = match (is_seen(its, reference), is_seen(other, node)) {
        (true, false) => format!("`{}` does not see what it writes, but it sees back", other.name),
        (false, true) => format!("it does not see what `{}` writes, but is seen", other.name),
        _ => format!("neither it nor `{}` sees what the other writes", other.name),
    };
    let way = "run directories lie on a file system that all nodes share, at the same path: \
               mount it there, or name another --run-dir";
    let line = format!("another run directory than `{}`'s: {line}", other.name);
    Finding::fail("shared", line).on(its).way(way)
}

/// Whether there is room; true where there is not.
fn room(wanted: &Wanted, nodes: &[NodeFindings], findings: &mut Vec<Finding>) -> bool {
    let written = nodes.iter().filter(|node| matches!(node.token, Some(Ok(()))));
    let known = written.filter_map(|node| match &node.facts {
        Some(Ok(facts)) => Some((node, facts)),
        _ => None,
    });
    let known: Vec<_> = known.collect();
    // One disk is seen by many nodes: the one that sees least speaks for all.
    let free =
        known.iter().filter_map(|(node, facts)| Some((facts.disk?, *node))).min_by_key(|it| it.0);
    if let Some((free, node)) = free {
        let needed = wanted.disk.unwrap_or(0);
        if free < needed {
            let (free, needed) = (bytes_text(free), bytes_text(needed));
            let line = format!("{free} free for the run, its checkpoints take {needed}");
            let way = "remove old runs, keep fewer checkpoints ([checkpoint] keep), or name another --run-dir";
            findings.push(Finding::fail("disk", line).on(node).way(way));
            return true;
        }
    }
    let inodes =
        known.iter().filter_map(|(node, facts)| Some((facts.inodes?, *node))).min_by_key(|it| it.0);
    if let Some((left, node)) = inodes.filter(|it| it.0 < INODES) {
        let line = format!("{left} files can still be made there, {INODES} are needed");
        let way = "remove small files, or name another --run-dir (`df -i`)";
        findings.push(Finding::fail("disk", line).on(node).way(way));
        return true;
    }
    for node in nodes {
        if let Some(Err(trouble)) = &node.room {
            let needed = bytes_text(wanted.disk.unwrap_or(0));
            let finding = of_trouble("disk", trouble).on(node);
            let line = format!("{needed} for checkpoints are refused: {}", finding.line);
            findings.push(Finding { line, ..finding });
            return true;
        }
    }
    if let Some((free, _)) = free {
        let needed = match wanted.disk {
            Some(bytes) => format!("checkpoints take {}", bytes_text(bytes)),
            None => "what checkpoints take is known with --recipe and a vocabulary".to_owned(),
        };
        findings.push(Finding::pass("disk", format!("{} free, {needed}", bytes_text(free))));
    }
    false
}

/// Whether the small checkpoints came back, and how fast they were written.
fn checkpoints(
    nodes: &[NodeFindings],
    apart: &[(usize, usize)],
    full: bool,
    findings: &mut Vec<Finding>,
) {
    let before = findings.len();
    let is_apart = |node: usize| apart.iter().any(|it| it.0 == node);
    for (index, node) in nodes.iter().enumerate() {
        if let Some(Err(trouble)) = &node.written
            && !full
        {
            findings.push(of_trouble("checkpoint", trouble).on(node));
        }
        // A folder that is not shared cannot be read; that was said.
        if !is_apart(index) {
            findings.extend(read_back(node, nodes, &is_apart));
        }
    }
    let rate = |node: &NodeFindings| match &node.written {
        Some(Ok(written)) => {
            Some((written.bytes as f64 / written.seconds.max(1e-9), node.name.clone()))
        }
        _ => None,
    };
    let slowest = nodes.iter().filter_map(rate).min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((rate, name)) = slowest.filter(|_| findings.len() == before) {
        let rate = rate / 1e6;
        let line = format!("written and read back alike; `{name}` wrote least, {rate:.0} MB/s");
        findings.push(Finding::pass("checkpoint", line));
    }
}

fn read_back(
    node: &NodeFindings,
    nodes: &[NodeFindings],
    is_apart: &dyn Fn(usize) -> bool,
) -> Option<Finding> {
    let read = match node.read.as_ref()? {
        Ok(read) => read,
        // Whose it was is not known; where directories differ, that was said.
        Err(_) if (0..nodes.len()).any(is_apart) => return None,
        Err(trouble) => return Some(of_trouble("checkpoint", trouble).on(node)),
    };
    let writer = nodes.get(read.of).filter(|_| !is_apart(read.of))?;
    let Some(Answer::Ok(written)) = &writer.written else { return None };
    if (written.bytes, &written.sha256) == (read.bytes, &read.sha256) {
        return None;
    }
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    let line = format!(
        "reads {} B {} where `{}` wrote {} B {}",
        read.bytes,
        short(&read.sha256),
        writer.name,
        written.bytes,
        short(&written.sha256)
    );
    let way = "its mount or cache returns something else: checkpoints there cannot be trusted";
    Some(Finding::new("checkpoint", Level::Fail, line).on(node).way(way))
}
