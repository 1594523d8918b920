//! Corpora as a page: languages, tasks, then each corpus with its classes and histograms.

use super::histogram::histogram;
use super::html::{count, escape, percent};
use super::{Page, Section, header, tile};
use crate::verbs::data::survey::{CorpusStats, Survey};
use data_pipeline::corpus::{TextStats, TokenStats};
use data_pipeline::width::printable;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Corpora that are unfolded: few are read through, of many one is looked for.
const OPEN: usize = 3;
/// Classes of one kind with a line of their own.
const CLASSES: usize = 24;

/// The whole page; `vocabulary` is the size of the tokenizer's, if tokens were counted.
pub fn page(survey: &Survey, vocabulary: Option<usize>) -> String {
    let names: Vec<&str> = survey.corpora.iter().map(|corpus| corpus.name.as_str()).collect();
    let title = match &names[..] {
        [] => "no corpus".to_owned(),
        [one] => (*one).to_owned(),
        several => format!("{} corpora", several.len()),
    };
    let facts = match vocabulary {
        Some(ids) => vec![("vocabulary", format!("{} ids", count(ids)))],
        None => Vec::new(),
    };
    let page = Page {
        header: header("knowcoder data stats", &title, &facts, &tiles(survey)),
        title,
        sections: vec![
            Section::new("languages", "Languages", languages(survey)),
            Section::new("tasks", "Tasks", tasks(survey)),
            Section::new("corpora", "Corpora", corpora(survey)),
            Section::new("wrong", "Not readable", failed(survey)),
            Section::new("absent", "Not on this machine", absent(survey)),
        ],
        style: include_str!("corpora.css"),
        script: "",
        empty: "No corpus was counted.",
    };
    page.to_html()
}

fn tiles(survey: &Survey) -> String {
    let languages = survey.languages();
    let sum = |number: fn(&TextStats) -> usize| -> usize {
        languages.iter().map(|stats| number(&stats.texts)).sum()
    };
    let tokens = |texts: &TextStats| texts.tokens.as_ref().map_or(0, |it| it.lengths.sum());
    let mut tiles = vec![
        ("corpora", survey.corpora.len(), "readable and here"),
        ("languages", languages.len(), ""),
        ("sentences", sum(TextStats::sentences), "both sides of pairs"),
        ("entities", sum(|texts| texts.mentions.count()), ""),
    ];
    if languages.iter().any(|stats| stats.texts.tokens.is_some()) {
        tiles.push(("tokens", sum(tokens), "of the texts alone"));
    }
    tiles.into_iter().map(|(label, number, note)| tile(label, &count(number), note)).collect()
}

/// A line a language; with tokens, bars of fertility and bytes.
fn languages(survey: &Survey) -> String {
    let languages = survey.languages();
    let tokens = || languages.iter().filter_map(|stats| stats.texts.tokens.as_ref());
    let highest =
        |number: fn(&TokenStats) -> Option<f64>| tokens().filter_map(number).fold(0.0, f64::max);
    let (fertility, bytes) = (highest(TokenStats::fertility), highest(TokenStats::byte_rate));
    let counted = tokens().next().is_some();
    let rows: String = languages
        .iter()
        .map(|stats| {
            let texts = &stats.texts;
            let tokens = texts.tokens.as_ref().map_or(String::new(), |tokens| {
                let unit = format!("a {}", tokens.unit);
                format!(
                    "<td>{}</td>{}{}",
                    count(tokens.lengths.sum()),
                    barred(tokens.fertility(), fertility, 1.0, &unit),
                    barred(tokens.byte_rate(), bytes, 100.0, "%")
                )
            });
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td>\
                 <td>{}</td>{tokens}</tr>",
                named(&stats.language),
                count(stats.datasets),
                count(texts.sentences()),
                count(texts.mentions.count()),
                texts.characters.mean().unwrap_or_default(),
                percent(texts.nested_share().map(|share| share * 100.0)),
            )
        })
        .collect();
    let heads = if counted {
        "<th scope=\"col\">tokens</th><th scope=\"col\">tokens a unit</th>\
         <th scope=\"col\">bytes</th>"
    } else {
        ""
    };
    if rows.is_empty() {
        return rows;
    }
    let note = if counted {
        " A unit is a word where a language writes spaces, else a character. Bytes are tokens that \
         stand for parts of characters which the vocabulary does not have."
    } else {
        ""
    };
    format!(
        "<p class=\"note\">Corpora may hold the same sentences; nothing is counted out.{note}</p>\
         <div class=\"scroll\"><table><thead><tr><th scope=\"col\">language</th>\
         <th scope=\"col\">corpora</th><th scope=\"col\">sentences</th>\
         <th scope=\"col\">entities</th><th scope=\"col\">characters a sentence</th>\
         <th scope=\"col\">nested, %</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// A number with its unit, and a bar for its share of `most`.
fn barred(value: Option<f64>, most: f64, factor: f64, unit: &str) -> String {
    let Some(value) = value else { return "<td>–</td>".to_owned() };
    let share = if most > 0.0 { value / most * 100.0 } else { 0.0 };
    format!(
        "<td class=\"measure\">{:.2} <small>{unit}</small>\
         <span class=\"meter\"><i style=\"width:{share:.1}%\"></i></span></td>",
        value * factor
    )
}

fn tasks(survey: &Survey) -> String {
    let tasks = survey.tasks();
    if tasks.is_empty() {
        return String::new();
    }
    let rows: String = tasks
        .iter()
        .map(|stats| {
            let (sentences, objects) = (stats.objects.count(), &stats.objects);
            let empty = objects.count_of(0) as f64 / sentences.max(1) as f64 * 100.0;
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td>\
                 <td>{}</td></tr>",
                stats.task,
                count(stats.datasets),
                count(sentences),
                count(objects.sum()),
                objects.mean().unwrap_or_default(),
                percent(Some(empty))
            )
        })
        .collect();
    let charts: String = tasks
        .iter()
        .map(|stats| histogram(&format!("{}: objects a sentence", stats.task), &stats.objects))
        .collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">task</th>\
         <th scope=\"col\">corpora</th><th scope=\"col\">sentences</th>\
         <th scope=\"col\">objects</th><th scope=\"col\">a sentence</th>\
         <th scope=\"col\">empty, %</th></tr></thead><tbody>{rows}</tbody></table></div>\
         <div class=\"hists\">{charts}</div>"
    )
}

