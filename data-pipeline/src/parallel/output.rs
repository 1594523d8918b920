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
use crate::corpus::Counts;
use crate::{Error, Sentence, Span, Task, durable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
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
pub fn by_hand(
    path: &Path,
    items: &Items,
    is_trial: bool,
) -> Result<HashMap<String, (usize, Draft)>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(Error::read(path)(error)),
    };
    let known: HashSet<&str> = items.items.iter().map(|it| it.carried.asked.id.as_str()).collect();
    let mut drafts = HashMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Corrected { id, draft } = serde_json::from_str(line).map_err(|error| {
            let message = format!("{error}; expected a line of `to-annotate.jsonl`, corrected");
            Error::data(path, index + 1, message)
        })?;
        let draft = Draft { sentence: draft.sentence, names: draft.names };
        // A trial reads some of the sentences only.
        if !is_trial && !known.contains(id.as_str()) {
            let message = format!("no sentence of this job is called `{id}`");
            return Err(Error::data(path, index + 1, message));
        }
        if let Some((first, _)) = drafts.insert(id.clone(), (index + 1, draft)) {
            let message = format!("`{id}` stands in line {first}, too; leave one of them out");
            return Err(Error::data(path, index + 1, message));
        }
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
        | Fault::Terminology { .. }
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

/// A name for a person.
#[derive(Serialize)]
struct Entity<'a> {
    start: usize,
    end: usize,
    label: &'a str,
    text: &'a str,
}

/// Writes everything below `job.out`; each file is complete or absent.
pub fn write(job: &Job, items: &Items, outcomes: &[Outcome]) -> Result<(), Error> {
    let mut pairs = String::new();
    let mut open = String::new();
    let mut counts = Counts::default();
    for (item, outcome) in items.items.iter().zip(outcomes) {
        let line = match outcome.faults.is_empty() {
            true => pair(item, outcome),
            false => None,
        };
        match line {
            Some(line) => {
                let carried = &item.carried;
                counts.sentences += 1;
                counts.relations += carried.relations.len();
                counts.events += carried.events.len();
                counts.entities += carried.entities;
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
        let text = declaration_of_side(job, items, side, language, counts);
        durable::write(&folders[0].join(format!("{name}.toml")), text.as_bytes())?;
    }
    let pairs = folders[0].join(format!("{}.toml", job.name));
    // The phase that learns from pairs asks for entities.
    if items.tasks.contains(&Task::Ner) {
        let text = declaration_of_pairs(job, items, counts);
        durable::write(&pairs, text.as_bytes())?;
    }
    Ok(())
}

fn push(lines: &mut String, line: &Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}

/// Both sides of an accepted pair; none if a name has no place, which the checks exclude.
fn pair(item: &Item, outcome: &Outcome) -> Option<Value> {
    let spans = places(&item.carried.asked, &outcome.draft).ok()?;
    let stage = outcome.visits.last().map(|visit| visit.stage.as_str());
    let stage = if outcome.by_hand { Some("by hand") } else { stage };
    Some(json!({
        "id": item.carried.asked.id,
        "domain": item.domain,
        "stage": stage,
        "source": item.carried.of_source(),
        "target": item.carried.of_target(&outcome.draft, &spans),
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
        draft.names = item.carried.asked.entities.iter().map(empty).collect();
    }
    json!({
        "id": item.carried.asked.id,
        "domain": item.domain,
        "source": {"text": item.carried.asked.text, "entities": entities(&item.carried.asked)},
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
    counts: Counts,
) -> String {
    let name = format!("{}-{language}", job.name);
    let licence = quoted(&joined(&items.licences));
    let origin = quoted(&format!("`knowcoder data parallel` on {}", joined(&items.origins)));
    let schema = quoted(&format!("../schemas/{}.py", job.name));
    let tasks: Vec<String> = items.tasks.iter().map(|task| quoted(&task.to_string())).collect();
    let mut text = format!(
        "# One side of `{}`; written by `knowcoder data parallel`.\n\
         name = {}\ntask = [{}]\nlanguage = {}\nlicence = {licence}\nsource = {origin}\n\
         schema = {schema}\nreader = \"json\"\nroot = \"configs\"\n\n\
         [options]\nid = \"id\"\ntext = \"{side}.text\"\n\n",
        job.name,
        quoted(&name),
        tasks.join(", "),
        quoted(language),
    );
    text += &options_of_side(items, side);
    text += "[splits.train]\nfiles = [\"pairs.jsonl\"]\n";
    text += &declared(items, counts);
    text += &labels(items);
    text
}

/// The counts that reading must find. Where entities are arguments of relations alone, how many
/// there are is not for a declaration to say.
fn declared(items: &Items, counts: Counts) -> String {
    let Counts { sentences, entities, relations, events } = counts;
    let entities = match items.tasks.contains(&Task::Ner) {
        true => format!("entities = {entities}\n"),
        false => String::new(),
    };
    format!("sentences = {sentences}\n{entities}relations = {relations}\nevents = {events}\n\n")
}

/// Where a side keeps what each task needs.
fn options_of_side(items: &Items, side: &str) -> String {
    let has = |tasks: &[Task]| tasks.iter().any(|task| items.tasks.contains(task));
    let mention = |place: &str| {
        format!("start = \"{place}start\", end = \"{place}end\", surface = \"{place}text\"")
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    if has(&[Task::Ner]) {
        let _ = writeln!(
            text,
            "[options.entities]\npath = \"{side}.entities.*\"\nlabel = \"label\"\n\
             mention = {{ {} }}\n",
            mention("")
        );
    }
    if has(&[Task::Re]) {
        let argument = |place: &str| match items.typed {
            true => format!("{}, label = \"{place}label\"", mention(place)),
            false => mention(place),
        };
        let _ = writeln!(
            text,
            "[options.relations]\npath = \"{side}.relations.*\"\nlabel = \"label\"\n\
             head = {{ {} }}\ntail = {{ {} }}\n",
            argument("head."),
            argument("tail.")
        );
    }
    if has(&[Task::Ed, Task::Eae]) {
        let _ = writeln!(
            text,
            "[options.events]\npath = \"{side}.events.*\"\nlabel = \"label\"\n\
             trigger = {{ {} }}\n",
            mention("trigger.")
        );
    }
    if has(&[Task::Eae]) {
        let _ = writeln!(
            text,
            "[[options.events.arguments]]\npath = \"arguments.*\"\nrole = \"role\"\n\
             mention = {{ {} }}\n",
            mention("")
        );
    }
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

fn declaration_of_pairs(job: &Job, items: &Items, counts: Counts) -> String {
    let Job { name, target, .. } = job;
    let language = &items.language;
    let Counts { sentences, entities, relations, events } = counts;
    let (entities, relations, events) = (2 * entities, 2 * relations, 2 * events);
    let both = Counts { sentences, entities, relations, events };
    let sides = [format!("{name}-{language}"), format!("{name}-{target}")].map(|it| quoted(&it));
    format!(
        "# Sentences and their translations; written by `knowcoder data parallel`.\n\
         name = {}\nparallel = true\nlanguage = {}\nlicence = {}\nsource = {}\n\
         schema = {}\nreader = \"joined\"\n\n[options]\nsides = [{}]\nin_step = true\n\n\
         [splits.train]\n{}{}",
        quoted(name),
        quoted(&format!("{language}-{target}")),
        quoted(&joined(&items.licences)),
        quoted(&format!("`knowcoder data parallel` on {}", joined(&items.origins))),
        quoted(&format!("../schemas/{name}.py")),
        sides.join(", "),
        declared(items, both),
        labels(items),
    )
}
