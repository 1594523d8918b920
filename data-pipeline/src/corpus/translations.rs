//! Translations of sentences that another corpus annotates: the labels are carried over.
//!
//! A name is written alike in many languages. So an entity of the annotated side stands in the
//! translation where its surface stands there, as a word of its own and at least as often. A pair of
//! which some name is not found is left out and counted: half an annotation would teach that the
//! other half is none.

use super::Corpus;
use super::declaration::Declaration;
use super::json::without_place;
use super::locate;
use super::row::{Annotated, Labelled, Place, Row};
use super::source::Source;
use crate::audit::normal;
use crate::{Error, Kind};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What a declaration says about the pairs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The key of each line's object that holds both texts; left out, the line itself does.
    #[serde(default)]
    within: Option<String>,
    /// The keys of the translation and of the annotated text.
    keys: (String, String),
    /// `name:split` of the corpora that annotate the second text, found by its letters and digits;
    /// left out, the pairs are text alone.
    #[serde(default)]
    annotated: Vec<String>,
}

/// Pairs, and how many lines gave none, by reason.
pub(crate) struct Pairs {
    pub pairs: Vec<(Row, Row)>,
    pub left_out: BTreeMap<String, usize>,
}

/// The annotated sentences, by normal text.
pub(crate) type Gold = HashMap<String, Annotated>;

impl Options {
    /// Refuses a declaration that lacks what makes a pair.
    pub(crate) fn check(&self, declaration: &Declaration) -> Result<(), Error> {
        if self.keys.0.is_empty() || !declaration.parallel {
            let message = "the reader `translations` needs `parallel = true` and [options] `keys = [\"en\", \"sw\"]`";
            return Err(Error::declaration(&declaration.path, message));
        }
        Ok(())
    }

    /// The corpora that annotate the second text, each with its split.
    pub(crate) fn load(
        &self,
        path: &Path,
        data_root: &Path,
    ) -> Result<Vec<(Corpus, String)>, Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let side = |dataset: &String| {
            let (name, split) = dataset.split_once(':').unwrap_or((dataset, "train"));
            let corpus = Corpus::load(&folder.join(format!("{name}.toml")), data_root)?;
            corpus.declaration.split(split)?;
            Ok((corpus, split.to_owned()))
        };
        self.annotated.iter().map(side).collect()
    }

    /// The sentences that annotate the second text.
    pub(crate) fn gold(&self, path: &Path, data_root: &Path) -> Result<Gold, Error> {
        let mut gold = HashMap::new();
        for (corpus, split) in self.load(path, data_root)? {
            let labels = corpus.labels();
            // What is dropped need not be found again.
            let is_kept = |label: &Option<String>| {
                let class = label.as_ref().map(|label| labels.class(label, Kind::Entity));
                class.is_some_and(|class| class.is_ok_and(|class| class.is_some()))
            };
            corpus.each_row(corpus.declaration.split(&split)?, &mut |row| {
                if let Ok(mut annotated) = row.content {
                    annotated.entities.retain(|entity| is_kept(&entity.label));
                    gold.entry(normal(&annotated.text)).or_insert(annotated);
                }
                Ok(())
            })?;
        }
        Ok(gold)
    }
}

/// The pairs of a file of JSON Lines.
pub(crate) fn pairs(source: &Source, options: &Options, gold: &Gold) -> Pairs {
    let mut found = Pairs { pairs: Vec::new(), left_out: BTreeMap::new() };
    for (line, text) in source.lines().filter(|(_, text)| !text.trim().is_empty()) {
        match texts(text, options) {
            Err(reason) => {
                let row = || Row::new(source, line, None, Err(reason.clone()));
                found.pairs.push((row(), row()));
            }
            Ok((translation, original)) if options.annotated.is_empty() => {
                let row = |text| {
                    let content = Annotated { text, ..Annotated::default() };
                    Row::new(source, line, None, Ok(content))
                };
                found.pairs.push((row(translation), row(original)));
            }
            Ok((translation, original)) => match carried(&translation, &original, gold) {
                Ok((translated, annotated)) => {
                    let row = |content| Row::new(source, line, None, Ok(content));
                    found.pairs.push((row(translated), row(annotated)));
                }
                Err(reason) => *found.left_out.entry(reason.to_owned()).or_default() += 1,
            },
        }
    }
    found
}

/// The translation and the annotated text of a line.
fn texts(line: &str, options: &Options) -> Result<(String, String), String> {
    let value: Value = serde_json::from_str(line)
        .map_err(|error| format!("broken JSON: {}", without_place(&error)))?;
    let within = match &options.within {
        Some(key) => value.get(key).ok_or_else(|| format!("the object has no `{key}`"))?,
        None => &value,
    };
    let text = |key: &str| {
        let text = within.get(key).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("the object has no text `{key}`"))
    };
    Ok((text(&options.keys.0)?, text(&options.keys.1)?))
}

/// Both sides with their entities, or why the pair is left out.
fn carried(
    translation: &str,
    original: &str,
    gold: &Gold,
) -> Result<(Annotated, Annotated), &'static str> {
    let annotated = gold.get(&normal(original)).ok_or("no annotated sentence has this text")?;
    let mut taken: Vec<(usize, usize)> = Vec::new();
    let mut entities = Vec::new();
    for Labelled { label, place } in &annotated.entities {
        if !place.pieces.is_empty() {
            return Err("a name is in pieces");
        }
        let surface: String =
            annotated.text.chars().skip(place.start).take(place.end - place.start).collect();
        let is_free = |(start, end): &(usize, usize)| {
            taken.iter().all(|(from, to)| end <= from || to <= start)
        };
        let (start, end) = locate::words(translation, &surface)
            .into_iter()
            .find(is_free)
            .ok_or("a name is not found again")?;
        taken.push((start, end));
        entities.push(Labelled { label: label.clone(), place: Place::at(start, end) });
    }
    let translated = Annotated { text: translation.to_owned(), entities, ..Annotated::default() };
    Ok((translated, annotated.clone()))
}
