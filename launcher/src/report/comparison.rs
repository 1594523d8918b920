//! Two runs on one page: whether their F1 differs, and what only one of them got right.
//!
//! The sentences are those that both were asked; a run that was held against other gold is refused. In
//! all places A is the run that the page lies in, and B the other.

use super::errors::{Choices, Mark, NAME, Room, SCRIPT, form, given, marks, place, shown, side};
use super::table::{heads, table};
use crate::page::html::count;
use crate::page::{self, Page, Section};
use data_pipeline::errors::{
    Contrast, ContrastExample, ContrastSet, Fate, Findings, Kind, LabelContrast, ToldClaim, fates,
    findings,
};
use data_pipeline::predictions::Prediction;
use data_pipeline::score::{Comparison, MEAN, MICRO, Pair, Quality, Set, Shared};
use data_pipeline::width::printable;

/// The page's name in a run directory.
pub(super) const FILE: &str = "comparison.html";
/// Sentences that are shown.
pub(super) const EXAMPLES: usize = 300;
/// Objects that are told of a sentence on each side.
const TOLD: usize = 12;
/// Types with a row.
const TYPES: usize = 40;
/// Chance alone makes a difference as large less often than this, where one run is called better.
const SURE: f64 = 0.05;
/// What the reader may look at alone.
const SIDES: [&str; 2] = ["only A right", "only B right"];

/// What the page shows.
pub(super) struct Compared<'a> {
    /// What the runs are called.
    pub names: (&'a str, &'a str),
    /// The sentences of both.
    pub shared: &'a Shared<'a>,
    /// F1 of each set, and of several together.
    pub differences: &'a [Comparison],
    /// What only one got right.
    pub contrast: &'a Contrast,
}

/// The whole page.
pub(super) fn page(compared: &Compared) -> String {
    let Compared { names, contrast, differences, .. } = compared;
    let (a, b) = (printable(names.0), printable(names.1));
    let choices = Filters::new(contrast);
    let facts =
        [("A", a.chars().take(NAME).collect::<String>()), ("B", b.chars().take(NAME).collect())];
    let fields = [&choices.language, &choices.dataset, &choices.side, &choices.label];
    let page = Page {
        title: format!("{a} against {b}"),
        header: page::header(
            "knowcoder comparison",
            &format!("{a} against {b}"),
            &facts,
            &tiles(contrast),
        ) + &form(&fields),
        sections: vec![
            Section::new("f1", "F1", f1(differences) + &alone(compared.shared)),
            Section::new("right", "What each got right", right(contrast)),
            Section::new("types", "By type", types(contrast)),
            Section::new("examples", "Sentences", examples(compared, &choices)),
        ],
        style: include_str!("errors/errors.css"),
        script: SCRIPT,
        empty: "The runs share no sentence.",
    };
    page.to_html()
}

/// What the page can be filtered by.
struct Filters {
    language: Choices,
    dataset: Choices,
    side: Choices,
    label: Choices,
}

impl Filters {
    fn new(contrast: &Contrast) -> Self {
        let Contrast { sets, labels, .. } = contrast;
        let labels = labels.shown.iter().map(|it| it.label.clone());
        Self {
            language: Choices::new("l", "language", sets.iter().map(|it| it.language.clone())),
            dataset: Choices::new("d", "dataset", sets.iter().map(|it| it.dataset.clone())),
            side: Choices::new("k", "difference", SIDES.map(str::to_owned)),
            label: Choices::new("t", "type", labels),
        }
    }
}

fn tiles(contrast: &Contrast) -> String {
    let sum = |number: fn(&ContrastSet) -> usize| contrast.sets.iter().map(number).sum::<usize>();
    let tile = |label: &str, number: usize, note: &str| page::tile(label, &count(number), note);
    [
        tile("sentences of both", sum(|it| it.sentences), "compared one by one"),
        tile("both right", sum(|it| it.both), "annotated objects"),
        tile("only A right", sum(|it| it.only_a), "annotated objects"),
        tile("only B right", sum(|it| it.only_b), "annotated objects"),
        tile("none right", sum(|it| it.neither), "annotated objects"),
    ]
    .concat()
}

