//! What the steps that changed the weights took from each dataset, language and task, beside what
//! the recipe wanted.

use super::files::{Phase, Prepared, Run, Source};
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
    let wanted = Wanted::of(run, phase);
    let mut sources: Vec<(&Source, Taken)> =
        shares.taken.iter().map(|(source, taken)| (*source, *taken)).collect();
    sources.sort_by(|a, b| b.1.samples.total_cmp(&a.1.samples).then_with(|| a.0.cmp(b.0)));
    let longest = |share: f64, wanted: Option<f64>| wanted.map_or(share, |it| it.max(share));
    let rows: Vec<(&Source, Taken, f64, Option<f64>)> = sources
        .into_iter()
        .map(|(source, taken)| {
            let share = 100.0 * taken.samples / shares.total.samples;
            (source, taken, share, wanted.share(source, &shares))
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

/// What the recipe wanted of a phase.
struct Wanted<'a> {
    /// By dataset, relative to each other; empty for every row once.
    weights: BTreeMap<&'a str, f64>,
    /// Whether something else decides that is not understood here.
    unknown: bool,
    prepared: Option<&'a Prepared>,
}

impl<'a> Wanted<'a> {
    fn of(run: &'a Run, phase: &Phase) -> Self {
        let prepared = run.prepared.iter().find(|set| set.is_of(&phase.name));
        let mut wanted = Self { weights: BTreeMap::new(), unknown: false, prepared };
        let settings = run.phase_settings(&phase.name);
        let weights = settings.and_then(|phase| phase.get("weights")?.as_table());
        for (dataset, weight) in weights.into_iter().flatten() {
            let number = weight.as_float().or(weight.as_integer().map(|it| it as f64));
            match number.filter(|weight| (0.0..1e200).contains(weight)) {
                Some(weight) => {
                    wanted.weights.insert(dataset, weight);
                }
                None => wanted.unknown = true,
            }
        }
        wanted
    }

    /// The wanted share of a source in percent.
    fn share(&self, source: &Source, shares: &Shares) -> Option<f64> {
        if self.unknown {
            return None;
        }
        let rows = |is_it: &dyn Fn(&Source) -> bool| -> Option<f64> {
            let parts = self.prepared?.parts.iter();
            let name = |part: &super::files::Part| Source {
                dataset: part.dataset.clone(),
                language: part.language.clone(),
                task: part.task.clone(),
            };
            Some(
                parts
                    .filter(|part| is_it(&name(part)))
                    .map(|part| part.counts.samples as f64)
                    .sum(),
            )
        };
        let share = if self.weights.is_empty() {
            rows(&|it| it == source)? / rows(&|_| true)?
        } else {
            let total: f64 = self.weights.values().sum();
            let dataset = self.weights.get(source.dataset.as_str())? / total;
            // Within a dataset every row is as likely.
            let within = match shares.of_dataset(&source.dataset) {
                1 => 1.0,
                _ => rows(&|it| it == source)? / rows(&|it| it.dataset == source.dataset)?,
            };
            dataset * within
        };
        Some(100.0 * share).filter(|share| share.is_finite())
    }
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
        let (shares, wanted) = (Shares::of(&run, phase), Wanted::of(&run, phase));
        let told: String = shares
            .taken
            .iter()
            .map(|(source, taken)| {
                let share = 100.0 * taken.samples / shares.total.samples;
                let wanted = percent(wanted.share(source, &shares));
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
