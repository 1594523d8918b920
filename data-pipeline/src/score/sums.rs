//! The scores of sets, and what they come to together.

use super::classes::{self, TypeRow};
use super::{
    Absent, MACRO, MEAN, MICRO, Options, Protocol, Quality, Row, Rule, SEEN, SOURCE, Scores, Set,
    Tally, UNSEEN, bootstrap, tally,
};
use crate::schema::Task;
use std::collections::BTreeMap;

/// Scores sets under each protocol that defines their task.
///
/// Where a task has several sets, a row [`MICRO`] counts their objects together; where it has
/// several languages, a row [`MEAN`] is the mean of the languages' scores.
pub fn score(sets: &[Set], protocols: &[Protocol]) -> Vec<Row> {
    score_with(sets, protocols, &Options::default()).rows
}

/// Scores sets as [`score()`] does, with what `options` ask for beside it.
pub fn score_with(sets: &[Set], protocols: &[Protocol], options: &Options) -> Scores {
    let mut tasks: Vec<Task> = Vec::new();
    for set in sets {
        if !tasks.contains(&set.task) {
            tasks.push(set.task);
        }
    }
    let qualities: Vec<Quality> =
        sets.iter().map(|set| set.predictions.iter().map(Quality::of).sum()).collect();
    let mut scores = Scores::default();
    for &protocol in protocols {
        let rule = Rule { protocol, matching: options.matching, relations: options.relations };
        for &task in &tasks {
            let absent = |set: Option<&Set>, why: &str| Absent {
                dataset: set.map(|set| set.dataset.clone()),
                language: set.map(|set| set.language.clone()),
                task,
                protocol,
                why: why.to_owned(),
            };
            if let Some(why) = rule.undefined(task) {
                scores.absent.push(absent(None, why));
                continue;
            }
            let mut counted = Vec::new();
            let mut by_type = Vec::new();
            for (set, quality) in sets.iter().zip(&qualities).filter(|(set, _)| set.task == task) {
                if let Some(why) = set.unfit(rule) {
                    scores.absent.push(absent(Some(set), why));
                    continue;
                }
                counted.push(Counted::new(set, rule, *quality));
                if options.by_type {
                    by_type.extend(classes::of(set, rule));
                }
            }
            scores.rows.extend(summed(&counted, &by_type, options));
            scores.by_type.append(&mut by_type);
        }
    }
    scores
}

/// The rows of sets, and of what they come to together: what sums up most stands last.
fn summed(sets: &[Counted], by_type: &[TypeRow], options: &Options) -> Vec<Row> {
    let mut rows: Vec<Row> = sets.iter().map(Counted::row).collect();
    let groups = |key: fn(&Counted) -> &String| {
        let mut groups: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
        sets.iter().for_each(|set| groups.entry(key(set)).or_default().push(set));
        groups
    };
    if options.by_source {
        let sources = groups(|set| &set.dataset);
        for (name, sets) in sources.into_iter().filter(|(_, sets)| sets.len() > 1) {
            rows.push(Counted::together(&format!("{name}{SOURCE}"), sets).row());
        }
    }
    let languages = groups(|set| &set.language);
    if options.by_language && languages.len() > 1 {
        for sets in languages.values().filter(|sets| sets.len() > 1) {
            rows.push(Counted::together(MICRO, sets.iter().copied()).row());
        }
    }
    rows.extend(macro_row(sets, by_type));
    if let Some(seen) = &options.seen {
        let (known, others): (Vec<Counted>, Vec<Counted>) =
            sets.iter().cloned().partition(|set| seen.contains(&set.language));
        let means = mean(SEEN, &known, 1).zip(mean(UNSEEN, &others, 1));
        rows.extend(means.into_iter().flat_map(<[Row; 2]>::from));
    }
    if sets.len() > 1 {
        rows.push(Counted::together(MICRO, sets).row());
    }
    rows.extend(mean(MEAN, sets, 2));
    rows
}

/// The mean of the annotated classes' scores, if they were counted.
fn macro_row(sets: &[Counted], by_type: &[TypeRow]) -> Option<Row> {
    let (precision, recall, f1) = classes::means(by_type)?;
    Some(Row {
        precision: Some(precision),
        recall: Some(recall),
        f1: Some(f1),
        low: None,
        high: None,
        ..Counted::together(MACRO, sets).row()
    })
}

/// A set whose sentences have been counted.
#[derive(Clone)]
struct Counted {
    dataset: String,
    language: String,
    task: Task,
    rule: Rule,
    tallies: Vec<Tally>,
    flaws: usize,
    quality: Quality,
}

