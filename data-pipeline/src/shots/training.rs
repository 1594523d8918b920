//! One split of training text without what tests hold.

use crate::audit::{Known, Print};
use crate::corpus::Corpus;
use crate::error::Error;
use crate::prepare::{Removed, side_id};
use crate::prompt::PromptConfig;
use crate::sentence::{Parallel, Sentence};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the text lies, and which sets it must know nothing of.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The folder of the declarations.
    declarations: PathBuf,
    /// Where corpora lie.
    data_root: PathBuf,
    /// `name:split`; the name may be the path of a declaration.
    dataset: String,
    /// `name:split` of sets that are asked about.
    benchmarks: BTreeSet<String>,
}

/// The text.
#[derive(Clone, Debug, Default)]
pub struct Training {
    /// `name:split`.
    pub(super) dataset: String,
    /// Its sentences; none where it has pairs.
    pub(super) sentences: Vec<Sentence>,
    /// Its pairs.
    pub(super) pairs: Vec<Parallel>,
}

impl Origin {
    /// What prompts for `dataset`, a name or the path of a declaration, take from: its own split
    /// `train`, or what `prompt.shots_from` names.
    pub fn of(declarations: &Path, data_root: &Path, dataset: &str, config: &PromptConfig) -> Self {
        let named = config.shots_from.clone().unwrap_or_else(|| dataset.to_owned());
        let dataset = if named.contains(':') { named } else { format!("{named}:train") };
        Self {
            declarations: declarations.to_owned(),
            data_root: data_root.to_owned(),
            dataset,
            benchmarks: BTreeSet::new(),
        }
    }

    /// Takes out what is like a sentence of these sets, each `name:split`, too.
    pub fn without(self, benchmarks: impl IntoIterator<Item = String>) -> Self {
        Self { benchmarks: benchmarks.into_iter().collect(), ..self }
    }

    /// `name:split`.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// Refuses what cannot be read or is no training text; no file of a corpus is read.
    pub fn check(&self) -> Result<(), Error> {
        self.open().map(|_| ())
    }

    fn open(&self) -> Result<(Corpus, &str), Error> {
        let (corpus, split) = self.corpus(&self.dataset)?;
        let way_out = "name training text with `prompt.shots_from = \"name:split\"`, or leave \
                       `prompt.shots` and `prompt.examples_from` at their defaults";
        let wrong = |message: String| {
            Err(Error::declaration(
                &self.declaration(&self.dataset),
                format!("{message}; {way_out}"),
            ))
        };
        if !corpus.splits().contains(&split) {
            return wrong(format!(
                "has no split `{split}` to take demonstrations or examples from"
            ));
        }
        if split.starts_with("test") || self.benchmarks.contains(&self.dataset) {
            return wrong(format!(
                "its split `{split}` is a test: no prompt may show what it holds"
            ));
        }
        Ok((corpus, split))
    }

    fn declaration(&self, dataset: &str) -> PathBuf {
        let name = dataset.split(':').next().unwrap_or(dataset);
        match name.ends_with(".toml") {
            true => PathBuf::from(name),
            false => self.declarations.join(format!("{name}.toml")),
        }
    }

    fn corpus<'a>(&self, dataset: &'a str) -> Result<(Corpus, &'a str), Error> {
        let split = dataset.split_once(':').map_or("train", |(_, split)| split);
        Ok((Corpus::load(&self.declaration(dataset), &self.data_root)?, split))
    }

    /// The sets whose sentences are taken out, as far as they are on this machine: the benchmarks,
    /// and every split of the text's own corpus that is not for training.
    fn held(&self) -> Result<Vec<(Corpus, String)>, Error> {
        let (own, split) = self.open()?;
        let mut held = Vec::new();
        for other in own.splits() {
            let dataset = format!("{}:{other}", own.name());
            let trains = other == split || other.starts_with("train");
            if !trains && !self.benchmarks.contains(&dataset) {
                held.push((own.clone(), other.to_owned()));
            }
        }
        for benchmark in &self.benchmarks {
            let (corpus, split) = self.corpus(benchmark)?;
            held.push((corpus, split.to_owned()));
        }
        held.retain(|(corpus, split)| {
            corpus.files(split).is_ok_and(|files| files.iter().all(|file| file.is_file()))
        });
        Ok(held)
    }

    /// What decides the text, by `name:split`.
    pub fn fingerprints(&self) -> Result<BTreeMap<String, String>, Error> {
        let (own, split) = self.open()?;
        let mut prints = BTreeMap::from([(self.dataset.clone(), own.fingerprint(split)?)]);
        for (corpus, split) in self.held()? {
            let print = corpus.fingerprint(&split)?;
            prints.insert(format!("without {}:{split}", corpus.name()), print);
        }
        Ok(prints)
    }

    /// Reads the text; `removed` has the ids of sentences that training goes without anyway.
    pub fn read(&self, removed: &Removed) -> Result<Training, Error> {
        let (own, split) = self.open()?;
        let mut texts = Vec::new();
        for (corpus, split) in self.held()? {
            texts.extend(texts_of(&corpus, &split)?);
        }
        let known = Known::new(&texts);
        let removed = removed.get(&format!("{}:{split}", own.name()));
        let stays = |id: &str| removed.is_none_or(|removed| !removed.contains(id));
        let is_new = |text: &str| {
            let print = Print::of(text);
            // A text without letters is like any other such: nobody can say that it is new.
            !print.is_blank() && !known.has(&print)
        };
        let mut training = Training { dataset: self.dataset.clone(), ..Training::default() };
        if own.is_parallel() {
            let pairs = own.read_parallel(split)?.pairs;
            let sides = |pair: &Parallel| [pair.source.clone(), pair.target.clone()];
            let fits = |side: &Sentence| stays(&side_id(side)) && is_new(&side.text);
            training.pairs =
                pairs.into_par_iter().filter(|pair| sides(pair).iter().all(fits)).collect();
        } else {
            let fits = |sentence: &Sentence| stays(&sentence.id) && is_new(&sentence.text);
            training.sentences = own.read(split)?.sentences.into_par_iter().filter(fits).collect();
        }
        Ok(training)
    }
}

fn texts_of(corpus: &Corpus, split: &str) -> Result<Vec<String>, Error> {
    if corpus.is_parallel() {
        let pairs = corpus.read_parallel(split)?.pairs;
        return Ok(pairs.into_iter().flat_map(|it| [it.source.text, it.target.text]).collect());
    }
    Ok(corpus.read(split)?.sentences.into_iter().map(|it| it.text).collect())
}

impl Training {
    /// Sentences that are nobody's test, from anywhere.
    pub fn of_sentences(dataset: &str, sentences: Vec<Sentence>) -> Self {
        Self { dataset: dataset.to_owned(), sentences, pairs: Vec::new() }
    }

    /// Both sides of pairs, or the sentences.
    pub(super) fn all(&self) -> impl Iterator<Item = &Sentence> {
        let sides = self.pairs.iter().flat_map(|pair| [&pair.source, &pair.target]);
        self.sentences.iter().chain(sides)
    }

    /// Whether it has a sentence in `language`.
    pub fn speaks(&self, language: &str) -> bool {
        self.all().any(|sentence| sentence.language == language)
    }
}
