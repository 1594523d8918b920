//! Whether nodes reach each other, and how fast.

use super::{Finding, found, median};
use crate::preflight::interfaces::{Interface, names};
use crate::preflight::links::Measured;
use crate::preflight::{Answer, NodeFindings, Wanted};

/// Share of the median below which a link is slow.
const SLOW: f64 = 0.5;

/// Interfaces, ports, links, and all links at once.
pub fn judge(wanted: &Wanted, nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        nodes.iter().filter_map(|node| interface(wanted, node)).collect();
    for node in nodes {
        let is_known = findings.iter().any(|it| it.node.as_ref() == Some(&node.name));
        if let (Some(Err(trouble)), false) = (&node.port, is_known) {
            let way = trouble.way.clone();
            findings.push(Finding { way, ..Finding::fail("port", &trouble.error).on(node) });
        }
    }
    if findings.is_empty() && nodes.iter().any(|node| node.port.is_some()) {
        let listens = nodes.iter().find_map(|node| match &node.port {
            Some(Ok(bound)) => Some(format!("`{}` at {}", node.name, bound.address)),
            _ => None,
        });
        findings.extend(listens.map(|it| Finding::pass("port", format!("free, such as {it}"))));
    }
    // Whoever cannot be listened at has been named, unless it only failed to begin.
    let mut unheard = Vec::new();
    found("listen", nodes, |node| node.listens.as_ref(), &mut unheard);
    unheard.retain(|it| findings.iter().all(|known| known.node != it.node));
    findings.extend(unheard);
    let broken = unreachable(nodes);
    if broken.is_empty() {
        findings.extend(speed(nodes));
    }
    findings.extend(broken);
    findings
}

/// The interface that the cluster file names.
fn interface(wanted: &Wanted, node: &NodeFindings) -> Option<Finding> {
    let name = wanted.interface.as_ref()?;
    let Some(Ok(facts)) = &node.facts else { return None };
    let way = "give [cluster] interface one that every node has, or leave it out";
    let line = match facts.interfaces.iter().find(|it| it.name == *name) {
        None => format!("no interface `{name}`, only {}", names(&facts.interfaces)),
        Some(Interface { up: false, .. }) => {
            format!("interface `{name}` is down, others: {}", names(&facts.interfaces))
        }
        Some(interface) if interface.address().is_none() => {
            format!("interface `{name}` has no address, others: {}", names(&facts.interfaces))
        }
        Some(_) => return None,
    };
    Some(Finding::fail("interface", line).on(node).way(way))
}

/// What came of a node's reaching another.
fn link(nodes: &[NodeFindings], from: usize, to: usize) -> Option<&Answer<Measured>> {
    nodes[from].links.get(&to)
}

/// Nodes that nobody reaches, nodes that reach nobody, and single pairs.
fn unreachable(nodes: &[NodeFindings]) -> Vec<Finding> {
    let count = nodes.len();
    let others = |node: usize| (0..count).filter(move |it| *it != node);
    let mut findings = Vec::new();
    let all_fail =
        |links: Vec<&Answer<Measured>>| links.len() > 1 && links.iter().all(|it| it.is_err());
    let mut named = Vec::new();
    for node in 0..count {
        let to_it: Vec<_> = others(node).filter_map(|it| link(nodes, it, node)).collect();
        let from_it: Vec<_> = others(node).filter_map(|it| link(nodes, node, it)).collect();
        let (tried, first) = (to_it.len(), to_it.first().copied().or(from_it.first().copied()));
        let Some(Err(trouble)) = first else { continue };
        let what = match (all_fail(to_it), all_fail(from_it)) {
            (true, true) => format!("cut off from all of {tried} other nodes"),
            (true, false) => format!("reaches others, but none of {tried} reaches it"),
            (false, true) => format!("others reach it, but it reaches none of {tried}"),
            (false, false) => continue,
        };
        named.push(node);
        let line = format!("{what}: {}", trouble.error);
        let way = trouble.way.clone();
        findings.push(Finding { way, ..Finding::fail("links", line).on(&nodes[node]) });
    }
    for from in (0..count).filter(|it| !named.contains(it)) {
        for to in others(from).filter(|it| !named.contains(it)) {
            let Some(Err(trouble)) = link(nodes, from, to) else { continue };
            let back = match link(nodes, to, from) {
                Some(Ok(_)) => "though it is reached from there",
                Some(Err(_)) if to < from => continue,
                Some(Err(_)) => "nor is it reached from there",
                None => "the way back was not tried",
            };
            let line = format!("cannot reach `{}`, {back}: {}", nodes[to].name, trouble.error);
            let way = trouble.way.clone();
            findings.push(Finding { way, ..Finding::fail("links", line).on(&nodes[from]) });
        }
    }
    findings
}

