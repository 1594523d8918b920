//! What the steps that changed the weights took from each dataset, language and task, beside what
//! the recipe wanted.

use super::files::{Part, Phase, Prepared, Run, Source};
use super::html::{compact, count, escape, percent};
use super::sources::named;
use super::table::{heads, table};
use std::collections::BTreeMap;

/// What was taken from a source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Taken {
    samples: f64,
    /// Supervised ones.
    tokens: f64,
}

/// The sources of a phase.
#[derive(Debug, Default)]
struct Shares<'a> {
    taken: BTreeMap<&'a Source, Taken>,
    total: Taken,
}

/// A table a phase.
pub(super) fn section(run: &Run) -> String {
    let tables: String = run.steps.phases.iter().map(|phase| block(run, phase)).collect();
    if tables.is_empty() {
        return tables;
    }
    format!(
        "<p class=\"note\">What the steps took that changed the weights, by samples. Wanted: what \
         the recipe's weights and the prepared rows come to; without weights every row is wanted \
         once a pass.</p>{tables}"
    )
}

fn block(run: &Run, phase: &Phase) -> String {
    let shares = Shares::of(run, phase);
    if shares.total.samples <= 0.0 {
        return String::new();
    }
    let wanted = Wanted::of(run, phase, &shares);
    let mut sources: Vec<(&Source, Taken)> =
        shares.taken.iter().map(|(source, taken)| (*source, *taken)).collect();
    sources.sort_by(|a, b| b.1.samples.total_cmp(&a.1.samples).then_with(|| a.0.cmp(b.0)));
    let longest = |share: f64, wanted: Option<f64>| wanted.map_or(share, |it| it.max(share));
    let rows: Vec<(&Source, Taken, f64, Option<f64>)> = sources
        .into_iter()
        .map(|(source, taken)| {
            let share = 100.0 * taken.samples / shares.total.samples;
            (source, taken, share, wanted.share(source))
        })
        .collect();
    let most = rows.iter().map(|row| longest(row.2, row.3)).fold(f64::MIN_POSITIVE, f64::max);
    let any = rows.iter().any(|row| row.3.is_some());
    let cells: Vec<String> = rows
        .iter()
        .map(|(source, taken, share, wanted)| {
            let told = if any { format!("<td>{}</td>", percent(*wanted)) } else { String::new() };
            format!(
                "<tr>{}<td>{}</td>{told}<td class=\"share\">{}</td><td>{}</td><td>{}</td></tr>",
                named(source),
                percent(Some(*share)),
                bar(*share, *wanted, most),
                count(taken.samples as usize),
                compact(taken.tokens)
            )
        })
        .collect();
    let head = match any {
        true => heads(&["source", "share, %", "wanted, %", "", "samples", "supervised tokens"]),
        false => heads(&["source", "share, %", "", "samples", "supervised tokens"]),
    };
    let legend = if any {
        "<ul class=\"legend\"><li><i class=\"got\"></i>share</li><li><i class=\"want\"></i>wanted\
         </li></ul>"
    } else {
        ""
    };
    format!(
        "<h3><bdi>{}</bdi><small>{} samples · {} supervised tokens</small></h3>{}{legend}",
        escape(&phase.name),
        compact(shares.total.samples),
        compact(shares.total.tokens),
        table(&head, &cells)
    )
}

fn bar(share: f64, wanted: Option<f64>, most: f64) -> String {
    let place = |share: f64| (100.0 * share / most).clamp(0.0, 100.0);
    let wanted = wanted.map_or(String::new(), |wanted| {
        format!("<i class=\"want\" style=\"left:{:.1}%\"></i>", place(wanted))
    });
    format!(
        "<div class=\"bars\"><i class=\"got\" style=\"width:{:.1}%\"></i>{wanted}</div>",
        place(share)
    )
}

