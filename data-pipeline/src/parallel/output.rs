//! What a job leaves behind: pairs that a declaration reads, and what people have to annotate.
//!
//! `pairs.jsonl` holds both sides of each accepted pair. Beside it stand the schema and three
//! declarations: each side with the reader `json`, and the pairs with the reader `joined`. So
//! `datasets = "OUT/datasets"` is all that a recipe needs.

use super::check::{Draft, Name, places};
use super::config::Job;
use super::fault::Fault;
use super::items::{Item, Items};
use super::stages::Outcome;
use crate::{Error, Sentence, Span, durable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// A line of `annotated.jsonl`: one of `to-annotate.jsonl` with its draft corrected.
#[derive(Deserialize)]
struct Corrected {
    id: String,
    draft: CorrectedDraft,
}

#[derive(Deserialize)]
struct CorrectedDraft {
    sentence: String,
    names: Vec<Name>,
}

/// Drafts that people corrected, by the id of their sentence; the file need not be there.
pub fn by_hand(path: &Path) -> Result<HashMap<String, (usize, Draft)>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(Error::read(path)(error)),
    };
    let mut drafts = HashMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Corrected { id, draft } = serde_json::from_str(line).map_err(|error| {
            let message = format!("{error}; expected a line of `to-annotate.jsonl`, corrected");
            Error::data(path, index + 1, message)
        })?;
        let draft = Draft { sentence: draft.sentence, names: draft.names };
        drafts.insert(id, (index + 1, draft));
    }
    Ok(drafts)
}

/// Whether a person's draft cannot be written down: the rest is their judgement.
pub fn is_broken(fault: &Fault) -> bool {
    match fault {
        Fault::Copied
        | Fault::Language { .. }
        | Fault::InsideWord { .. }
        | Fault::Untranslated { .. }
        | Fault::Term { .. }
        | Fault::RoundTrip { .. } => false,
        Fault::Occurrences { expected, found, .. } => found < expected,
        Fault::Unreadable { .. }
        | Fault::Empty
        | Fault::Count { .. }
        | Fault::Class { .. }
        | Fault::Types { .. }
        | Fault::Missing { .. }
        | Fault::Moved { .. } => true,
    }
}

/// A name of `pairs.jsonl`.
#[derive(Serialize)]
struct Entity<'a> {
    start: usize,
    end: usize,
    label: &'a str,
    text: &'a str,
}

/// Writes everything below `job.out`; each file is complete or absent.
pub fn write(job: &Job, items: &Items, outcomes: &[Outcome]) -> Result<usize, Error> {
    let mut pairs = String::new();
    let mut open = String::new();
    let mut count = 0;
    for (item, outcome) in items.items.iter().zip(outcomes) {
        let line = match outcome.faults.is_empty() {
            true => pair(item, outcome),
            false => None,
        };
        match line {
            Some(line) => {
                count += 1;
                push(&mut pairs, &line);
            }
            None => push(&mut open, &to_annotate(item, outcome)),
        }
    }
    let schema = std::fs::read(&items.schema).map_err(Error::read(&items.schema))?;
    let folders = [job.out.join("datasets"), job.out.join("schemas")];
    for folder in &folders {
        std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    }
    durable::write(&job.out.join("pairs.jsonl"), pairs.as_bytes())?;
    durable::write(&job.out.join("to-annotate.jsonl"), open.as_bytes())?;
    durable::write(&folders[1].join(format!("{}.py", job.name)), &schema)?;
    for (side, language) in [("source", items.language.as_str()), ("target", job.target.as_str())] {
        let name = format!("{}-{language}", job.name);
        let text = declaration_of_side(job, items, side, language, count);
        durable::write(&folders[0].join(format!("{name}.toml")), text.as_bytes())?;
    }
    let text = declaration_of_pairs(job, items, count);
    durable::write(&folders[0].join(format!("{}.toml", job.name)), text.as_bytes())?;
    Ok(count)
}

fn push(lines: &mut String, line: &Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}

