//! Which weights are trained, and which have a rate or decay of their own, by regular expressions.
//!
//! An expression is searched for anywhere in a weight's name, which is that of Hugging Face's files:
//! `mlp` finds `model.layers.0.mlp.up_proj.weight`, `^lm_head` only the head.

use super::OptimizerConfig;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One of `[[optimizer.groups]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// A regular expression over names of weights.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Their peak rate, in place of `learning_rate` or `muon_learning_rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Their decay; vectors are never decayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

/// Refuses expressions and numbers that cannot be.
pub(super) fn check(config: &OptimizerConfig) -> Result<(), String> {
    for pattern in &config.freeze {
        expression("optimizer.freeze", pattern)?;
    }
    for Group { pattern, learning_rate, weight_decay } in &config.groups {
        let name = format!("optimizer.groups, `{pattern}`");
        expression(&name, pattern)?;
        let numbers = [("learning_rate", learning_rate), ("weight_decay", weight_decay)];
        if numbers.iter().all(|(_, value)| value.is_none()) {
            return Err(format!("{name}: gives neither learning_rate nor weight_decay"));
        }
        for (key, value) in numbers {
            if let Some(value) = value.filter(|value| !(0.0..=10.0).contains(value)) {
                return Err(format!("{name}: {key} is {value}, expected 0 to 10"));
            }
        }
    }
    Ok(())
}

/// The group of the weight at `path`.
pub(super) fn index(config: &OptimizerConfig, path: &str) -> Option<usize> {
    // Expressions that cannot be were refused with the recipe.
    let finds = |group: &Group| Regex::new(&group.pattern).is_ok_and(|it| it.is_match(path));
    config.groups.iter().position(finds)
}

/// The names of what is trained: of `weights`, those that a phase trains without what `freeze` names.
///
/// Refuses expressions that find nothing, and a phase that trains nothing.
pub fn trained(
    config: &OptimizerConfig,
    weights: &[(String, bool)],
) -> Result<BTreeSet<String>, String> {
    let mut left: BTreeSet<&str> =
        weights.iter().filter(|(_, trained)| *trained).map(|(name, _)| name.as_str()).collect();
    for pattern in &config.freeze {
        for found in found("optimizer.freeze", pattern, weights)? {
            left.remove(found);
        }
    }
    if left.is_empty() {
        return Err(format!(
            "optimizer.freeze = [{}] leaves no weight to train; remove an expression, or make one narrower",
            config.freeze.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ")
        ));
    }
    for group in &config.groups {
        let found = found("optimizer.groups", &group.pattern, weights)?;
        if !found.iter().any(|name| left.contains(name)) {
            return Err(format!(
                "optimizer.groups: `{}` finds {} weights, such as `{}`, but none that this phase trains, such as `{}`",
                group.pattern,
                found.len(),
                found[0],
                left.first().copied().unwrap_or_default()
            ));
        }
    }
    Ok(left.into_iter().map(str::to_owned).collect())
}

fn expression(name: &str, pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{name}: `{pattern}` is not a regular expression: {why}")
    })
}

/// The names that `pattern` finds, at least one.
fn found<'a>(
    name: &str,
    pattern: &str,
    weights: &'a [(String, bool)],
) -> Result<Vec<&'a str>, String> {
    let expression = expression(name, pattern)?;
    let names = weights.iter().map(|(name, _)| name.as_str());
    let found: Vec<&str> = names.clone().filter(|name| expression.is_match(name)).collect();
    if found.is_empty() {
        let near: Vec<String> =
            nearest(pattern, names).into_iter().map(|name| format!("`{name}`")).collect();
        return Err(format!(
            "{name}: `{pattern}` finds no weight; the nearest are {}",
            near.join(", ")
        ));
    }
    Ok(found)
}

