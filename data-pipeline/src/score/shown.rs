//! Which rows are shown where a task has one number: not each protocol counts each task.

use super::{Protocol, Row, Scores, Sensitivity};
use crate::schema::Task;

impl Scores {
    /// The tasks that there are rows of, in their order, each with the first protocol that has a
    /// number for it: what one number a task is shown under.
    pub fn main_protocols(&self) -> Vec<(Task, Protocol)> {
        let mut found: Vec<(Task, Protocol)> = Vec::new();
        let protocols = self.protocols();
        let place = |protocol: Protocol| protocols.iter().position(|it| *it == protocol);
        for row in &self.rows {
            match found.iter_mut().find(|(task, _)| *task == row.task) {
                Some((_, known)) if place(row.protocol) < place(*known) => *known = row.protocol,
                Some(_) => {}
                None => found.push((row.task, row.protocol)),
            }
        }
        found
    }

    /// A row of each set and sum, whatever its protocol: sets first, sums after them.
    pub fn questions(&self) -> Vec<&Row> {
        let mut told: Vec<&Row> = Vec::new();
        for row in &self.rows {
            let same =
                |other: &&Row| Row { protocol: other.protocol, ..row.clone() }.matches(other);
            if !told.iter().any(same) {
                told.push(row);
            }
        }
        let (sums, mut sets): (Vec<_>, Vec<_>) = told.into_iter().partition(|row| row.is_summary());
        sets.extend(sums);
        sets
    }

    /// The rows of each task under its main protocol: sets first, sums after them.
    pub fn main_rows(&self) -> Vec<&Row> {
        let protocols = self.main_protocols();
        let rows = || self.rows.iter().filter(|row| protocols.contains(&(row.task, row.protocol)));
        let sets = rows().filter(|row| !row.is_summary());
        sets.chain(rows().filter(|row| row.is_summary())).collect()
    }

    /// What came of asking several times, of each task under its main protocol.
    pub fn main_sensitivity(&self) -> Vec<&Sensitivity> {
        let protocols = self.main_protocols();
        let is_main = |it: &&Sensitivity| protocols.contains(&(it.task, it.protocol));
        self.sensitivity.iter().filter(is_main).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Set, score, tests::prediction};
    use super::*;

    #[test]
    fn a_task_is_shown_under_the_first_protocol_that_defines_it() {
        let one = |task, gold: &str| Set {
            task,
            predictions: vec![prediction(task, &[gold], &[gold])],
            dataset: "d".into(),
            language: "en".into(),
        };
        let sets = [one(Task::Re, "In a > b"), one(Task::Ner, "P a")];
        let check = |protocols: &[Protocol], expected: &[(Task, Protocol)]| {
            let scores = Scores::from(score(&sets, protocols));
            assert_eq!(scores.main_protocols(), expected);
            let rows = scores.main_rows().into_iter().map(|row| (row.task, row.protocol));
            assert_eq!(rows.collect::<Vec<_>>().len(), expected.len());
        };
        let (re, ner) = (Task::Re, Task::Ner);
        let (set, b2ner) = (Protocol::Set, Protocol::B2ner);
        check(&[set, b2ner], &[(re, set), (ner, set)]);
        check(&[b2ner, set], &[(ner, b2ner), (re, set)]);
        check(&[b2ner], &[(ner, b2ner)]);
        check(&[Protocol::Iepile, b2ner], &[(re, Protocol::Iepile), (ner, Protocol::Iepile)]);
    }
}