/// F1 side by side, with the difference on a common scale.
fn f1(differences: &[Comparison]) -> String {
    let ends = differences.iter().flat_map(|it| [it.low, it.high, it.difference]);
    let reach = ends.map(f64::abs).fold(1.0, f64::max);
    let rows: Vec<String> = differences.iter().map(|it| row(it, reach)).collect();
    let names = ["dataset", "A", "B", "A − B", "95 %", "B better · A better", "p", ""];
    format!(
        "<p class=\"note\">F1 in percent, protocol <code>set</code>, on the sentences that both runs were \
         asked. ▲ A is better, ▼ B is better: the 95 % interval of the difference leaves out 0, and p is below \
         0.05; ≈ they cannot be told apart. p is that of each row alone: of twenty rows without any difference, one falls \
         below 0.05.{}</p><div class=\"mistakes\">{}</div>",
        qualities(differences),
        table(&heads(&names), &rows)
    )
}

/// What F1 does not show of the answers of each run; nothing where there is nothing to say.
fn qualities(differences: &[Comparison]) -> String {
    let is_set = |it: &&Comparison| ![MICRO, MEAN].contains(&it.dataset.as_str());
    let of = |side: fn(&Comparison) -> Quality| -> Quality {
        differences.iter().filter(is_set).map(side).sum()
    };
    let told = |(name, quality): (&str, Quality)| match quality.is_clean() {
        true => String::new(),
        false => format!(" {name}: {quality}."),
    };
    [("A", of(|it| it.a_quality)), ("B", of(|it| it.b_quality))].map(told).concat()
}

fn row(it: &Comparison, reach: f64) -> String {
    // Near 0 and 100 the interval alone is too sure of itself, and so is either test on few sentences.
    let verdict = match (it.low, it.high) {
        _ if it.p >= SURE => "≈",
        (low, _) if low > 0.0 => "<span class=\"sure\">▲ A</span>",
        (_, high) if high < 0.0 => "<span class=\"sure\">▼ B</span>",
        _ => "≈",
    };
    let p = if it.p < 0.001 { "&lt; 0.001".to_owned() } else { format!("{:.3}", it.p) };
    let left = |value: f64| ((value / reach).clamp(-1.0, 1.0) + 1.0) * 50.0;
    let (low, high) = (left(it.low), left(it.high));
    let bar = format!(
        "<i class=\"range\" style=\"left:{low:.1}%;width:{:.1}%\"></i>\
         <i class=\"dot\" style=\"left:{:.1}%\"></i>",
        high - low,
        left(it.difference)
    );
    format!(
        "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span> <span class=\"tag\">{}</span></th>\
         <td>{:.1}</td><td>{:.1}</td><td><b>{}</b></td><td class=\"note\">{}</td>\
         <td><span class=\"bars2\">{bar}</span></td><td>{p}</td><td>{verdict}</td></tr>",
        shown(&it.dataset, NAME),
        shown(&it.language, NAME),
        it.task,
        it.a_f1,
        it.b_f1,
        format!("{:+.1}", it.difference).replace('-', "−"),
        format!("{:+.1} to {:+.1}", it.low, it.high).replace('-', "−"),
    )
}