impl<'a> Shares<'a> {
    fn of(run: &'a Run, phase: &Phase) -> Self {
        let mut shares = Self::default();
        for step in phase.steps.values().filter(|step| step.applied()) {
            for heard in &step.heard {
                let Some(source) = run.steps.sources.get(heard.source) else { continue };
                let taken = shares.taken.entry(source).or_default();
                for sum in [taken, &mut shares.total] {
                    sum.samples += heard.samples.max(0.0);
                    sum.tokens += heard.tokens.max(0.0);
                }
            }
        }
        shares
    }

    /// Sources of a dataset.
    fn of_dataset(&self, dataset: &str) -> usize {
        self.taken.keys().filter(|source| source.dataset == dataset).count()
    }
}

/// What the recipe wanted of a phase: percentages of its samples.
#[derive(Debug, Default)]
struct Wanted(BTreeMap<Source, f64>);

impl Wanted {
    /// By the rule of the mixture, from the rows that were prepared; nothing where a key of the
    /// phase is not understood.
    fn of(run: &Run, phase: &Phase, shares: &Shares) -> Self {
        Self::known(run, phase, shares).unwrap_or_default()
    }

    fn known(run: &Run, phase: &Phase, shares: &Shares) -> Option<Self> {
        let settings = run.phase_settings(&phase.name);
        let weights = |key: &str| match settings.and_then(|phase| phase.get(key)) {
            Some(weights) => numbers(weights),
            None => Some(BTreeMap::new()),
        };
        let (datasets, languages, tasks) =
            (weights("weights")?, weights("language_weights")?, weights("task_weights")?);
        let temperature = match settings.and_then(|phase| phase.get("temperature")) {
            Some(given) => number(given).filter(|temperature| *temperature > 0.0)?,
            None => 1.0,
        };
        let mut rows: BTreeMap<Source, f64> = BTreeMap::new();
        for part in prepared(run, phase).into_iter().flat_map(|set| &set.parts) {
            let Part { dataset, language, task, counts } = part;
            let (dataset, language, task) = (dataset.clone(), language.clone(), task.clone());
            *rows.entry(Source { dataset, language, task }).or_default() += counts.samples as f64;
        }
        if rows.is_empty() && !datasets.is_empty() {
            // Without the prepared rows: exact where no dataset has several sources.
            rows = shares.taken.keys().map(|source| ((*source).clone(), 1.0)).collect();
            if rows.keys().any(|source| shares.of_dataset(&source.dataset) > 1) {
                return None;
            }
        }
        let of_dataset = |dataset: &str| -> f64 {
            rows.iter().filter(|(it, _)| it.dataset == dataset).map(|(_, rows)| rows).sum()
        };
        let factor =
            |weights: &BTreeMap<String, f64>, name: &str| weights.get(name).copied().unwrap_or(1.0);
        let weight = |source: &Source, number: f64| {
            let own = match datasets.get(&source.dataset) {
                _ if datasets.is_empty() => number.powf(temperature.recip()),
                Some(weight) => weight * number / of_dataset(&source.dataset).max(1.0),
                None => 0.0,
            };
            own * factor(&languages, &source.language) * factor(&tasks, &source.task)
        };
        let weights: Vec<(&Source, f64)> =
            rows.iter().map(|(source, number)| (source, weight(source, *number))).collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let share = |(source, weight): (&Source, f64)| {
            let share = 100.0 * weight / total;
            share.is_finite().then(|| (source.clone(), share))
        };
        Some(Self(weights.into_iter().filter_map(share).collect()))
    }

    /// The wanted share of a source in percent.
    fn share(&self, source: &Source) -> Option<f64> {
        self.0.get(source).copied()
    }
}

fn prepared<'a>(run: &'a Run, phase: &Phase) -> Option<&'a Prepared> {
    run.prepared.iter().find(|set| set.is_of(&phase.name))
}

/// A table of weights; none where one of them is no weight.
fn numbers(weights: &toml::Value) -> Option<BTreeMap<String, f64>> {
    weights.as_table()?.iter().map(|(name, it)| Some((name.clone(), number(it)?))).collect()
}