/// Links that are slower than most, and what all of them carry at once.
fn speed(nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rates: Vec<(usize, usize, &Measured)> = (0..nodes.len())
        .flat_map(|from| nodes[from].links.iter().map(move |(to, it)| (from, *to, it)))
        .filter_map(|(from, to, it)| Some((from, to, it.as_ref().ok()?)))
        .collect();
    // A slow pair makes neither node slow: the best of a node's links speaks for it.
    let best = |node: usize| {
        let own = rates.iter().filter(|it| it.0 == node || it.1 == node);
        own.map(|it| it.2.bytes_per_second).max_by(f64::total_cmp)
    };
    let bests: Vec<(&NodeFindings, f64)> =
        nodes.iter().enumerate().filter_map(|(node, its)| Some((its, best(node)?))).collect();
    let Some(middle) = median(bests.iter().map(|it| it.1).collect()) else {
        return findings;
    };
    for (node, best) in bests.iter().filter(|it| it.1 < SLOW * middle) {
        let line = format!("{} at best, the median is {}", text(*best), text(middle));
        let way = "every step waits for it: see `ethtool`, cables and the switch's port";
        findings.push(Finding::warn("links", line).on(node).way(way));
    }
    let count = nodes.len();
    let possible = count * count.saturating_sub(1);
    if rates.len() < possible {
        let line = format!("{} of {possible} ways were tried in time", rates.len());
        findings.push(Finding::warn("links", line).way("the others show when ranks meet"));
    }
    let slowest = rates.iter().min_by(|a, b| a.2.bytes_per_second.total_cmp(&b.2.bytes_per_second));
    let latency = median(rates.iter().map(|it| it.2.latency_seconds).collect()).unwrap_or(0.0);
    if let Some((from, to, it)) = slowest.filter(|_| findings.is_empty()) {
        let (from, to) = (&nodes[*from].name, &nodes[*to].name);
        let line = format!(
            "every pair both ways, {} at least (`{from}` to `{to}`), {:.0} µs",
            text(it.bytes_per_second),
            latency * 1e6
        );
        findings.push(Finding::pass("links", line));
    }
    findings.extend(ring(nodes));
    findings
}

/// What each node sends to the next while all do: a ring's sum goes no faster.
fn ring(nodes: &[NodeFindings]) -> Option<Finding> {
    let of = |node: &NodeFindings| match &node.ring {
        Some(Ok(it)) => Some((it.bytes_per_second, node.name.clone())),
        _ => None,
    };
    let broken = nodes.iter().find_map(|node| match &node.ring {
        Some(Err(trouble)) => Some((node, trouble)),
        _ => None,
    });
    if let Some((node, trouble)) = broken {
        let line = format!("all at once, the way to the next node breaks: {}", trouble.error);
        let way = "single links work: the switch does not carry all of them";
        return Some(Finding::warn("ring", line).on(node).way(way));
    }
    let slowest = nodes.iter().filter_map(of).min_by(|a, b| a.0.total_cmp(&b.0))?;
    let line = format!("all at once, {} a node at least (`{}`)", text(slowest.0), slowest.1);
    Some(Finding::pass("ring", line))
}

/// A rate for a person.
fn text(bytes_per_second: f64) -> String {
    format!("{:.0} MB/s", bytes_per_second / 1e6)
}
