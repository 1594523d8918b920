//! Arguments that were asked of predicted triggers, kept apart from those of annotated ones.
//!
//! Papers mean one or the other by "EAE". Here a chained set has another name, and no sum counts both.

use super::{Options, Protocol, Row, Scores, Set, score_with};

/// Ends the name of a dataset whose triggers were predicted.
const CHAINED: &str = " (chained)";

/// The name under which the chained answers of `dataset` are scored.
pub fn chained(dataset: &str) -> String {
    format!("{dataset}{CHAINED}")
}

/// Whether the answers under this name were asked of predicted triggers.
pub(super) fn is_chained(dataset: &str) -> bool {
    dataset.ends_with(CHAINED)
}

impl Row {
    /// Whether its arguments were asked of predicted triggers.
    pub fn is_chained(&self) -> bool {
        is_chained(&self.dataset)
    }
}

/// Scores sets as [`score_with`] does; chained ones have rows of their own behind the others, and are in
/// no sum.
pub fn score_apart(sets: &[Set], protocols: &[Protocol], options: &Options) -> Scores {
    let (chained, others): (Vec<Set>, Vec<Set>) =
        sets.iter().cloned().partition(|set| is_chained(&set.dataset));
    let mut scores = score_with(&others, protocols, options);
    if !chained.is_empty() {
        let Scores { rows, by_type, absent, .. } = score_with(&chained, protocols, options);
        scores.rows.extend(rows.into_iter().filter(Row::is_chained));
        scores.by_type.extend(by_type.into_iter().filter(|row| is_chained(&row.dataset)));
        scores.absent.extend(absent);
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::super::{MICRO, tests::prediction};
    use super::*;
    use crate::schema::Task;

    #[test]
    fn what_is_chained_is_in_no_sum() {
        let set = |dataset: String, said: &[&str]| Set {
            dataset,
            language: "en".into(),
            task: Task::Eae,
            predictions: vec![prediction(Task::Eae, &["H joined: who Ann"], said)],
        };
        let right = ["H joined: who Ann"];
        let sets = vec![
            set("a".into(), &right),
            set(chained("a"), &[]),
            set("b".into(), &right),
            set(chained("b"), &[]),
        ];
        let rows = score_apart(&sets, &[Protocol::Set], &Options::default()).rows;
        let told: Vec<(&str, Option<f64>)> =
            rows.iter().map(|row| (row.dataset.as_str(), row.f1)).collect();
        assert_eq!(
            told,
            [
                ("a", Some(100.0)),
                ("b", Some(100.0)),
                (MICRO, Some(100.0)),
                ("a (chained)", Some(0.0)),
                ("b (chained)", Some(0.0)),
            ]
        );
    }
}