fn number(value: &toml::Value) -> Option<f64> {
    let number = value.as_float().or(value.as_integer().map(|it| it as f64));
    number.filter(|number| (0.0..1e100).contains(number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::files::{Heard, Step, Steps};
    use super::*;
    use expect_test::{Expect, expect};

    /// Two datasets, the first with two languages, 30 and 10 rows prepared; the second with 60.
    fn check(settings: &str, expected: Expect) {
        let sources = [("a", "en"), ("a", "sw"), ("b", "en")].map(|(dataset, language)| Source {
            dataset: dataset.into(),
            language: language.into(),
            task: "ner".into(),
        });
        let heard =
            |source: usize, samples: f64| Heard { source, samples, tokens: 2.0, loss: None };
        let mut phase = Phase { name: "p".into(), ..Phase::default() };
        let one = vec![heard(0, 3.0), heard(1, 1.0)];
        phase.steps.insert(1, Step::hearing(one));
        phase.steps.insert(2, Step::hearing(vec![heard(2, 4.0)]));
        let part = |(language, samples): (&str, usize)| {
            let (dataset, language) = language.split_once('/').unwrap();
            format!(
                r#"{{"dataset":"{dataset}","language":"{language}","task":"ner","samples":{samples},
                "groups":1,"tokens":1,"tokens_grouped":1}}"#
            )
        };
        let parts = [("a/en", 30), ("a/sw", 10), ("b/en", 60)].map(part).join(",");
        let total = r#"{"samples":100,"groups":3,"tokens":3,"tokens_grouped":3}"#;
        let manifest = format!(r#"{{"total":{total},"parts":[{parts}]}}"#);
        let mut prepared: Prepared = serde_json::from_str(&manifest).unwrap();
        prepared.name = "0-p".into();
        let run = Run {
            settings: format!("[[phase]]\nname = \"p\"\n{settings}").parse().unwrap(),
            steps: Steps { phases: vec![phase], sources: sources.to_vec() },
            prepared: vec![prepared],
            ..Run::default()
        };
        let phase = &run.steps.phases[0];
        let shares = Shares::of(&run, phase);
        let wanted = Wanted::of(&run, phase, &shares);
        let told: String = shares
            .taken
            .iter()
            .map(|(source, taken)| {
                let share = 100.0 * taken.samples / shares.total.samples;
                let wanted = percent(wanted.share(source));
                format!("{} {}: {share:.1}, wanted {wanted}\n", source.dataset, source.language)
            })
            .collect();
        expected.assert_eq(&told);
        assert!(section(&run).contains("8 samples · 6 supervised tokens"));
    }

    #[test]
    fn shares_stand_beside_what_was_wanted() {
        check(
            "",
            expect![[r#"
                a en: 37.5, wanted 30.0
                a sw: 12.5, wanted 10.0
                b en: 50.0, wanted 60.0
            "#]],
        );
        check(
            "weights = { a = 3, b = 1.0 }",
            expect![[r#"
                a en: 37.5, wanted 56.2
                a sw: 12.5, wanted 18.8
                b en: 50.0, wanted 25.0
            "#]],
        );
        // 30 rows twice, 10, 60 twice, of 190.
        check(
            "language_weights = { en = 2.0 }\ntemperature = 1.0",
            expect![[r#"
                a en: 37.5, wanted 31.6
                a sw: 12.5, wanted 5.3
                b en: 50.0, wanted 63.2
            "#]],
        );
        check(
            "temperature = 1e9",
            expect![[r#"
                a en: 37.5, wanted 33.3
                a sw: 12.5, wanted 33.3
                b en: 50.0, wanted 33.3
            "#]],
        );
        check(
            "weights = { a = { en = 1.0 } }",
            expect![[r#"
                a en: 37.5, wanted –
                a sw: 12.5, wanted –
                b en: 50.0, wanted –
            "#]],
        );
    }
}