/// Both sides of an accepted pair; none if a name has no place, which the checks exclude.
fn pair(item: &Item, outcome: &Outcome) -> Option<Value> {
    let spans = places(&item.sentence, &outcome.draft).ok()?;
    let names = outcome.draft.names.iter().zip(spans);
    let target: Vec<Entity<'_>> = names
        .map(|(name, Span { start, end })| Entity {
            start,
            end,
            label: &name.class,
            text: &name.text,
        })
        .collect();
    let stage = outcome.visits.last().map(|visit| visit.stage.as_str());
    let stage = if outcome.by_hand { Some("by hand") } else { stage };
    Some(json!({
        "id": item.sentence.id,
        "domain": item.domain,
        "stage": stage,
        "source": {"text": item.sentence.text, "entities": entities(&item.sentence)},
        "target": {"text": outcome.draft.sentence, "entities": target},
    }))
}

fn entities(sentence: &Sentence) -> Vec<Entity<'_>> {
    let found = sentence.entities.iter().filter_map(|it| Some((it.mention.span?, it)));
    found
        .map(|(Span { start, end }, entity)| Entity {
            start,
            end,
            label: &entity.class,
            text: &entity.mention.text,
        })
        .collect()
}

/// What a person needs: the source, the best draft and what is wrong with it.
fn to_annotate(item: &Item, outcome: &Outcome) -> Value {
    let faults: Vec<String> = outcome.faults.iter().map(ToString::to_string).collect();
    let mut draft = outcome.draft.clone();
    if draft.names.is_empty() {
        let empty =
            |entity: &crate::Entity| Name { class: entity.class.clone(), text: String::new() };
        draft.names = item.sentence.entities.iter().map(empty).collect();
    }
    json!({
        "id": item.sentence.id,
        "domain": item.domain,
        "source": {"text": item.sentence.text, "entities": entities(&item.sentence)},
        "draft": draft,
        "faults": faults,
    })
}

/// A text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn joined(texts: &std::collections::BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
}

fn declaration_of_side(
    job: &Job,
    items: &Items,
    side: &str,
    language: &str,
    count: usize,
) -> String {
    let name = format!("{}-{language}", job.name);
    let licence = quoted(&joined(&items.licences));
    let origin = quoted(&format!("`knowcoder data parallel` on {}", joined(&items.origins)));
    let schema = quoted(&format!("../schemas/{}.py", job.name));
    let mut text = format!(
        "# One side of `{}`; written by `knowcoder data parallel`.\n\
         name = {}\ntask = [\"ner\"]\nlanguage = {}\nlicence = {licence}\nsource = {origin}\n\
         schema = {schema}\nreader = \"json\"\nroot = \"configs\"\n\n\
         [options]\nid = \"id\"\ntext = \"{side}.text\"\n\n\
         [options.entities]\npath = \"{side}.entities.*\"\nlabel = \"label\"\n\
         mention = {{ start = \"start\", end = \"end\", surface = \"text\" }}\n\n\
         [splits.train]\nfiles = [\"pairs.jsonl\"]\nsentences = {count}\n\n",
        job.name,
        quoted(&name),
        quoted(language),
    );
    text += &labels(items);
    text
}

/// The classes that the sources annotate: a prompt must offer no others.
fn labels(items: &Items) -> String {
    let mut text = "[labels]\n".to_owned();
    for class in &items.classes {
        let class = quoted(class);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{class} = {class}");
    }
    text
}

fn declaration_of_pairs(job: &Job, items: &Items, count: usize) -> String {
    let Job { name, target, .. } = job;
    let language = &items.language;
    let sides = [format!("{name}-{language}"), format!("{name}-{target}")].map(|it| quoted(&it));
    format!(
        "# Sentences and their translations; written by `knowcoder data parallel`.\n\
         name = {}\nparallel = true\nlanguage = {}\nlicence = {}\nsource = {}\n\
         schema = {}\nreader = \"joined\"\n\n[options]\nsides = [{}]\n\n\
         [splits.train]\nsentences = {count}\n\n{}",
        quoted(name),
        quoted(&format!("{language}-{target}")),
        quoted(&joined(&items.licences)),
        quoted(&format!("`knowcoder data parallel` on {}", joined(&items.origins))),
        quoted(&format!("../schemas/{name}.py")),
        sides.join(", "),
        labels(items),
    )
}