impl Counted {
    fn new(set: &Set, rule: Rule, quality: Quality) -> Self {
        Self {
            dataset: set.dataset.clone(),
            language: set.language.clone(),
            task: set.task,
            rule,
            tallies: set.predictions.iter().map(|row| tally(rule, row)).collect(),
            flaws: set.predictions.iter().map(|row| row.flaws.len()).sum(),
            quality,
        }
    }

    /// Several sets as one; there must be one at least.
    fn together<'a>(name: &str, parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let parts: Vec<&Self> = parts.into_iter().collect();
        let first = parts[0];
        let same = parts.iter().all(|part| part.language == first.language);
        Self {
            dataset: name.to_owned(),
            language: if same { first.language.clone() } else { "all".to_owned() },
            task: first.task,
            rule: first.rule,
            tallies: parts.iter().flat_map(|part| part.tallies.iter().copied()).collect(),
            flaws: parts.iter().map(|part| part.flaws).sum(),
            quality: parts.iter().map(|part| part.quality).sum(),
        }
    }

    fn total(&self) -> Tally {
        self.tallies.iter().copied().sum()
    }

    fn resamples(&self) -> Vec<f64> {
        bootstrap::resample(&self.tallies, (&self.dataset, &self.language, self.task))
    }

    /// Whether other sentences could be drawn: of a single one, an interval would be a point and look
    /// like certainty.
    fn varies(&self) -> bool {
        self.tallies.len() > 1
    }

    fn row(&self) -> Row {
        let total = self.total();
        let has_gold = total.gold > 0;
        let interval = (has_gold && self.varies()).then(|| bootstrap::interval(self.resamples()));
        let Rule { protocol, matching, relations } = self.rule;
        let Quality { unread, invented, outside, cut } = self.quality;
        Row {
            dataset: self.dataset.clone(),
            language: self.language.clone(),
            task: self.task,
            protocol,
            matching,
            relations,
            precision: has_gold.then(|| total.precision()),
            recall: has_gold.then(|| total.recall()),
            f1: has_gold.then(|| total.f1()),
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            gold: total.gold,
            predicted: total.predicted,
            correct: total.correct,
            flaws: self.flaws,
            sentences: self.tallies.len(),
            unread,
            invented,
            outside,
            cut,
        }
    }
}