fn corpora(survey: &Survey) -> String {
    let largest = survey.corpora.iter().map(CorpusStats::sentences).max().unwrap_or_default();
    let open = survey.corpora.len() <= OPEN;
    survey.corpora.iter().map(|it| corpus(it, largest, open)).collect()
}

/// One corpus, folded or not.
fn corpus(corpus: &CorpusStats, largest: usize, open: bool) -> String {
    let sentences = corpus.sentences();
    let share = sentences as f64 / largest.max(1) as f64 * 100.0;
    let tasks: Vec<String> = corpus.tasks.iter().map(ToString::to_string).collect();
    let languages: String = corpus
        .languages()
        .iter()
        .map(|(language, texts)| {
            let title = format!("<h3>{}</h3>", named(language));
            let title = if corpus.languages().len() > 1 { title } else { String::new() };
            format!("{title}{}", texts_block(texts))
        })
        .collect();
    format!(
        "<details class=\"set\"{open}><summary><b>{name} <span class=\"tag\">{language}</span></b>\
         <span class=\"stack\"><i class=\"size\" style=\"width:{share:.1}%\"></i></span>\
         <small>{tasks} · {sentences} sentences · {licence}</small></summary>\
         <p class=\"note\">from {origin}</p>{splits}{languages}</details>",
        open = if open { " open" } else { "" },
        name = named(&corpus.name),
        language = named(&corpus.language),
        tasks = tasks.join(" · "),
        sentences = count(sentences),
        licence = named(&corpus.licence),
        origin = named(&corpus.origin),
        splits = splits(corpus),
    )
}

