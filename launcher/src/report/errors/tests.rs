//! Pages of mistakes: of hostile answers, of large sets, and in colours that can be read.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::page::assert_sound;
use data_pipeline::errors::{Limits, analyse};
use data_pipeline::predictions::Prediction;
use data_pipeline::{Entity, Instance, Mention, Task};

/// A sentence of which `gold` is annotated and `said` predicted, each as (type, text, first character).
fn row(id: &str, sentence: &str, gold: &[Told], said: &[Told]) -> Prediction {
    let objects = |told: &[Told]| -> Vec<Instance> {
        told.iter()
            .map(|(class, text, start)| {
                let mention = match start {
                    Some(start) => Mention::at(*text, *start, start + text.chars().count()),
                    None => Mention::surface(*text),
                };
                Instance::Entity(Entity { class: (*class).to_owned(), mention })
            })
            .collect()
    };
    let row = serde_json::json!({
        "id": id, "dataset": "d", "language": "en", "task": "ner", "sentence": sentence,
        "gold": [], "predicted": [],
    });
    Prediction {
        gold: objects(gold),
        predicted: objects(said),
        ..serde_json::from_value(row).unwrap()
    }
}

type Told<'a> = (&'a str, &'a str, Option<usize>);

fn set(dataset: &str, language: &str, rows: Vec<Prediction>) -> Set {
    let (dataset, language) = (dataset.to_owned(), language.to_owned());
    let named = |row| Prediction { dataset: dataset.clone(), language: language.clone(), ..row };
    let predictions = rows.into_iter().map(named).collect();
    Set { dataset: dataset.clone(), language: language.clone(), task: Task::Ner, predictions }
}

fn page_of(sets: &[Set]) -> String {
    let page = page("run", sets, &analyse(sets, Limits::default()));
    assert_sound(&page);
    assert_eq!(page.matches("<mark ").count(), page.matches("</mark>").count(), "marks");
    page
}

fn assert_has(page: &str, expected: &[&str]) {
    for expected in expected {
        assert!(page.contains(expected), "no {expected} in {page}");
    }
}

#[test]
fn mistakes_are_shown_with_numbers_and_sentences() {
    let sets = [set(
        "news",
        "en",
        vec![
            row(
                "1",
                "Ann in New York",
                &[("Person", "Ann", Some(0)), ("City", "New York", Some(7))],
                &[("City", "Ann", Some(0)), ("City", "York", Some(11)), ("City", "Rome", None)],
            ),
            row("2", "Bob", &[("Person", "Bob", Some(0))], &[("Person", "Bob", Some(0))]),
            row("3", "Eve", &[("Person", "Eve", Some(0))], &[("City", "Eve", Some(0))]),
        ],
    )];
    let page = page_of(&sets);
    assert_has(
        &page,
        &[
            // The matrix: two of three persons were taken for cities.
            "<th scope=\"row\"><bdi>Person</bdi></th><td class=\"right\" style=\"--share:33%\">1</td>\
             <td class=\"wrong\" style=\"--share:67%\">2</td>",
            "<td class=\"left wrap\"><bdi>New York</bdi></td><td class=\"left wrap\"><bdi>York</bdi></td>\
             <td class=\"left\">⊂ too short</td>",
            "<li>left off before: <bdi>New</bdi> <b>1</b></li>",
            "<th scope=\"row\" class=\"wrap\"><bdi>Rome</bdi></th>",
            // A sentence twice: as annotated, as answered.
            "<mark class=\"near\">New York<small><bdi>⊂ City</bdi></small></mark>",
            "in New <mark class=\"near\">York<small><bdi>⊂ City</bdi></small></mark>",
            "<li class=\"invented\"><b>3 ∅ not in the text</b> <bdi>Rome</bdi>",
            "2 of 2 sentences with a mistake",
            "<article class=\"item\" data-l=\"0\" data-d=\"0\" data-k=\"0\" data-t=\"0 1\">",
            "<form id=\"filter\" hidden",
        ],
    );
    assert!(!page.contains("class=\"item\" hidden"), "everything is shown without the script");
}

#[test]
fn hostile_answers_stay_text() {
    let hostile = [
        "<script>alert(1)</script>",
        "</table></article>",
        "\" onmouseover=\"alert(1)",
        "]]>",
        "\u{202e}desrever",
        "\u{301}\u{301}",
        "\0\u{1b}[2J",
        "&lt;",
        "{{x}}",
        "W",
    ];
    let long = "W<\"".repeat(20_000);
    let rows: Vec<Prediction> = hostile
        .iter()
        .copied()
        .chain([long.as_str()])
        .enumerate()
        .map(|(at, text)| {
            let mut row = row(
                text,
                &format!("Ann {text} \u{2066}x"),
                &[("Person", "Ann", Some(0)), (text, text, Some(4))],
                &[(text, "Ann", Some(0)), ("Person", text, None), (text, "no such text", None)],
            );
            row.flaws = vec![format!("unclosed: `{text}`"); 9];
            row.language = format!("{text}{at}");
            row
        })
        .collect();
    let sets: Vec<Set> = rows
        .into_iter()
        .map(|row| set(&row.id.clone(), &row.language.clone(), vec![row]))
        .collect();
    let page = page_of(&sets);
    for raw in ["alert(1)</script>", "\" onmouseover", "\u{202e}", "\u{2066}", "\u{1b}", "\0"] {
        assert!(!page.contains(raw), "{raw:?}");
    }
    assert_has(&page, &["<i class=\"sign\">U+202E</i>", "\u{25cc}\u{301}", "lang=\"\""]);
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert_sound(&section(&analyse(&sets, Limits::default())));
}