/// The mean over the languages in which something is annotated, if there are as many as `least`.
fn mean(name: &str, sets: &[Counted], least: usize) -> Option<Row> {
    let mut languages: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
    for set in sets.iter().filter(|set| set.total().gold > 0) {
        languages.entry(&set.language).or_default().push(set);
    }
    if languages.len() < least {
        return None;
    }
    let languages: Vec<Counted> =
        languages.into_values().map(|sets| Counted::together(MICRO, sets)).collect();
    let average = |figure: &dyn Fn(&Counted) -> f64| {
        languages.iter().map(figure).sum::<f64>() / languages.len() as f64
    };
    let resamples: Vec<Vec<f64>> = languages.iter().map(Counted::resamples).collect();
    let means = (0..resamples[0].len())
        .map(|i| resamples.iter().map(|scores| scores[i]).sum::<f64>() / resamples.len() as f64);
    let interval = bootstrap::interval(means.collect());
    let interval = languages.iter().all(Counted::varies).then_some(interval);
    Some(Row {
        precision: Some(average(&|language| language.total().precision())),
        recall: Some(average(&|language| language.total().recall())),
        f1: Some(average(&|language| language.total().f1())),
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
        ..Counted::together(name, &languages).row()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{prediction, set};
    use super::*;
    use crate::score::Relations;

    #[test]
    fn sets_come_together_as_micro_and_as_mean_of_languages() {
        let right: (&[&str], &[&str]) = (&["P a"], &["P a"]);
        let wrong: (&[&str], &[&str]) = (&["P a"], &["P b"]);
        let sets = [
            set("en-1", "en", &[right, right, right]),
            set("en-2", "en", &[wrong]),
            set("zh", "zh", &[wrong, wrong]),
            set("none", "sw", &[(&[], &[])]),
            set("void", "yo", &[]),
        ];
        let rows = score(&sets, &[Protocol::Set]);
        let told: Vec<(&str, &str, Option<f64>, usize)> =
            rows.iter().map(|row| (&*row.dataset, &*row.language, row.f1, row.sentences)).collect();
        assert_eq!(
            told,
            [
                ("en-1", "en", Some(100.0), 3),
                ("en-2", "en", Some(0.0), 1),
                ("zh", "zh", Some(0.0), 2),
                ("none", "sw", None, 1),
                ("void", "yo", None, 0),
                (MICRO, "all", Some(50.0), 7),
                // (75 + 0) / 2; languages without gold are no languages here.
                (MEAN, "all", Some(37.5), 6),
            ]
        );
        for row in rows.iter().filter(|row| row.f1.is_some() && row.dataset != "en-2") {
            assert!(row.low.is_some() && row.low <= row.f1 && row.f1 <= row.high, "{row:?}");
        }
        // One sentence says nothing of how far others would be from it.
        assert_eq!((rows[1].low, rows[1].high), (None, None));
        let single = [set("en", "en", &[right]), set("zh", "zh", &[wrong, wrong])];
        let rows = score(&single, &[Protocol::Set]);
        let mean = rows.iter().find(|row| row.dataset == MEAN).unwrap();
        assert_eq!((mean.f1, mean.low, mean.high), (Some(50.0), None, None));
        let found = score_with(&sets[..1], &Protocol::ALL, &Options::default());
        // seqeval needs offsets.
        assert_eq!(found.rows.len(), Protocol::ALL.len() - 1, "one set is not summed up");
        let told = |it: &Absent| format!("{} {:?}: {}", it.protocol, it.dataset, it.why);
        let absent: Vec<String> = found.absent.iter().map(told).collect();
        assert_eq!(absent, ["seqeval Some(\"en-1\"): gold without offsets cannot be tagged"]);
    }

    #[test]
    fn sets_come_together_by_what_is_asked_for() {
        let right: (&[&str], &[&str]) = (&["P a", "Q b"], &["P a", "Q b"]);
        let wrong: (&[&str], &[&str]) = (&["P a"], &["Q b", "P c"]);
        let sets = [
            set("x", "en", &[right]),
            set("y", "en", &[wrong]),
            set("x", "zh", &[right, wrong]),
            set("x", "sw", &[wrong]),
        ];
        let options = Options {
            seen: Some(["en", "zh"].map(String::from).into()),
            by_type: true,
            by_language: true,
            by_source: true,
            ..Options::default()
        };
        let scores = score_with(&sets, &[Protocol::Set], &options);
        let told = |row: &Row| {
            let f1 = row.f1.unwrap_or(-1.0);
            format!(
                "{} {} {f1:.1} {} {}",
                row.dataset,
                row.language,
                row.sentences,
                row.is_summary()
            )
        };
        let found: Vec<String> = scores.rows.iter().skip(sets.len()).map(told).collect();
        assert_eq!(
            found,
            [
                "x in all languages all 57.1 4 true",
                "micro en 57.1 2 true",
                // P of x/en, Q of x/en, P of y/en, P and Q of x/zh, P of x/sw; Q of y and x/sw is
                // not annotated.
                "macro of types all 52.8 5 true",
                "mean of seen languages all 57.1 4 true",
                "mean of unseen languages sw 0.0 1 true",
                "micro all 47.1 5 true",
                "mean of languages all 38.1 5 true",
            ]
        );
        assert_eq!(scores.by_type.len(), 8);
        // All languages seen: two means would be one.
        let seen = Some(["en", "zh", "sw"].map(String::from).into());
        let rows =
            score_with(&sets, &[Protocol::Set], &Options { seen, ..Options::default() }).rows;
        assert!(rows.iter().all(|row| row.dataset != SEEN && row.dataset != UNSEEN));
    }

    #[test]
    fn relations_are_compared_with_the_types_of_their_sides_if_asked() {
        let one = |gold: &str, said: &str| Set {
            task: Task::Re,
            predictions: vec![prediction(Task::Re, &[gold], &[said])],
            ..set("d", "en", &[])
        };
        let typed = one("Near Person Ann > City Rome", "Near Person Ann > Person Rome");
        let untyped = one("Near Ann > Rome", "Near Ann > Rome");
        let options = Options { relations: Relations::Strict, ..Options::default() };
        let protocols = [Protocol::Set, Protocol::Gollie];
        let f1 = |set: &Set, options: &Options| -> Vec<Option<f64>> {
            let scores = score_with(std::slice::from_ref(set), &protocols, options);
            scores.rows.iter().map(|row| row.f1).collect()
        };
        assert_eq!(f1(&typed, &Options::default()), [Some(100.0), Some(0.0)]);
        assert_eq!(f1(&typed, &options), [Some(0.0)], "GoLLIE has no such form");
        assert_eq!(f1(&untyped, &options), []);
    }
}