/// What was left out because only one run has it.
fn alone(shared: &Shared) -> String {
    let sentences = |side: fn(&Pair) -> usize| -> usize { shared.pairs.iter().map(side).sum() };
    let mut notes = String::new();
    for (name, sentences, sets) in [
        ("A", sentences(|it| it.alone.0.len()), &shared.sets_alone.0),
        ("B", sentences(|it| it.alone.1.len()), &shared.sets_alone.1),
    ] {
        if sentences > 0 {
            notes += &format!(
                "<p class=\"note\">Left out: {} sentences of these sets that only {name} was asked.</p>",
                count(sentences)
            );
        }
        if !sets.is_empty() {
            const NAMED: usize = 8;
            let mut told: Vec<String> = sets
                .iter()
                .take(NAMED)
                .map(|it: &&Set| format!("<bdi>{}</bdi>", shown(&it.title(), NAME)))
                .collect();
            if sets.len() > NAMED {
                told.push(format!("{} more", count(sets.len() - NAMED)));
            }
            notes += &format!(
                "<p class=\"note\">Left out: sets that only {name} answered: {}.</p>",
                told.join(", ")
            );
        }
    }
    notes
}

fn right(contrast: &Contrast) -> String {
    let rows: Vec<String> = contrast
        .sets
        .iter()
        .map(|it| {
            let numbers = [
                it.sentences,
                it.both,
                it.only_a,
                it.only_b,
                it.neither,
                it.wrong_both,
                it.wrong_a,
                it.wrong_b,
            ];
            let cells: String =
                numbers.iter().map(|number| format!("<td>{}</td>", count(*number))).collect();
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span> \
                 <span class=\"tag\">{}</span></th>{cells}</tr>",
                shown(&it.dataset, NAME),
                shown(&it.language, NAME),
                it.task
            )
        })
        .collect();
    let names = [
        "dataset",
        "sentences",
        "both right",
        "only A right",
        "only B right",
        "none right",
        "both wrongly said",
        "only A said",
        "only B said",
    ];
    format!(
        "<p class=\"note\">Annotated objects that were found, and wrong ones that were said.</p>\
         <div class=\"mistakes\">{}</div>",
        table(&heads(&names), &rows)
    )
}

fn types(contrast: &Contrast) -> String {
    let labels = &contrast.labels;
    let rows: Vec<String> = labels.shown.iter().take(TYPES).map(label).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<p class=\"note\">{} of {} types of which the runs found different objects.</p>\
         <div class=\"mistakes\">{}</div>",
        rows.len(),
        count(labels.of),
        table(&heads(&["type", "gold", "only A right", "only B right", "A − B"]), &rows)
    )
}

fn label(it: &LabelContrast) -> String {
    let difference = it.only_a as i64 - it.only_b as i64;
    format!(
        "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"tag\">{}</span></th><td>{}</td><td>{}</td>\
         <td>{}</td><td>{}</td></tr>",
        shown(&it.label, NAME),
        it.task,
        count(it.gold),
        count(it.only_a),
        count(it.only_b),
        format!("{difference:+}").replace('-', "−")
    )
}

fn examples(compared: &Compared, choices: &Filters) -> String {
    let Compared { shared, contrast, .. } = compared;
    let mut room = Room::new();
    let mut articles = String::new();
    let mut number = 0;
    for example in &contrast.examples.shown {
        let pair = shared.pairs.get(example.set);
        let Some((a, b)) = pair.and_then(|pair| pair.rows.get(example.row)) else { continue };
        let article = article(example, a, b, choices);
        if room.has(&article) {
            articles += &article;
            number += 1;
        }
    }
    if number == 0 {
        return "<p>No sentence: both found the same.</p>".to_owned();
    }
    format!(
        "<p class=\"note\">{} of {} sentences in which one run found what the other did not, drawn evenly \
         from both sides of every set, not chosen. In the gold: ✓ both found it, A or B only that run did, \
         − none.</p>{articles}",
        count(number),
        count(contrast.examples.of)
    )
}

