//! Sentences with what should have been found and what was.

use super::files::Run;
use super::findings::{Finding, VERDICTS, Verdict, findings};
use super::html::{count, escape};
use data_pipeline::Span;
use data_pipeline::predictions::Prediction;
use data_pipeline::score::Set;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Sentences shown of each set.
const EXAMPLES: usize = 8;
/// Characters of a sentence or an answer that are shown.
const LONGEST: usize = 4_000;

/// Examples of each set, folded away after the first.
pub(super) fn section(run: &Run) -> String {
    if run.sets.iter().all(|set| set.predictions.is_empty()) {
        return String::new();
    }
    let legend: String = VERDICTS
        .iter()
        .map(|(_, class, sign, words)| {
            format!("<li><mark class=\"{class}\">{words}<small>{sign}</small></mark></li>")
        })
        .collect();
    let sets: String = run
        .sets
        .iter()
        .filter(|set| !set.predictions.is_empty())
        .enumerate()
        .map(|(place, set)| set_block(set, place == 0))
        .collect();
    format!(
        "<ul class=\"legend\">{legend}</ul><p class=\"note\">By surface, as protocol \
         <code>set</code> counts. Wrong type: the predicted one is struck through. What has no \
         place of its own in the text stands below it. Without colour: a trigger that was given. \
         The sentences are evenly spaced over the set, not chosen.</p>{sets}"
    )
}

fn title(set: &Set) -> String {
    format!("{} · {} · {}", set.dataset, set.language, set.task)
}

fn set_block(set: &Set, open: bool) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut whole = 0;
    for prediction in &set.predictions {
        let findings = findings(prediction);
        let harmless =
            |finding: &Finding| matches!(finding.verdict, Verdict::Correct | Verdict::Given);
        whole += usize::from(findings.iter().all(harmless));
        for finding in findings {
            *counts.entry(finding.verdict).or_default() += 1;
        }
    }
    let total: usize = VERDICTS.iter().filter_map(|(verdict, ..)| counts.get(verdict)).sum();
    let mut bar = String::new();
    let mut words = Vec::new();
    for (verdict, class, _, name) in VERDICTS {
        let number = counts.get(&verdict).copied().unwrap_or_default();
        let share = number as f64 / total.max(1) as f64 * 100.0;
        if number > 0 {
            bar += &format!("<i class=\"{class}\" style=\"width:{share:.2}%\"></i>");
        }
        words.push(format!("{} {name}", count(number)));
    }
    let shown = EXAMPLES.min(set.predictions.len());
    let articles: String =
        (0..shown).map(|i| article(&set.predictions[i * set.predictions.len() / shown])).collect();
    format!(
        "<details class=\"set\"{open}><summary><b dir=\"auto\">{title}</b>\
         <span class=\"stack\" role=\"img\" aria-label=\"{words}\">{bar}</span>\
         <small>{words} · {whole} of {all} sentences without a mistake</small></summary>\
         <p class=\"note\">{shown} of {all} sentences</p>{articles}</details>",
        open = if open { " open" } else { "" },
        title = escape(&title(set)),
        words = words.join(" · "),
        whole = count(whole),
        all = count(set.predictions.len()),
    )
}

/// One sentence with its marks, what could not be marked, and the answer as generated.
fn article(prediction: &Prediction) -> String {
    let findings = findings(prediction);
    let (text, rest) = marked(&prediction.sentence, &findings);
    let mut notes: String = rest.iter().map(|finding| chip(finding)).collect();
    for flaw in &prediction.flaws {
        notes += &format!("<li class=\"flaw\" dir=\"auto\">{}</li>", escape(flaw));
    }
    let notes = if notes.is_empty() { notes } else { format!("<ul class=\"notes\">{notes}</ul>") };
    let answer: String = prediction.answer.chars().take(LONGEST).collect();
    let answer = if answer.is_empty() {
        String::new()
    } else {
        format!(
            "<details><summary>answer</summary><pre dir=\"auto\">{}</pre></details>",
            escape(&answer)
        )
    };
    format!(
        "<article><p class=\"id\" dir=\"auto\">{}</p><p class=\"text\" dir=\"auto\" \
         lang=\"{}\">{text}</p>{notes}{answer}</article>\n",
        escape(&prediction.id),
        escape(&prediction.language),
    )
}

