//! Which classes a prompt offers, as a recipe says it.

use crate::error::{Error, nearest};
use crate::schema::Schema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which classes a prompt offers.
///
/// A key that stands at its default is not written down: shards that were made before the key was
/// known have the same origin, and stay what they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// All of the schema, what occurs and some others, or all of it in batches.
    pub mode: SelectionMode,
    /// `sampled`: classes that do not occur in the group, per class that does.
    pub negatives_per_positive: f64,
    /// `sampled`: the share of negatives that are easily taken for what occurs; the others are
    /// drawn by chance.
    #[serde(skip_serializing_if = "is_default")]
    pub hard: f64,
    /// `batches`: how many classes a batch has.
    #[serde(skip_serializing_if = "is_usual_size")]
    pub size: usize,
    /// `sampled` and `batches`: the share of samples whose answer is empty.
    pub empty_ratio: f64,
    /// Whether classes stand in random order, a new one for each group.
    pub shuffle: bool,
    /// `full`: what happens to a prompt that is too long.
    #[serde(skip_serializing_if = "is_default")]
    pub overlong: Overlong,
    /// `overlong = "prune"`: classes from the most to the least important; those that are not named
    /// come last, and go first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority: Vec<String>,
}

/// Classes of a batch where a recipe does not say: as many as IEPile asks about at a time.
const SIZE: usize = 4;

impl Default for Selection {
    fn default() -> Self {
        Self {
            mode: SelectionMode::Full,
            // As in all released rows that are not empty.
            negatives_per_positive: 3.0,
            hard: 0.0,
            size: SIZE,
            empty_ratio: 0.2,
            shuffle: true,
            overlong: Overlong::Split,
            priority: Vec::new(),
        }
    }
}

/// See [`Selection`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionMode {
    /// All classes of the schema that fit the task.
    #[default]
    Full,
    /// Those that occur in a group's sentences and some that do not.
    Sampled,
    /// All classes, so many at a time: a group is asked once about each batch, and each group has a
    /// cut of its own.
    Batches,
}

/// What happens to a prompt with all classes that is too long. No label is lost either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlong {
    /// The classes are asked about in parts.
    #[default]
    Split,
    /// Classes that do not occur are left out, the least important first.
    Prune,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_usual_size(size: &usize) -> bool {
    *size == SIZE
}

impl Selection {
    /// Refuses values that mean nothing, alone or together.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { mode, negatives_per_positive, hard, size, empty_ratio, overlong, .. } = self;
        if !(0.0..1.0).contains(empty_ratio) {
            return Err(format!("empty_ratio = {empty_ratio} is not from 0 up to but without 1"));
        }
        if !(negatives_per_positive.is_finite() && *negatives_per_positive >= 0.0) {
            return Err(format!(
                "negatives_per_positive = {negatives_per_positive} is not a number from 0 up"
            ));
        }
        if !(0.0..=1.0).contains(hard) {
            return Err(format!("hard = {hard} is not from 0 to 1, the share of hard negatives"));
        }
        if *hard > 0.0 && *mode != SelectionMode::Sampled {
            return Err(format!(
                "hard = {hard}, but negatives are drawn in mode = \"sampled\" only"
            ));
        }
        if *size == 0 {
            return Err("size = 0: a batch has at least 1 class".to_owned());
        }
        if *size != SIZE && *mode != SelectionMode::Batches {
            return Err(format!("size = {size}, but only mode = \"batches\" has batches"));
        }
        if *overlong == Overlong::Prune && *mode != SelectionMode::Full {
            return Err(
                "overlong = \"prune\", but only mode = \"full\" has classes to prune".to_owned()
            );
        }
        if *overlong != Overlong::Prune && !self.priority.is_empty() {
            return Err(
                "priority says which classes stay, but none goes: add overlong = \"prune\""
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Refuses a `priority` that names a class of none of `schemas`.
    pub(super) fn check_names<'a>(
        &self,
        schemas: impl Iterator<Item = &'a Schema>,
    ) -> Result<(), Error> {
        let known: Vec<&str> = schemas
            .flat_map(|schema| schema.classes.iter().map(|class| class.name.as_str()))
            .collect();
        let unknown = self.priority.iter().find(|name| !known.contains(&name.as_str()));
        // Random copies have no classes, and nothing to prune.
        let Some(unknown) = unknown.filter(|_| !known.is_empty()) else { return Ok(()) };
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        let message = format!("priority names `{unknown}`, a class of no dataset here{hint}");
        Err(Error::declaration(Path::new("[selection]"), message))
    }

    /// How far down a class stands in `priority`; those that it does not name come last.
    pub(super) fn rank(&self, class: &str) -> usize {
        let place = self.priority.iter().position(|name| name == class);
        place.unwrap_or(self.priority.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn what_means_nothing_is_refused() {
        let check = |text: &str, expected: Expect| {
            let selection: Selection = serde_json::from_str(text).unwrap();
            let found = selection.check().err().unwrap_or_else(|| "fine".to_owned());
            expected.assert_eq(&found);
        };
        check("{}", expect!["fine"]);
        check(r#"{"mode": "sampled", "hard": 0.5}"#, expect!["fine"]);
        check(r#"{"mode": "batches", "size": 6}"#, expect!["fine"]);
        check(r#"{"overlong": "prune", "priority": ["Person"]}"#, expect!["fine"]);
        check(
            r#"{"empty_ratio": 1.0}"#,
            expect!["empty_ratio = 1 is not from 0 up to but without 1"],
        );
        check(
            r#"{"negatives_per_positive": -1}"#,
            expect!["negatives_per_positive = -1 is not a number from 0 up"],
        );
        check(
            r#"{"mode": "sampled", "hard": 1.5}"#,
            expect!["hard = 1.5 is not from 0 to 1, the share of hard negatives"],
        );
        check(
            r#"{"hard": 0.5}"#,
            expect![[r#"hard = 0.5, but negatives are drawn in mode = "sampled" only"#]],
        );
        check(
            r#"{"mode": "batches", "size": 0}"#,
            expect!["size = 0: a batch has at least 1 class"],
        );
        check(r#"{"size": 3}"#, expect![[r#"size = 3, but only mode = "batches" has batches"#]]);
        check(
            r#"{"mode": "sampled", "overlong": "prune"}"#,
            expect![[r#"overlong = "prune", but only mode = "full" has classes to prune"#]],
        );
        check(
            r#"{"priority": ["Person"]}"#,
            expect![[r#"priority says which classes stay, but none goes: add overlong = "prune""#]],
        );
    }

    #[test]
    fn what_stands_at_its_default_leaves_origins_as_they_were() {
        let text = serde_json::to_string(&Selection::default()).unwrap();
        expect![[
            r#"{"mode":"full","negatives_per_positive":3.0,"empty_ratio":0.2,"shuffle":true}"#
        ]]
        .assert_eq(&text);
    }
}