fn article(example: &ContrastExample, a: &Prediction, b: &Prediction, choices: &Filters) -> String {
    let (found_a, found_b) = (findings(a), findings(b));
    let claims = example.only_a.iter().chain(&example.only_b);
    let sides = [&example.only_a, &example.only_b].into_iter().zip(SIDES);
    let attributes = choices.language.attribute([example.language.as_str()])
        + &choices.dataset.attribute([example.dataset.as_str()])
        + &choices.side.attribute(sides.filter(|(it, _)| !it.is_empty()).map(|(_, name)| name))
        + &choices.label.attribute(claims.map(|it| it.label.as_str()));
    format!(
        "<article class=\"item\"{attributes}>{}{}{}{}<ul class=\"notes\">{}{}</ul></article>\n",
        place(a),
        side("gold", a, &gold(a, &found_a, &found_b)),
        side("A", a, &marks(a, &found_a, false)),
        side("B", b, &marks(b, &found_b, false)),
        told("a", "only A", &example.only_a),
        told("b", "only B", &example.only_b),
    )
}

/// The annotated mentions, by who found them; of relations head and tail, which are told below the text.
fn gold(prediction: &Prediction, a: &Findings, b: &Findings) -> Vec<Mark> {
    let mut marks = given(prediction);
    for (claim, fate) in a.gold.iter().zip(fates(a, b)) {
        let (class, sign) = match fate {
            Fate::Both => (super::errors::class(Kind::Correct), "✓"),
            Fate::OnlyA => ("a", "A"),
            Fate::OnlyB => ("b", "B"),
            Fate::Neither => (super::errors::class(Kind::Missed), "−"),
        };
        if let [slot] = claim.slots.as_slice() {
            marks.extend(slot.places.iter().map(|place| Mark {
                place: place.clone(),
                class,
                label: format!("{sign} {}", shown(&claim.label, NAME)),
            }));
            continue;
        }
        for place in claim.slots.iter().filter_map(|slot| slot.places.first()) {
            // A mention may be in many relations that fared alike.
            if !marks.iter().any(|mark| mark.class == class && mark.place == *place) {
                marks.push(Mark { place: place.clone(), class, label: sign.to_owned() });
            }
        }
    }
    marks
}

