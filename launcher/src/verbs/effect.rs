//! What `data prepare` says about what it made: the effect of selection, groups and batches.

use super::data::aligned;
use data_pipeline::effect::Effect;
use serde_json::{Value, json};
use std::fmt::Write;
use trainer::effect::PhaseEffect;

const HEADINGS: [&str; 10] =
    ["", "task", "rows", "classes", "neg./pos.", "empty", "prefix", "saved", "in parts", "lost"];

/// A table of every phase, and a line on its batches.
pub(super) fn table(phases: &[PhaseEffect]) -> String {
    let mut text = String::new();
    for PhaseEffect { phase, effects, fill } in phases {
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        rows[0][0] = phase.clone();
        rows.extend(effects.iter().map(row));
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(&aligned(&rows));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  batches: {:.1} % of the tokens computed are those of rows,\n           {:.1} % of \
             micro_tokens are used but in the last of a step ({} in {} steps)",
            percent(fill.real()),
            percent(fill.of_budget()),
            fill.batches,
            fill.steps,
        );
    }
    text
}

fn row(effect: &Effect) -> [String; 10] {
    let of_classes = |text: String| if effect.classes.sum == 0 { "-".to_owned() } else { text };
    let classes = effect.classes;
    [
        format!("  {}", effect.dataset),
        effect.task.clone(),
        effect.samples.to_string(),
        of_classes(format!("{:.1} ({}-{})", classes.mean(), classes.min, classes.max)),
        of_classes(format!("{:.2}", effect.negatives_per_positive())),
        of_classes(format!("{:.1} %", percent(effect.empty_share()))),
        format!("{:.1} %", percent(effect.prefix_share())),
        format!("{:.1} %", percent(effect.saved())),
        effect.parts.to_string(),
        effect.supervised_lost.to_string(),
    ]
}

/// The same for programs: the counts, and what is computed from them.
pub(super) fn document(phases: &[PhaseEffect]) -> Value {
    let effect = |effect: &Effect| {
        let mut document = json!(effect);
        document["classes"]["mean"] = json!(effect.classes.mean());
        document["negatives_per_positive"] = json!(effect.negatives_per_positive());
        document["empty_share"] = json!(effect.empty_share());
        document["prefix_share"] = json!(effect.prefix_share());
        document["saved"] = json!(effect.saved());
        document["labels_lost"] = json!(effect.labels_lost());
        document
    };
    let phase = |phase: &PhaseEffect| {
        let mut fill = json!(phase.fill);
        fill["real"] = json!(phase.fill.real());
        fill["of_budget"] = json!(phase.fill.of_budget());
        fill["of_places"] = json!(phase.fill.of_places());
        let effects: Vec<Value> = phase.effects.iter().map(effect).collect();
        json!({"phase": phase.phase, "effects": effects, "fill": fill})
    };
    phases.iter().map(phase).collect()
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_pipeline::effect::Spread;
    use data_pipeline::fill::Fill;
    use expect_test::expect;

    #[test]
    fn a_phase_is_a_table_and_a_line() {
        let instruction = Effect {
            dataset: "cluener".to_owned(),
            task: "ner".to_owned(),
            samples: 40,
            empty: 8,
            classes: Spread { count: 40, sum: 180, min: 2, max: 10 },
            positives: 12,
            negatives: 30,
            tokens: 1000,
            prefix_tokens: 850,
            tokens_grouped: 400,
            ..Effect::default()
        };
        let copy = Effect {
            dataset: "random-copy".to_owned(),
            task: "copy".to_owned(),
            samples: 5,
            tokens: 100,
            tokens_grouped: 100,
            ..Effect::default()
        };
        let fill = Fill {
            steps: 2,
            batches: 6,
            tokens: 990,
            computed: 1000,
            budget: 1500,
            budget_before_last: 800,
            computed_before_last: 796,
            places: 1250,
        };
        let effects = vec![instruction, copy];
        let phases = [PhaseEffect { phase: "instruction".to_owned(), effects, fill }];
        expect![[r#"
            instruction    task  rows     classes  neg./pos.   empty  prefix   saved  in parts  lost
              cluener       ner    40  4.5 (2-10)       2.50  20.0 %  85.0 %  60.0 %         0     0
              random-copy  copy     5           -          -       -   0.0 %   0.0 %         0     0
              batches: 99.0 % of the tokens computed are those of rows,
                       99.5 % of micro_tokens are used but in the last of a step (6 in 2 steps)
        "#]]
        .assert_eq(&table(&phases));
        let document = document(&phases);
        assert_eq!(document[0]["effects"][0]["classes"]["mean"], 4.5);
        assert_eq!(document[0]["fill"]["of_places"], 0.8);
    }
}
