//! Sentences with what should have been found and what was, and what the answers suffered from.

use super::files::Run;
use super::html::{count, escape};
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::score::Set;
use data_pipeline::{Instance, Mention, Span, Task};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Sentences shown of each set.
const EXAMPLES: usize = 8;
/// Characters of a sentence or an answer that are shown.
const LONGEST: usize = 4_000;

/// How an object fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Correct,
    WrongType,
    Missed,
    Invented,
    /// A trigger that EAE is told.
    Given,
}

/// Each verdict that counts, with its class on the page, its sign and its words.
const VERDICTS: [(Verdict, &str, &str, &str); 4] = [
    (Verdict::Correct, "correct", "✓", "correct"),
    (Verdict::WrongType, "wrong", "≠", "wrong type"),
    (Verdict::Missed, "missed", "−", "missed"),
    (Verdict::Invented, "invented", "+", "invented"),
];

/// What one object of gold or prediction claims: a label for one mention, or for two.
struct Claim<'a> {
    label: String,
    mentions: Vec<&'a Mention>,
}

/// An object with its verdict.
struct Finding<'a> {
    verdict: Verdict,
    label: String,
    /// The label that was predicted instead.
    said: Option<String>,
    mentions: Vec<&'a Mention>,
}

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
         place of its own in the text stands below it. The sentences are evenly spaced over the \
         set, not chosen.</p>{sets}"
    )
}

/// How often each kind of flaw occurs, and where.
pub(super) fn flaws(run: &Run) -> String {
    let all = || run.sets.iter().flat_map(|set| &set.predictions);
    let sentences = all().count();
    if sentences == 0 {
        return String::new();
    }
    let mut kinds: Vec<(&str, usize)> = predictions::flaw_kinds(all()).into_iter().collect();
    if kinds.is_empty() {
        return format!("<p>None: each of {} answers could be read whole.</p>", count(sentences));
    }
    kinds.sort_by_key(|(kind, number)| (Reverse(*number), *kind));
    let most = kinds[0].1 as f64;
    let by_set: Vec<(&Set, BTreeMap<&str, usize>)> =
        run.sets.iter().map(|set| (set, predictions::flaw_kinds(&set.predictions))).collect();
    let rows: String = kinds
        .iter()
        .map(|(kind, number)| {
            let places: Vec<String> = by_set
                .iter()
                .filter_map(|(set, kinds)| {
                    let number = kinds.get(kind)?;
                    Some(format!("{} {}", escape(&title(set)), count(*number)))
                })
                .collect();
            format!(
                "<tr><th scope=\"row\" dir=\"auto\">{}</th><td>{}</td><td class=\"bar\">\
                 <i style=\"width:{:.1}%\"></i></td><td class=\"left note wrap\">{}</td></tr>",
                escape(kind),
                count(*number),
                *number as f64 / most * 100.0,
                places.join(" · ")
            )
        })
        .collect();
    let flawed = all().filter(|prediction| !prediction.flaws.is_empty()).count();
    format!(
        "<p>{} of {} answers have a flaw ({:.1} %).</p><div class=\"scroll\"><table><tbody>{rows}\
         </tbody></table></div>",
        count(flawed),
        count(sentences),
        flawed as f64 / sentences as f64 * 100.0
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
        whole += usize::from(
            findings
                .iter()
                .all(|it| it.verdict <= Verdict::Correct || it.verdict == Verdict::Given),
        );
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
        bar += &format!("<i class=\"{class}\" style=\"width:{share:.2}%\"></i>");
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

/// Every object of gold and prediction once, with its verdict.
fn findings(prediction: &Prediction) -> Vec<Finding<'_>> {
    let task = prediction.task;
    let (gold, said) = (claims(task, &prediction.gold), claims(task, &prediction.predicted));
    let gold_keys: BTreeSet<_> = gold.iter().map(Claim::key).collect();
    let said_keys: BTreeSet<_> = said.iter().map(Claim::key).collect();
    // Predictions that are told of as the wrong type of something.
    let mut told = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for claim in gold {
        let key = claim.key();
        let instead = || {
            said.iter().find(|other| {
                let other_key = other.key();
                other_key.1 == key.1
                    && !gold_keys.contains(&other_key)
                    && !told.contains(&other_key)
            })
        };
        let (verdict, wrong) = if said_keys.contains(&key) {
            (Verdict::Correct, None)
        } else if let Some(other) = instead() {
            (Verdict::WrongType, Some(other.label.clone()))
        } else {
            (Verdict::Missed, None)
        };
        if !seen.insert((key.clone(), claim.places())) {
            continue;
        }
        if let Some(label) = &wrong {
            told.insert((label.clone(), key.1.clone()));
        }
        findings.push(Finding {
            verdict,
            label: claim.label,
            said: wrong,
            mentions: claim.mentions,
        });
    }
    for claim in said {
        let key = claim.key();
        if gold_keys.contains(&key) || !told.insert(key) {
            continue;
        }
        let Claim { label, mentions } = claim;
        findings.push(Finding { verdict: Verdict::Invented, label, said: None, mentions });
    }
    if task == Task::Eae {
        findings.extend(prediction.gold.iter().filter_map(|instance| match instance {
            Instance::Event(event) => Some(Finding {
                verdict: Verdict::Given,
                label: event.class.clone(),
                said: None,
                mentions: vec![&event.trigger],
            }),
            _ => None,
        }));
    }
    findings
}

impl<'a> Claim<'a> {
    /// What two claims are compared by: the label and the surfaces.
    fn key(&self) -> (String, Vec<&'a str>) {
        (self.label.clone(), self.mentions.iter().map(|mention| mention.text.as_str()).collect())
    }

    fn places(&self) -> Vec<Option<Span>> {
        self.mentions.iter().map(|mention| mention.span).collect()
    }
}

fn claims(task: Task, instances: &[Instance]) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    for instance in instances {
        let label = instance.class().to_owned();
        match instance {
            Instance::Entity(entity) => {
                claims.push(Claim { label, mentions: vec![&entity.mention] })
            }
            Instance::Relation(relation) => {
                let mentions = vec![&relation.head.mention, &relation.tail.mention];
                claims.push(Claim { label, mentions });
            }
            Instance::Event(event) if task == Task::Eae => {
                claims.extend(event.arguments.iter().map(|(role, mention)| Claim {
                    label: format!("{label}.{role}"),
                    mentions: vec![mention],
                }));
            }
            Instance::Event(event) => claims.push(Claim { label, mentions: vec![&event.trigger] }),
        }
    }
    claims
}