/// The sentence with marks around what can be marked, and the findings that cannot: relations,
/// mentions without a place, and those that cross another.
fn marked<'a, 'b>(sentence: &str, findings: &'b [Finding<'a>]) -> (String, Vec<&'b Finding<'a>>) {
    let letters: Vec<char> = sentence.chars().take(LONGEST).collect();
    let mut rest = Vec::new();
    let mut marks: Vec<(Span, &Finding)> = Vec::new();
    for finding in findings {
        let is_shown = |it: &Span| it.start < it.end && it.end <= letters.len();
        let places = match finding.mentions[..] {
            [mention] => mention.places(),
            _ => &[],
        };
        match places {
            [] if finding.verdict == Verdict::Given => {}
            places if !places.is_empty() && places.iter().all(is_shown) => {
                marks.extend(places.iter().map(|place| (*place, finding)));
            }
            _ if finding.verdict == Verdict::Given => {}
            _ => rest.push(finding),
        }
    }
    let marks = nested(marks, &mut rest);
    let piece = |from: usize, to: usize| escape(&letters[from..to].iter().collect::<String>());
    let mut text = String::new();
    let mut at = 0;
    let mut open: Vec<(usize, &Finding)> = Vec::new();
    for (span, finding) in marks {
        while let Some((end, inner)) = open.pop_if(|(end, _)| *end <= span.start) {
            text += &format!("{}{}", piece(at, end), close(inner, end));
            at = end;
        }
        text += &format!("{}<mark class=\"{}\">", piece(at, span.start), class(finding.verdict));
        at = span.start;
        open.push((span.end, finding));
    }
    while let Some((end, inner)) = open.pop() {
        text += &format!("{}{}", piece(at, end), close(inner, end));
        at = end;
    }
    text += &piece(at, letters.len());
    if sentence.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    (text, rest)
}

/// The marks, outer before inner, in the order of the text; those that cross an earlier one, of
/// gold if it can be, go to `rest`.
fn nested<'a, 'b>(
    mut marks: Vec<(Span, &'b Finding<'a>)>,
    rest: &mut Vec<&'b Finding<'a>>,
) -> Vec<(Span, &'b Finding<'a>)> {
    marks.sort_by_key(|(span, it)| (it.verdict == Verdict::Invented, span.start));
    let mut kept: Vec<(Span, &Finding)> = Vec::new();
    for (span, finding) in marks {
        let crosses = |(other, _): &(Span, &Finding)| {
            let (first, second) = if *other <= span { (*other, span) } else { (span, *other) };
            first.start < second.start && second.start < first.end && first.end < second.end
        };
        if kept.iter().any(crosses) {
            // One of several pieces is told of once.
            if !rest.iter().any(|other| std::ptr::eq(*other, finding)) {
                rest.push(finding);
            }
        } else {
            kept.push((span, finding));
        }
    }
    kept.sort_by_key(|(span, finding)| (span.start, Reverse(span.end), finding.verdict));
    kept
}

fn class(verdict: Verdict) -> &'static str {
    VERDICTS.iter().find(|row| row.0 == verdict).map_or("given", |row| row.1)
}

/// The label at the end of a mark; a piece before the last has a sign that more follows.
fn close(finding: &Finding, end: usize) -> String {
    if finding.mentions.iter().any(|it| it.pieces.iter().any(|piece| piece.start >= end)) {
        return "<small>…</small></mark>".to_owned();
    }
    format!("<small><bdi>{}</bdi></small></mark>", label(finding))
}

/// The sign of the verdict and the type; the type that was said instead is struck through.
fn label(finding: &Finding) -> String {
    let sign = VERDICTS.iter().find(|row| row.0 == finding.verdict).map_or("", |row| row.2);
    let said =
        finding.said.as_ref().map_or(String::new(), |said| format!("<s>{}</s> ", escape(said)));
    format!("{sign} {said}{}", escape(&finding.label))
}