#[test]
fn a_page_of_large_sets_stays_small_and_says_what_it_leaves_out() {
    // 20,000 sentences of 60 languages, with hundreds of types and texts each.
    let sets: Vec<Set> = (0..60)
        .map(|language| {
            let rows = (0..334).map(|at| {
                let text = format!("Name{at} \"{language}\" in Place{}", at % 50);
                let class = format!("Type{}", (at * 7 + language) % 300);
                let text_id = format!("{language}-{at}");
                row(
                    &text_id,
                    &format!("{text}{}", " and so on &c.".repeat(20)),
                    &[("Person", "Name", Some(0)), (class.as_str(), text.as_str(), Some(0))],
                    &[
                        (class.as_str(), "Name", Some(0)),
                        ("Person", &text[..5], Some(0)),
                        ("X", text_id.as_str(), None),
                    ],
                )
            });
            set("large", &format!("l{language}"), rows.collect())
        })
        .collect();
    let page = page_of(&sets);
    assert!(page.len() < 2 * BYTES + 100_000, "{} bytes", page.len());
    assert_has(&page, &[" of 20,040 sentences with a mistake, drawn evenly"]);
    assert!(page.matches("<article").count() <= Limits::default().examples);
}

#[test]
fn room_is_given_until_it_is_taken() {
    let mut room = Room::new();
    assert!(room.has(&"x".repeat(BYTES - 1)));
    assert!(!room.has("xx"));
    assert!(room.has("x"));
    assert!(!room.has("x"));
}

#[test]
fn a_run_without_predictions_has_nothing_to_show() {
    assert_eq!(section(&Analysis::default()), "");
    assert!(page_of(&[]).contains("This run has no predictions yet."));
    let right = row("1", "Ann", &[("P", "Ann", Some(0))], &[("P", "Ann", Some(0))]);
    let page = page_of(&[set("d", "en", vec![right])]);
    assert_has(
        &page,
        &["1 of 1 sentences without a mistake", "Nothing was found with another type."],
    );
    assert!(!page.contains("<article"), "{page}");
}

/// The value of a colour in the first or second block of a style sheet.
fn colour(name: &str, dark: bool) -> [f64; 3] {
    let sheets = [include_str!("errors.css"), include_str!("../../page/style.css")];
    let of = |sheet: &str| {
        let (light, rest) = sheet.split_once("@media (prefers-color-scheme: dark)")?;
        let block = if dark { rest.split_once("}\n}").map_or(rest, |it| it.0) } else { light };
        let value = block.split_once(&format!("--{name}: #"))?.1.get(..6)?.to_owned();
        Some(value)
    };
    let value = sheets.into_iter().find_map(of).unwrap_or_else(|| panic!("no colour {name}"));
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0)
}

/// The contrast of WCAG 2.2: from 1 to 21.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear = colour
            .map(|it| if it <= 0.04045 { it / 12.92 } else { ((it + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn labels_can_be_read_on_their_marks() {
    for (dark, tint) in [(false, 0.13), (true, 0.20)] {
        let card = colour("card", dark);
        for name in ["correct", "wrong", "missed", "invented", "near", "a", "b"] {
            let ink = colour(name, dark);
            let mark = [0, 1, 2].map(|at| ink[at] * tint + card[at] * (1.0 - tint));
            let found = contrast(ink, mark);
            // WCAG's AA for small text.
            assert!(found >= 4.5, "--{name}, dark {dark}: {found:.2}");
            assert!(contrast(colour("ink", dark), mark) >= 7.0, "text on --{name}, dark {dark}");
        }
        assert!(contrast(colour("soft", dark), colour("paper", dark)) >= 4.5);
    }
}

#[test]
fn a_tile_has_the_number_of_its_column() {
    // Of persons: one with another type, two with another type and extent.
    let both = |id: &str| {
        row(id, "Ann Lee", &[("Person", "Ann Lee", Some(0))], &[("City", "Lee", Some(4))])
    };
    let wrong = row("1", "Ann", &[("Person", "Ann", Some(0))], &[("City", "Ann", Some(0))]);
    let page = page_of(&[set("news", "en", vec![wrong, both("2"), both("3")])]);
    let tile = |name: &str, number: usize| format!("<span>{name}</span><strong>{number}</strong>");
    let cells = [3, 0, 3, 0, 1, 0, 2, 0, 0, 0].map(|number| format!("<td>{number}</td>")).concat();
    assert_has(
        &page,
        &[&tile("wrong type", 1), &tile("wrong type and extent", 2), &tile("invented", 0), &cells],
    );
}

#[test]
fn one_is_no_plural() {
    let row = row("1", "in York", &[("City", "York", Some(3))], &[("City", "in York", Some(0))]);
    let page = page_of(&[set("news", "en", vec![row])]);
    assert_has(&page, &["What was added or left off: 1 text.", "1 different one, the most"]);
}