/// The sentence with marks around what can be marked, and the findings that cannot: relations,
/// mentions without a place, and those that cross another.
fn marked<'a, 'b>(sentence: &str, findings: &'b [Finding<'a>]) -> (String, Vec<&'b Finding<'a>>) {
    let letters: Vec<char> = sentence.chars().take(LONGEST).collect();
    let mut rest = Vec::new();
    let mut marks: Vec<(Span, &Finding)> = Vec::new();
    for finding in findings {
        let span = match finding.mentions[..] {
            [mention] => mention.span.filter(|it| it.start < it.end && it.end <= letters.len()),
            _ => None,
        };
        match span {
            Some(span) => marks.push((span, finding)),
            None if finding.verdict == Verdict::Given => {}
            None => rest.push(finding),
        }
    }
    let marks = nested(marks, &mut rest);
    let piece = |from: usize, to: usize| escape(&letters[from..to].iter().collect::<String>());
    let mut text = String::new();
    let mut at = 0;
    let mut open: Vec<(usize, &Finding)> = Vec::new();
    for (span, finding) in marks {
        while let Some((end, inner)) = open.pop_if(|(end, _)| *end <= span.start) {
            text += &format!("{}{}", piece(at, end), close(inner));
            at = end;
        }
        text += &format!("{}<mark class=\"{}\">", piece(at, span.start), class(finding.verdict));
        at = span.start;
        open.push((span.end, finding));
    }
    while let Some((end, inner)) = open.pop() {
        text += &format!("{}{}", piece(at, end), close(inner));
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
            rest.push(finding);
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

/// The label at the end of a mark.
fn close(finding: &Finding) -> String {
    format!("<small dir=\"ltr\">{}</small></mark>", label(finding))
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
        "<li class=\"{}\"><span>{}</span><small>{}</small></li>",
        class(finding.verdict),
        names.join(" → "),
        label(finding)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_pipeline::Entity;

    fn entities(list: &[(&str, &str, Option<(usize, usize)>)]) -> Vec<Instance> {
        list.iter()
            .map(|(class, text, span)| {
                let span = span.map(|(start, end)| Span { start, end });
                let mention = Mention { text: (*text).to_owned(), span };
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
            "<mark class=\"correct\">Ann<small dir=\"ltr\">✓ Person</small></mark> met &lt;\
             <mark class=\"wrong\">Bob<small dir=\"ltr\">≠ <s>Place</s> Person</small></mark>&gt; in \
             <mark class=\"missed\">New <mark class=\"invented\">York\
             <small dir=\"ltr\">+ City</small></mark><small dir=\"ltr\">− City</small></mark>."
        );
        let rest: Vec<&str> = rest.iter().map(|it| it.mentions[0].text.as_str()).collect();
        assert_eq!(rest, ["Rome", "n New"], "no place, and a place that crosses another");
    }

    #[test]
    fn marks_nest() {
        let gold = entities(&[("A", "Ann met", Some((0, 7))), ("B", "Ann", Some((0, 3)))]);
        let prediction = prediction(gold, Vec::new());
        let findings = findings(&prediction);
        let (text, _) = marked(&prediction.sentence, &findings);
        assert!(text.starts_with(
            "<mark class=\"missed\"><mark class=\"missed\">Ann<small dir=\"ltr\">− B</small></mark> \
             met<small dir=\"ltr\">− A</small></mark> &lt;Bob&gt;"
        ));
    }
}