/// A finding outside the text.
fn chip(finding: &Finding) -> String {
    let names: Vec<String> = finding
        .mentions
        .iter()
        .map(|mention| format!("<bdi>{}</bdi>", escape(&mention.text)))
        .collect();
    format!(
        "<li class=\"{}\"><span>{}</span><small><bdi>{}</bdi></small></li>",
        class(finding.verdict),
        names.join(" → "),
        label(finding)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_pipeline::{Entity, Instance, Mention, Task};

    type Described<'a> = (&'a str, &'a str, Option<(usize, usize)>);

    fn entities(list: &[Described]) -> Vec<Instance> {
        list.iter()
            .map(|(class, text, span)| {
                let span = span.map(|(start, end)| Span { start, end });
                let mention = Mention { span, ..Mention::surface(*text) };
                Instance::Entity(Entity { class: (*class).to_owned(), mention })
            })
            .collect()
    }

    fn prediction(gold: Vec<Instance>, predicted: Vec<Instance>) -> Prediction {
        Prediction {
            id: "x".to_owned(),
            dataset: "d".to_owned(),
            language: "en".to_owned(),
            task: Task::Ner,
            sentence: "Ann met <Bob> in New York.".to_owned(),
            answer: String::new(),
            gold,
            predicted,
            flaws: Vec::new(),
            prompt_tokens: 0,
            answer_tokens: 0,
            parts: Vec::new(),
            cut: false,
        }
    }

    #[test]
    fn each_object_is_told_once() {
        let prediction = prediction(
            entities(&[
                ("Person", "Ann", Some((0, 3))),
                ("Person", "Bob", Some((9, 12))),
                ("City", "New York", Some((17, 25))),
            ]),
            entities(&[
                ("Person", "Ann", Some((0, 3))),
                ("Person", "Ann", Some((0, 3))),
                ("Place", "Bob", Some((9, 12))),
                ("City", "York", Some((21, 25))),
                ("City", "Rome", None),
                ("City", "n New", Some((15, 20))),
            ]),
        );
        let findings = findings(&prediction);
        let told: Vec<String> = findings
            .iter()
            .map(|it| format!("{:?} {} {}", it.verdict, it.label, it.mentions[0].text))
            .collect();
        assert_eq!(
            told,
            [
                "Correct Person Ann",
                "WrongType Person Bob",
                "Missed City New York",
                "Invented City York",
                "Invented City Rome",
                "Invented City n New",
            ]
        );
        let (text, rest) = marked(&prediction.sentence, &findings);
        assert_eq!(
            text,
            "<mark class=\"correct\">Ann<small><bdi>✓ Person</bdi></small></mark> met &lt;\
             <mark class=\"wrong\">Bob<small><bdi>≠ <s>Place</s> Person</bdi></small></mark>&gt; in \
             <mark class=\"missed\">New <mark class=\"invented\">York\
             <small><bdi>+ City</bdi></small></mark><small><bdi>− City</bdi></small></mark>."
        );
        let rest: Vec<&str> = rest.iter().map(|it| it.mentions[0].text.as_str()).collect();
        assert_eq!(rest, ["Rome", "n New"], "no place, and a place that crosses another");
    }

    #[test]
    fn pieces_are_marked_each() {
        let mention = Mention::in_pieces(
            "Ann Bob",
            vec![Span { start: 0, end: 3 }, Span { start: 9, end: 12 }],
        );
        let gold = vec![Instance::Entity(Entity { class: "A".to_owned(), mention })];
        let prediction = prediction(gold.clone(), gold);
        let findings = findings(&prediction);
        let (text, rest) = marked(&prediction.sentence, &findings);
        assert_eq!(
            text,
            "<mark class=\"correct\">Ann<small>…</small></mark> met &lt;<mark class=\"correct\">\
             Bob<small><bdi>✓ A</bdi></small></mark>&gt; in New York."
        );
        assert!(rest.is_empty());
    }

    #[test]
    fn marks_nest() {
        let gold = entities(&[("A", "Ann met", Some((0, 7))), ("B", "Ann", Some((0, 3)))]);
        let prediction = prediction(gold, Vec::new());
        let findings = findings(&prediction);
        let (text, _) = marked(&prediction.sentence, &findings);
        assert!(text.starts_with(
            "<mark class=\"missed\"><mark class=\"missed\">Ann<small><bdi>− B</bdi></small></mark> \
             met<small><bdi>− A</bdi></small></mark> &lt;Bob&gt;"
        ));
    }
}