fn told(class: &str, name: &str, claims: &[ToldClaim]) -> String {
    let mut items: String = claims
        .iter()
        .take(TOLD)
        .map(|it| {
            format!(
                "<li class=\"{class}\"><b>{name}</b> <bdi>{}</bdi> <small><bdi>{}</bdi></small></li>",
                shown(&it.text, 2 * NAME),
                shown(&it.label, NAME)
            )
        })
        .collect();
    if claims.len() > TOLD {
        items +=
            &format!("<li class=\"{class}\"><b>{name}</b> and {} more</li>", claims.len() - TOLD);
    }
    items
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::page::assert_sound;
    use data_pipeline::Task;
    use data_pipeline::errors::contrast;
    use data_pipeline::score::{Protocol, shared};
    use serde_json::json;

    /// A set of sentences that hold two names, of which `said` were predicted.
    fn run(said: &[&[&str]]) -> Vec<Set> {
        let object = |name: &str| json!({"type": "L<b>", "name": name});
        let rows = said.iter().enumerate().map(|(at, said)| {
            let gold = ["القاهرة", "Rome"].map(object);
            let predicted: Vec<_> = said.iter().map(|name| object(name)).collect();
            let row = json!({
                "id": at.to_string(), "dataset": "d\u{202e}", "language": "ar", "task": "ner",
                "sentence": "القاهرة and <script>Rome",
                "gold": gold, "predicted": predicted,
            });
            serde_json::from_value::<Prediction>(row).unwrap()
        });
        Set::group(rows)
    }

    fn difference(low: f64, high: f64, p: f64) -> Comparison {
        Comparison {
            dataset: "d".to_owned(),
            language: "ar".to_owned(),
            task: Task::Ner,
            protocol: Protocol::Set,
            a_f1: 70.0,
            b_f1: 60.25,
            difference: 9.75,
            low,
            high,
            p,
            sentences: 2,
            differing: 2,
            a_quality: Quality::default(),
            b_quality: Quality { unread: 3, cut: 1, ..Quality::default() },
        }
    }

    fn page_of(a: &[Set], b: &[Set], differences: &[Comparison]) -> String {
        let shared = shared(a, b).unwrap();
        let contrast = contrast(&shared, EXAMPLES);
        let names = ("a </title>", "b");
        let compared = Compared { names, shared: &shared, differences, contrast: &contrast };
        let page = page(&compared);
        assert_sound(&page);
        page
    }

    #[test]
    fn what_only_one_got_right_is_shown() {
        let a = run(&[&["القاهرة"], &["Rome", "Rome"], &["Rome"]]);
        let b = run(&[&["Rome", "x"], &["Rome"]]);
        let rows = [
            difference(1.0, 12.0, 0.0004),
            difference(-3.0, 12.0, 0.25),
            difference(-12.0, -1.0, 0.04),
            difference(0.4, 6.3, 0.136),
            // What sums up is counted already.
            Comparison { dataset: MICRO.to_owned(), ..difference(0.0, 0.0, 0.5) },
        ];
        let page = page_of(&a, &b, &rows);
        for expected in [
            "<mark class=\"a\">القاهرة<small><bdi>A L&lt;b&gt;</bdi></small></mark>",
            "<mark class=\"b\">Rome<small><bdi>B L&lt;b&gt;</bdi></small></mark>",
            "<li class=\"a\"><b>only A</b> <bdi>القاهرة</bdi>",
            "<li class=\"b\"><b>only B</b> <bdi>Rome</bdi>",
            "1 of 1 sentences in which one run found",
            "data-k=\"0 1\"",
            "<td><b>+9.8</b></td><td class=\"note\">+1.0 to +12.0</td>",
            "<td>&lt; 0.001</td><td><span class=\"sure\">▲ A</span></td>",
            "<td>0.250</td><td>≈</td>",
            "<td>0.136</td><td>≈</td>",
            "<td class=\"note\">−12.0 to −1.0</td>",
            "<td>0.040</td><td><span class=\"sure\">▼ B</span></td>",
            "below 0.05. B: answers not read whole: 12; cut: 4; objects invented: 0;",
            "Left out: 1 sentences of these sets that only A was asked.",
            "<i class=\"sign\">U+202E</i>",
            "lang=\"ar\"",
        ] {
            assert!(page.contains(expected), "no {expected} in {page}");
        }
        assert!(!page.contains("\u{202e}"), "{page}");
    }

    #[test]
    fn relations_are_marked_by_who_found_them() {
        let row = |found: bool| {
            let side = |name: &str| json!({"name": name});
            let object = json!({"type": "In", "head": side("Rome"), "tail": side("Italy")});
            let row = json!({
                "id": "1", "dataset": "d", "language": "en", "task": "re", "sentence": "Rome, Italy",
                "gold": [object], "predicted": if found { vec![object.clone()] } else { vec![] },
            });
            Set::group([serde_json::from_value::<Prediction>(row).unwrap()])
        };
        let page = page_of(&row(false), &row(true), &[]);
        let marks = "<mark class=\"b\">Rome<small><bdi>B</bdi></small></mark>, \
                     <mark class=\"b\">Italy<small><bdi>B</bdi></small></mark>";
        assert!(page.contains(marks), "{page}");
        assert!(page.contains("<bdi>Rome → Italy</bdi>"), "{page}");
    }

    #[test]
    fn runs_that_found_the_same_have_a_page() {
        let a = run(&[&["Rome"]]);
        let page = page_of(&a, &a, &[]);
        assert!(page.contains("No sentence: both found the same."), "{page}");
    }

    #[test]
    fn a_page_of_large_runs_stays_small() {
        let right: &[&str] = &["Rome", "القاهرة"];
        let a = run(&[right; 20_000]);
        let b = run(&[&[] as &[&str]; 20_000]);
        let page = page_of(&a, &b, &[]);
        assert!(page.len() < 2 * super::super::errors::BYTES, "{} bytes", page.len());
        assert!(page.contains("300 of 20,000 sentences in which one run found"), "{page}");
    }
}
