//! How each object of gold and prediction fared.
//!
//! Compared by surface, as the protocol `set` does, but told object by object: a wrong type is one
//! mistake at one place here, where a tally counts a miss and an invention.

use data_pipeline::predictions::Prediction;
use data_pipeline::{Instance, Mention, Span, Task};
use std::collections::BTreeSet;

/// How an object fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Correct,
    WrongType,
    Missed,
    Invented,
    /// A trigger that EAE is told.
    Given,
}

/// Each verdict that counts, with its class on the page, its sign and its words.
pub(super) const VERDICTS: [(Verdict, &str, &str, &str); 4] = [
    (Verdict::Correct, "correct", "✓", "correct"),
    (Verdict::WrongType, "wrong", "≠", "wrong type"),
    (Verdict::Missed, "missed", "−", "missed"),
    (Verdict::Invented, "invented", "+", "invented"),
];

/// An object with its verdict.
pub(super) struct Finding<'a> {
    pub verdict: Verdict,
    /// Class, or class and role.
    pub label: String,
    /// The label that was predicted instead.
    pub said: Option<String>,
    /// The mention, or head and tail.
    pub mentions: Vec<&'a Mention>,
}

/// Every object of gold and prediction once, with its verdict.
pub(super) fn findings(prediction: &Prediction) -> Vec<Finding<'_>> {
    let task = prediction.task;
    let (gold, said) = (claims(task, &prediction.gold), claims(task, &prediction.predicted));
    let gold_keys: BTreeSet<_> = gold.iter().map(Claim::key).collect();
    let said_keys: BTreeSet<_> = said.iter().map(Claim::key).collect();
    // Predictions that are told of as the wrong type of something.
    let mut told = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for claim in gold {
        let key = claim.key();
        let instead = || {
            said.iter().find(|other| {
                let other_key = other.key();
                other_key.1 == key.1
                    && !gold_keys.contains(&other_key)
                    && !told.contains(&other_key)
            })
        };
        let (verdict, wrong) = if said_keys.contains(&key) {
            (Verdict::Correct, None)
        } else if let Some(other) = instead() {
            (Verdict::WrongType, Some(other.label.clone()))
        } else {
            (Verdict::Missed, None)
        };
        if !seen.insert((key.clone(), claim.places())) {
            continue;
        }
        if let Some(label) = &wrong {
            told.insert((label.clone(), key.1.clone()));
        }
        findings.push(Finding {
            verdict,
            label: claim.label,
            said: wrong,
            mentions: claim.mentions,
        });
    }
    for claim in said {
        let key = claim.key();
        if gold_keys.contains(&key) || !told.insert(key) {
            continue;
        }
        let Claim { label, mentions } = claim;
        findings.push(Finding { verdict: Verdict::Invented, label, said: None, mentions });
    }
    if task == Task::Eae {
        findings.extend(prediction.gold.iter().filter_map(|instance| match instance {
            Instance::Event(event) => Some(Finding {
                verdict: Verdict::Given,
                label: event.class.clone(),
                said: None,
                mentions: vec![&event.trigger],
            }),
            _ => None,
        }));
    }
    findings
}

/// What one object of gold or prediction claims: a label for one mention, or for two.
struct Claim<'a> {
    label: String,
    mentions: Vec<&'a Mention>,
}

impl<'a> Claim<'a> {
    /// What two claims are compared by: the label and the surfaces.
    fn key(&self) -> (String, Vec<&'a str>) {
        (self.label.clone(), self.mentions.iter().map(|mention| mention.text.as_str()).collect())
    }

    fn places(&self) -> Vec<&'a [Span]> {
        self.mentions.iter().map(|mention| mention.places()).collect()
    }
}

fn claims(task: Task, instances: &[Instance]) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    for instance in instances {
        let label = instance.class().to_owned();
        match instance {
            Instance::Entity(entity) => {
                claims.push(Claim { label, mentions: vec![&entity.mention] })
            }
            Instance::Relation(relation) => {
                let mentions = vec![&relation.head.mention, &relation.tail.mention];
                claims.push(Claim { label, mentions });
            }
            Instance::Event(event) if task == Task::Eae => {
                claims.extend(event.arguments.iter().map(|(role, mention)| Claim {
                    label: format!("{label}.{role}"),
                    mentions: vec![mention],
                }));
            }
            Instance::Event(event) => claims.push(Claim { label, mentions: vec![&event.trigger] }),
        }
    }
    claims
}