fn splits(corpus: &CorpusStats) -> String {
    let sum = |counts: &BTreeMap<String, usize>| count(counts.values().sum());
    let rows: String = corpus
        .splits
        .iter()
        .map(|split| {
            let texts = &split.texts;
            format!(
                "<tr><th scope=\"row\">{} <span class=\"tag\">{}</span></th><td>{}</td><td>{}</td>\
                 <td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td><td>{:.1}</td></tr>",
                named(&split.split),
                named(&split.language),
                count(texts.sentences()),
                count(texts.empty_sentences),
                sum(&texts.entities),
                sum(&texts.relations),
                sum(&texts.events),
                texts.mentions_per_sentence(),
                texts.mentions.mean().unwrap_or_default(),
            )
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">split</th>\
         <th scope=\"col\">sentences</th><th scope=\"col\">empty</th>\
         <th scope=\"col\">entities</th><th scope=\"col\">relations</th>\
         <th scope=\"col\">events</th><th scope=\"col\">entities a sentence</th>\
         <th scope=\"col\">characters an entity</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Classes, shares and histograms of texts in one language.
fn texts_block(texts: &TextStats) -> String {
    let classes: String = [
        ("entities", &texts.entities),
        ("relations", &texts.relations),
        ("events", &texts.events),
        ("arguments", &texts.arguments),
    ]
    .into_iter()
    .map(|(kind, counts)| class_list(kind, counts))
    .collect();
    let share = |what: &str, share: Option<f64>| {
        Some(format!("{what}: {} %", percent(Some(share? * 100.0))))
    };
    let shares: Vec<String> = [
        share("entities inside another", texts.nested_share()),
        share(
            "entities in pieces, with gaps",
            texts.discontinuous_share().filter(|share| *share > 0.0),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let shares = match shares.is_empty() {
        true => String::new(),
        false => format!("<p class=\"note\">{}</p>", shares.join(" · ")),
    };
    let mut charts = histogram("characters a sentence", &texts.characters);
    if let Some(tokens) = &texts.tokens {
        charts += &histogram("tokens a sentence", &tokens.lengths);
    }
    charts += &histogram("characters an entity", &texts.mentions);
    for (task, objects) in &texts.tasks {
        charts += &histogram(&format!("{task}: objects a sentence"), objects);
    }
    format!("{shares}<div class=\"hists\">{charts}</div><div class=\"classes\">{classes}</div>")
}

/// The classes of one kind with bars, the most frequent first.
fn class_list(kind: &str, counts: &BTreeMap<String, usize>) -> String {
    let mut sorted: Vec<(&String, usize)> =
        counts.iter().map(|(class, count)| (class, *count)).collect();
    sorted.sort_by_key(|(_, count)| Reverse(*count));
    let Some((_, most)) = sorted.first().copied() else { return String::new() };
    let rows: String = sorted
        .iter()
        .take(CLASSES)
        .map(|(class, number)| {
            format!(
                "<li><span>{}</span><b>{}</b><span class=\"meter\"><i style=\"width:{:.1}%\"></i>\
                 </span></li>",
                named(class),
                count(*number),
                *number as f64 / most.max(1) as f64 * 100.0
            )
        })
        .collect();
    let rest = sorted.len().saturating_sub(CLASSES);
    let rest = match rest {
        0 => String::new(),
        _ => format!("<li><span>and {rest} others</span></li>"),
    };
    format!(
        "<div><h3>{kind} <small>{} classes</small></h3><ul>{rows}{rest}</ul></div>",
        sorted.len()
    )
}

fn failed(survey: &Survey) -> String {
    let items: String = survey
        .failed
        .iter()
        .map(|(name, error)| format!("<li><b>{}</b> {}</li>", named(name), named(error)))
        .collect();
    if items.is_empty() { items } else { format!("<ul class=\"plain\">{items}</ul>") }
}

fn absent(survey: &Survey) -> String {
    if survey.absent.is_empty() {
        return String::new();
    }
    let names: Vec<String> = survey.absent.iter().map(|name| named(name)).collect();
    format!(
        "<details><summary>{} splits</summary><p class=\"note\">{}</p></details>",
        count(names.len()),
        names.join(", ")
    )
}

/// A name of somebody else's choice.
fn named(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(&printable(text)))
}

#[cfg(test)]
mod tests {
    use super::super::assert_sound;
    use super::*;
    use data_pipeline::Task;
    use data_pipeline::corpus::{Distribution, SplitStats};

    fn corpus(name: &str, language: &str) -> CorpusStats {
        let tokens = TokenStats {
            lengths: [4, 6].into_iter().collect(),
            bytes: 1,
            units: 5,
            ..TokenStats::default()
        };
        let objects: Distribution = [0, 3].into_iter().collect();
        let texts = TextStats {
            characters: [20, 30].into_iter().collect(),
            tokens: Some(tokens),
            entities: [("<b>Person".to_owned(), 2), ("City".to_owned(), 1)].into(),
            mentions: [3, 4, 9].into_iter().collect(),
            placed: 3,
            nested: 1,
            discontinuous: 1,
            tasks: [(Task::Ner, objects)].into(),
            ..TextStats::default()
        };
        let split = SplitStats { split: "train".into(), language: language.into(), texts };
        CorpusStats {
            name: name.to_owned(),
            language: language.to_owned(),
            licence: "CC0 <script>".to_owned(),
            origin: "somewhere".to_owned(),
            tasks: vec![Task::Ner],
            splits: vec![split],
        }
    }

    #[test]
    fn the_page_has_every_number_and_runs_nothing() {
        let survey = Survey {
            corpora: vec![corpus("one", "en"), corpus("two & more", "zh")],
            absent: vec!["three:train".to_owned()],
            failed: vec![("four".to_owned(), "line 3 is <wrong>".to_owned())],
            code: 0,
        };
        let page = page(&survey, Some(4096));
        assert_sound(&page);
        for expected in [
            "<h1 dir=\"auto\">2 corpora</h1>",
            "4,096 ids",
            "<bdi>two &amp; more</bdi>",
            "CC0 &lt;script&gt;",
            "<bdi>&lt;b&gt;Person</bdi>",
            // 10 tokens of 5 words, one of them a byte.
            "2.00 <small>a word</small>",
            "10.00 <small>%</small>",
            "entities inside another: 33.3 %",
            "with gaps: 33.3 %",
            "ner: objects a sentence",
            "three:train",
            "line 3 is &lt;wrong&gt;",
        ] {
            assert!(page.contains(expected), "no {expected} in {page}");
        }
    }

    #[test]
    fn nothing_is_a_page_too() {
        let page = page(&Survey::default(), None);
        assert_sound(&page);
        assert!(page.contains("No corpus was counted."));
    }
}
