//! What came of an ablation, as a text that fits a terminal of 80 columns.

use super::definition::Ablation;
use super::outcome::Outcome;
use data_pipeline::score::{Contest, Reached};
use data_pipeline::width::{clipped, folded, padded};

/// Columns of the terminal.
const WIDTH: usize = 80;
/// Columns of a variant's name.
const NAME: usize = 20;

/// The question, the variants, and a block for each set of sentences.
pub fn text(ablation: &Ablation, outcome: &Outcome) -> String {
    let mut text = format!("{}\n", clipped(&ablation.title, WIDTH));
    text += &paragraph(&ablation.question);
    for (index, variant) in outcome.variants.iter().enumerate() {
        let first = if index == 0 { " (the others are compared with it)" } else { "" };
        let name = padded(&clipped(&variant.name, NAME), NAME);
        text += &format!(
            "  {name}  {}\n",
            clipped(&format!("{}{first}", variant.about), WIDTH - NAME - 4)
        );
    }
    for contest in &outcome.contests {
        text += &block(outcome, contest);
    }
    if outcome.contests.is_empty() {
        return text + "\nno run is done yet\n";
    }
    text += "\n";
    text += &paragraph(&format!(
        "F1 in percent, protocol `{}`, mean over seeds. Intervals are 95 %: sentences and seeds drawn \
         again. p: how often chance would be as far apart, answers to a sentence exchanged.",
        ablation.protocol
    ));
    if ablation.is_smoke {
        text += &paragraph(
            "Smoke: trained for a few steps on a few sentences. It shows that all of it runs; the \
             numbers mean nothing.",
        );
    }
    text
}

