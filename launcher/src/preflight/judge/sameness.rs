//! What must be the same on all nodes.

use super::{Finding, Level, everywhere, found};
use crate::preflight::facts::Facts;
use crate::preflight::files::Digest;
use crate::preflight::{NodeFindings, Wanted};
use std::collections::BTreeSet;
use trainer::memory::bytes_text;

/// Digits of a hash that are shown.
const SHOWN: usize = 12;

/// Program, libraries, recipe, and data.
pub fn judge(wanted: &Wanted, nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let facts = found("facts", nodes, |node| node.facts.as_ref(), &mut findings);
    // What a node lacks is said where it is needed; here is what those have that have it.
    let same = |check, of: &dyn Fn(&Facts) -> Option<String>, level, way| {
        let values = facts.iter().filter_map(|(node, facts)| Some((*node, of(facts)?)));
        same(check, values.collect(), level, way)
    };
    // A quick look at a single node does not ask for it.
    let program = |it: &Facts| {
        let known = !it.program.is_empty();
        known.then(|| format!("program {} ({})", short(&it.program), it.version))
    };
    let way = "copy one build to all nodes, or run it from the shared file system";
    findings.extend(same("program", &program, Level::Fail, way));
    if wanted.device == "cuda" {
        let driver = |it: &Facts| Some(format!("driver {}", it.driver.version()?));
        let gpus = |it: &Facts| Some(it.gpus.first()?.name.clone());
        let functions = |it: &Facts| {
            it.driver.version()?;
            let found = it.libdevice.version().map(|hash| format!("libdevice {}", short(hash)));
            Some(found.unwrap_or_else(|| "no libdevice".to_owned()))
        };
        let way = "install the same driver on all nodes";
        findings.extend(same("driver", &driver, Level::Warn, way));
        let way = "the slowest GPU sets the pace: take nodes of one kind";
        findings.extend(same("GPU", &gpus, Level::Warn, way));
        let way = "results differ in their last digits: install the same CUDA toolkit";
        findings.extend(same("libdevice", &functions, Level::Warn, way));
    }
    if wanted.needs_nccl() {
        let nccl = |it: &Facts| Some(format!("NCCL {}", it.nccl.version()?));
        let way = "install one version on all nodes, or name it with KNOWCODER_NCCL";
        findings.extend(same("NCCL", &nccl, Level::Fail, way));
    }
    findings.extend(recipe(nodes));
    findings.extend(manifests(nodes));
    findings
}

/// The resolved recipe; before a run was prepared there is none, on no node.
fn recipe(nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let seen = found("recipe", nodes, |node| node.recipe.as_ref(), &mut findings);
    if seen.iter().all(|it| it.1.is_none()) {
        return findings;
    }
    let text = |digest: &Option<Digest>| match digest {
        Some(digest) => format!("recipe.lock {}", short(&digest.hash)),
        None => "no recipe.lock".to_owned(),
    };
    let values = seen.iter().map(|(node, digest)| (*node, text(digest))).collect();
    let way = "the directory of the run is another one there, or an old copy: mount the shared one";
    findings.extend(same("recipe", values, Level::Fail, way));
    findings
}

/// What is read in training; one finding where all of it is the same.
fn manifests(nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let seen = found("data", nodes, |node| node.manifests.as_ref(), &mut findings);
    let names: BTreeSet<&String> = seen.iter().flat_map(|it| it.1.keys()).collect();
    let mut differ = Vec::new();
    for name in &names {
        let text = |digest: Option<&Digest>| match digest.filter(|it| it.files > 0) {
            None => format!("no `{name}`"),
            Some(Digest { files: 1, hash, .. }) => format!("`{name}` {}", short(hash)),
            Some(Digest { files, bytes, hash }) => {
                format!("`{name}` {} ({files} files, {})", short(hash), bytes_text(*bytes))
            }
        };
        let values = seen.iter().map(|(node, it)| (*node, text(it.get(*name)))).collect();
        let way = "copy it again from a node that has the right one, or prepare the data again";
        let found = same("data", values, Level::Fail, way);
        differ.extend(found.into_iter().filter(|it| it.level != Level::Pass));
        let absent = |it: &&Digest| it.files == 0;
        let known: Vec<_> = seen.iter().filter_map(|it| it.1.get(*name)).collect();
        if !known.is_empty() && known.iter().all(absent) {
            let line = format!("`{name}` is {} absent", everywhere(seen.len()));
            let way = "fetch it, or name it as the nodes see it";
            differ.push(Finding::fail("data", line).way(way));
        }
    }
    // Shards that differ differ in their manifest, too: the manifest is the cause.
    let manifests: Vec<String> = differ
        .iter()
        .filter_map(|it| it.line.split('`').nth(1)?.strip_suffix("/manifest.json"))
        .map(str::to_owned)
        .collect();
    differ.retain(|it| {
        let name = it.line.split('`').nth(1).unwrap_or_default();
        !manifests.iter().any(|manifest| manifest == name)
    });
    if differ.is_empty() && !names.is_empty() {
        let line = format!("{} things to read are equal {}", names.len(), everywhere(seen.len()));
        differ.push(Finding::pass("data", line));
    }
    findings.extend(differ);
    findings
}

/// One finding that all is equal, or one for each node that differs from most; where none are more, from
/// the first.
fn same(
    check: &str,
    values: Vec<(&NodeFindings, String)>,
    level: Level,
    way: &str,
) -> Vec<Finding> {
    let count = |text: &str| values.iter().filter(|it| it.1 == text).count();
    // Of several that are as frequent, `max_by_key` takes the last one it sees.
    let Some((of, usual)) = values.iter().rev().max_by_key(|it| count(&it.1)) else {
        return Vec::new();
    };
    let odd = values.iter().filter(|it| it.1 != *usual);
    let differs = |(node, text): &(&NodeFindings, String)| {
        Finding::new(check, level, format!("{text}; `{}` has {usual}", of.name)).on(node).way(way)
    };
    let findings: Vec<Finding> = odd.map(differs).collect();
    if findings.is_empty() {
        return vec![Finding::pass(check, format!("{usual} {}", everywhere(values.len())))];
    }
    findings
}

/// The beginning of a hash.
fn short(hash: &str) -> &str {
    hash.get(..SHOWN).unwrap_or(hash)
}
