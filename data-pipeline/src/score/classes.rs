//! Scores of each class.

use super::{Protocol, Rule, Set, Tally, counting};
use crate::schema::Task;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The score of one class in one set.
///
/// A class that is said and never annotated has a row, without figures: its false alarms count in the
/// score of the set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeRow {
    /// Name of the dataset.
    pub dataset: String,
    /// Language code.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// The rule.
    pub protocol: Protocol,
    /// The class, in the form in which the protocol compares it; of arguments, that of their event.
    pub class: String,
    /// Right of the predicted, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// Found of the annotated, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Their harmonic mean, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// Annotated objects.
    pub gold: usize,
    /// Predicted objects.
    pub predicted: usize,
    /// Right ones.
    pub correct: usize,
}

/// A row for each class of `set`, in alphabetical order.
pub(super) fn of(set: &Set, rule: Rule) -> Vec<TypeRow> {
    let mut classes: BTreeMap<String, Tally> = BTreeMap::new();
    for prediction in &set.predictions {
        counting::count(rule, prediction, &mut |class, tally| match classes.get_mut(class) {
            Some(total) => *total += tally,
            None => {
                classes.insert(class.to_owned(), tally);
            }
        });
    }
    // An event without arguments says its class and counts nothing.
    classes.retain(|_, tally| *tally != Tally::default());
    classes.into_iter().map(|(class, tally)| row(set, rule, class, tally)).collect()
}

fn row(set: &Set, rule: Rule, class: String, tally: Tally) -> TypeRow {
    let Tally { gold, predicted, correct } = tally;
    let figure = |figure: fn(Tally) -> f64| (gold > 0).then(|| figure(tally));
    TypeRow {
        dataset: set.dataset.clone(),
        language: set.language.clone(),
        task: set.task,
        protocol: rule.protocol,
        class,
        precision: figure(Tally::precision),
        recall: figure(Tally::recall),
        f1: figure(Tally::f1),
        gold,
        predicted,
        correct,
    }
}

/// The means of precision, recall and F1 over the classes that are annotated, if any is.
pub(super) fn means(rows: &[TypeRow]) -> Option<(f64, f64, f64)> {
    let mean = |figure: fn(&TypeRow) -> Option<f64>| {
        let figures: Vec<f64> = rows.iter().filter_map(figure).collect();
        (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
    };
    Some((mean(|row| row.precision)?, mean(|row| row.recall)?, mean(|row| row.f1)?))
}

#[cfg(test)]
mod tests {
    use super::super::tests::prediction;
    use super::*;

    #[test]
    fn classes_add_up_to_the_set_under_every_protocol() {
        let row = prediction(
            Task::Ner,
            &["Person Ann@0", "City Rome@8", "Other UN@20"],
            &["Person Ann@0", "Person Ann@0", "City X", "Place Rome@8", "other UN@20"],
        );
        let set = Set {
            dataset: "d".into(),
            language: "en".into(),
            task: Task::Ner,
            predictions: vec![row.clone(), row],
        };
        for protocol in Protocol::ALL {
            let rows = of(&set, protocol.into());
            let total = rows.iter().map(|it| Tally {
                gold: it.gold,
                predicted: it.predicted,
                correct: it.correct,
            });
            let expected = set.predictions.iter().map(|row| super::super::tally(protocol, row));
            assert_eq!(total.sum::<Tally>(), expected.sum::<Tally>(), "{protocol}");
        }
        let told = |it: &TypeRow| format!("{} {:?} {}/{}", it.class, it.f1, it.correct, it.gold);
        let rows: Vec<String> = of(&set, Protocol::Set.into()).iter().map(told).collect();
        let expected = [
            "City Some(0.0) 0/2",
            "Other Some(0.0) 0/2",
            "Person Some(100.0) 2/2",
            "Place None 0/0",
            "other None 0/0",
        ];
        assert_eq!(rows, expected);
    }
}