/// Text over as many lines as it needs.
fn paragraph(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    folded(&words, " ", WIDTH).into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn block(outcome: &Outcome, contest: &Contest) -> String {
    let Contest { dataset, language, task, seen, sentences, gold, undefined, results } = contest;
    let seen = match seen {
        // A mean says it in its name.
        Some(_) if language == "all" => "",
        Some(true) => ", seen",
        Some(false) => ", unseen",
        None => "",
    };
    let head =
        format!("{dataset} · {language} · {task}{seen} · {sentences} sentences, {gold} gold");
    let mut text = format!("\n{}\n", clipped(&head, WIDTH));
    if let Some(why) = undefined {
        return text + &paragraph(&format!("no score: {why}"));
    }
    text += &line(["", "F1", "95 %", "difference", "95 %", "p", "seeds"].map(str::to_owned));
    text += &format!("{}\n", "─".repeat(WIDTH));
    for (variant, reached) in outcome.variants.iter().zip(results) {
        text += &line(cells(&variant.name, outcome.seeds.len(), reached.as_ref()));
    }
    for (variant, reached) in outcome.variants.iter().zip(results) {
        if let Some(quality) = beside(reached.as_ref()) {
            text += &paragraph(&format!("{}: {quality}", variant.name));
        }
    }
    text
}

/// What F1 does not show of a variant's answers, if there is something.
pub(super) fn beside(reached: Option<&Reached>) -> Option<String> {
    let quality = reached?.quality;
    (!quality.is_clean()).then(|| quality.to_string())
}

fn cells(name: &str, seeds: usize, reached: Option<&Reached>) -> [String; 7] {
    let none = || "–".to_owned();
    let Some(Reached { f1, low, high, seeds: each, difference, .. }) = reached else {
        return [name.to_owned(), none(), none(), none(), none(), none(), format!("0/{seeds}")];
    };
    let [points, between, p] = match difference {
        None => [none(), none(), none()],
        Some(it) => [
            signed(it.points),
            format!("{} … {}", signed(it.low), signed(it.high)),
            format!("{:.3}", it.p),
        ],
    };
    let range = format!("{low:.1}–{high:.1}");
    [
        name.to_owned(),
        format!("{f1:.1}"),
        range,
        points,
        between,
        p,
        format!("{}/{seeds}", each.len()),
    ]
}

/// Points of F1 with their sign.
pub(super) fn signed(points: f64) -> String {
    // -0.04 is as little as 0.04: no sign of a rounded zero.
    if points.abs() < 0.05 { "0.0".to_owned() } else { format!("{points:+.1}").replace('-', "−") }
}

fn line(cells: [String; 7]) -> String {
    let [name, f1, range, points, between, p, seeds] = cells;
    let name = padded(&clipped(&name, NAME), NAME);
    format!("{name}{f1:>6}{range:>13}{points:>12}{between:>16}{p:>7}{seeds:>6}\n")
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::specimen;
    use super::*;
    use data_pipeline::score::Quality;
    use data_pipeline::width::columns;
    use expect_test::expect;

    #[test]
    fn a_table_fits_the_terminal() {
        let (ablation, outcome) = specimen();
        let found = text(&ablation, &outcome);
        for line in found.lines() {
            assert!(columns(line) <= WIDTH, "{} columns: {line}", columns(line));
        }
        expect![[r#"
            With and without <alignment>
            Does a first phase that aligns two languages help in languages that were never
            trained on?
              without               no phase of alignment (the others are compared with it)
              aligned-with-a-long…  as in the paper
              later                 not run yet

            命名实体 · zh · ner, unseen · 300 sentences, 1234 gold
                                    F1         95 %  difference            95 %      p seeds
            ────────────────────────────────────────────────────────────────────────────────
            without               31.2    28.1–33.9           –               –      –   2/2
            aligned-with-a-long…  35.0    31.9–37.7        +3.8     +1.2 … +6.3  0.004   1/2
            later                    –            –           –               –      –   0/2

            empty · sw · ner, unseen · 300 sentences, 1234 gold
                                    F1         95 %  difference            95 %      p seeds
            ────────────────────────────────────────────────────────────────────────────────
            without                  –            –           –               –      –   0/2
            aligned-with-a-long…     –            –           –               –      –   0/2
            later                    –            –           –               –      –   0/2

            mean of unseen languages · all · ner · 300 sentences, 1234 gold
                                    F1         95 %  difference            95 %      p seeds
            ────────────────────────────────────────────────────────────────────────────────
            without               31.2    28.1–33.9           –               –      –   2/2
            aligned-with-a-long…  30.8    27.7–33.5        −0.4     −2.0 … +1.2  0.610   1/2
            later                    –            –           –               –      –   0/2

            F1 in percent, protocol `set`, mean over seeds. Intervals are 95 %: sentences
            and seeds drawn again. p: how often chance would be as far apart, answers to a
            sentence exchanged.
        "#]]
        .assert_eq(&found);
    }

    #[test]
    fn what_f1_does_not_show_and_what_is_not_defined_is_said() {
        let (ablation, mut outcome) = specimen();
        outcome.contests.truncate(2);
        let quality = Quality { unread: 3, cut: 1, ..Quality::default() };
        if let Some(Some(reached)) = outcome.contests[0].results.get_mut(1) {
            reached.quality = quality;
        }
        outcome.contests[1].undefined = Some("B2NER scores entities only".to_owned());
        let found = text(&ablation, &outcome);
        assert!(found.lines().all(|line| columns(line) <= WIDTH), "{found}");
        let one_line = found.split_whitespace().collect::<Vec<_>>().join(" ");
        let beside = format!("aligned-with-a-long-name: {quality}");
        for part in [beside.as_str(), "no score: B2NER scores"] {
            assert!(one_line.contains(part), "no {part} in {found}");
        }
        assert_eq!(found.matches("difference").count(), 1, "a block without numbers: {found}");
    }

    #[test]
    fn what_means_nothing_says_so() {
        let (mut ablation, mut outcome) = specimen();
        ablation.is_smoke = true;
        assert!(text(&ablation, &outcome).contains("numbers mean nothing"));
        outcome.contests.clear();
        assert!(text(&ablation, &outcome).ends_with("\nno run is done yet\n"));
    }

    #[test]
    fn a_rounded_zero_has_no_sign() {
        assert_eq!([0.04, -0.04, 0.05, -12.34].map(signed), ["0.0", "0.0", "+0.1", "−12.3"]);
    }
}