/// The three names that have most of `pattern` in one piece.
fn nearest<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain: Vec<u8> = pattern
        .bytes()
        .filter(|byte| byte.is_ascii_alphanumeric() || b"._".contains(byte))
        .collect();
    let mut scored: Vec<(usize, &str)> =
        names.map(|name| (common(&plain, name.as_bytes()), name)).collect();
    // Stable: of equal ones the first of the network.
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Length of the longest run of bytes that both have, whatever their case.
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut row = vec![0; b.len() + 1];
    let mut longest = 0;
    for x in a {
        for j in (0..b.len()).rev() {
            row[j + 1] = if x.eq_ignore_ascii_case(&b[j]) { row[j] + 1 } else { 0 };
            longest = longest.max(row[j + 1]);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn weights(trained: &str) -> Vec<(String, bool)> {
        [
            "model.embed_tokens.weight",
            "model.layers.0.self_attn.o_proj.weight",
            "model.layers.0.self_attn.o_proj.lora_A.weight",
            "model.layers.0.mlp.up_proj.weight",
            "model.layers.1.mlp.up_proj.weight",
            "model.norm.weight",
            "lm_head.weight",
        ]
        .into_iter()
        .map(|name| (name.to_owned(), name.contains(trained)))
        .collect()
    }

    fn config(freeze: &[&str], groups: &[&str]) -> OptimizerConfig {
        let group = |pattern: &&str| Group {
            pattern: (*pattern).to_owned(),
            learning_rate: Some(1e-4),
            weight_decay: None,
        };
        OptimizerConfig {
            freeze: freeze.iter().map(ToString::to_string).collect(),
            groups: groups.iter().map(group).collect(),
            ..OptimizerConfig::default()
        }
    }

    #[test]
    fn what_is_frozen_is_not_trained() {
        let left = |freeze: &[&str], of: &str| {
            trained(&config(freeze, &[]), &weights(of)).unwrap().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(left(&[r"layers\.", "embed|head"], ""), ["model.norm.weight"]);
        // What is frozen anyway may be named.
        assert_eq!(left(&["embed"], "lora_"), ["model.layers.0.self_attn.o_proj.lora_A.weight"]);
        assert_eq!(left(&[], "").len(), 7);
    }

    #[test]
    fn the_first_group_that_matches_counts() {
        let config = config(&[], &[r"layers\.0\.mlp", "mlp", "^lm_head"]);
        let of = |path: &str| index(&config, path);
        assert_eq!(of("model.layers.0.mlp.up_proj.weight"), Some(0));
        assert_eq!(of("model.layers.1.mlp.up_proj.weight"), Some(1));
        assert_eq!(of("lm_head.weight"), Some(2));
        assert_eq!(of("model.norm.weight"), None);
    }

    #[test]
    fn expressions_without_effect_are_refused() {
        let refused = |freeze: &[&str], groups: &[&str], of: &str| {
            trained(&config(freeze, groups), &weights(of)).unwrap_err()
        };
        assert_eq!(
            refused(&["mlp.upproj"], &[], ""),
            "optimizer.freeze: `mlp.upproj` finds no weight; the nearest are `model.layers.0.mlp.up_proj.weight`, `model.layers.1.mlp.up_proj.weight`, `model.layers.0.self_attn.o_proj.weight`"
        );
        assert_eq!(
            refused(&["."], &[], ""),
            "optimizer.freeze = [\".\"] leaves no weight to train; remove an expression, or make one narrower"
        );
        assert_eq!(
            refused(&[], &["lm_head"], "lora_"),
            "optimizer.groups: `lm_head` finds 1 weights, such as `lm_head.weight`, but none that this phase trains, such as `model.layers.0.self_attn.o_proj.lora_A.weight`"
        );
    }

    #[test]
    fn expressions_that_cannot_be_are_refused() {
        assert_eq!(
            check(&config(&["("], &[])).unwrap_err(),
            "optimizer.freeze: `(` is not a regular expression: unclosed group"
        );
        let group = |learning_rate, weight_decay| OptimizerConfig {
            groups: vec![Group { pattern: "mlp".into(), learning_rate, weight_decay }],
            ..OptimizerConfig::default()
        };
        assert_eq!(
            check(&group(None, None)).unwrap_err(),
            "optimizer.groups, `mlp`: gives neither learning_rate nor weight_decay"
        );
        assert_eq!(
            check(&group(Some(-1.0), None)).unwrap_err(),
            "optimizer.groups, `mlp`: learning_rate is -1, expected 0 to 10"
        );
        assert_eq!(check(&group(None, Some(0.1))), Ok(()));
    }
}
