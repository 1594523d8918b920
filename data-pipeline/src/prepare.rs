//! Corpora become shards.
//!
//! A corpus may be larger than the memory, and its preparation the work of several programs: sentences
//! wait on disk (`spill`) until their group is made, and rows are made in blocks of their own (`work`,
//! `part`).
//!
//! What a row holds is a function of corpus, templates, tokenizer and seed alone: neither threads
//! nor the order of work can change it. No sample is cut: one that is too long gets fewer classes,
//! then its classes in parts that together keep every label, and else is refused by name.

mod copy;
mod draw;
mod fit;
mod gather;
mod lesson;
mod likeness;
mod part;
mod selection;
mod showing;
mod source;
mod spill;
#[cfg(test)]
mod tests;
mod work;

pub use gather::{ShareList, gather};
pub use selection::{Overlong, Selection, SelectionMode};
pub use source::{Source, side_id};

use crate::corpus::Corpus;
use crate::effect::Effect;
use crate::error::Error;
use crate::manifest::{Manifest, Origin, Refused};
use crate::order::Share;
use crate::prompt::{PromptConfig, template_fingerprint};
use crate::shard::Sample;
use crate::tokenizer::Tokenizer;
use part::{Journal, Part};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// What rows teach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Definitions of classes and sentences with their objects, as plain code.
    SchemaUnderstanding,
    /// The objects of a translation, given a sentence and its objects.
    Alignment,
    /// The objects of a sentence.
    Instruction,
    /// Copying of random tokens.
    RandomCopy,
}

/// The settings that decide rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepareConfig {
    /// All chance comes from here.
    pub seed: u64,
    /// The longest sample, in tokens.
    pub max_length: usize,
    /// The form of prompts and answers.
    pub prompt: PromptConfig,
    /// Which classes a prompt offers.
    pub selection: Selection,
    /// At most so many samples share a prefix.
    pub group: usize,
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            max_length: 2048,
            prompt: PromptConfig::default(),
            selection: Selection::default(),
            group: 8,
        }
    }
}

/// What to prepare, from where.
#[derive(Clone, Debug)]
pub struct PreparePlan {
    /// What the rows teach.
    pub kind: Kind,
    /// The datasets of the phase.
    pub datasets: Vec<Source>,
    /// The folder of the declarations, `configs/datasets`.
    pub declarations: PathBuf,
    /// Where corpora lie.
    pub data_root: PathBuf,
    /// Whether alignment also asks for the source, given the translation.
    pub both_directions: bool,
    /// Ids of sentences that are left out, by `name:split`; `id~language` for one side of a pair,
    /// which takes the pair with it.
    pub removed: Removed,
    /// `name:split` of sets that are asked about: no prompt shows a sentence like one of theirs.
    pub benchmarks: Vec<String>,
    /// The settings.
    pub config: PrepareConfig,
}

/// Ids of sentences by `name:split`.
pub type Removed = BTreeMap<String, BTreeSet<String>>;

/// How far a preparation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Shards that were there cannot be used: all are made again.
    Again {
        /// What is wrong with them, or what they were made from that is another now.
        reason: String,
    },
    /// A corpus is read.
    Reading {
        /// The dataset.
        dataset: String,
        /// Sentences read of it.
        sentences: usize,
        /// How many it is declared to have.
        declared: Option<usize>,
    },
    /// Samples are made.
    Groups {
        /// The dataset at work, and its task.
        dataset: String,
        /// Groups done of it.
        done: usize,
        /// Groups that it has.
        total: usize,
    },
}

/// Refuses a plan whose settings, declarations or splits cannot be; no file of a corpus is read.
pub fn check(plan: &PreparePlan) -> Result<(), Error> {
    plan.config.check()?;
    let corpora = source::load(plan)?;
    plan.config.selection.check_names(corpora.iter().flatten().map(Corpus::schema))?;
    showing::check(plan, &corpora)?;
    for (source, corpus) in plan.datasets.iter().zip(corpora) {
        if let (Source::Corpus { split, .. }, Some(corpus)) = (source, corpus) {
            corpus.files(split)?;
        }
    }
    Ok(())
}

/// What a share of a preparation ends with.
#[derive(Clone, Debug, PartialEq)]
pub enum Prepared {
    /// Every share is done, and `out` exists for readers.
    Whole(Box<Manifest>),
    /// Other shares, counted from 1, are yet to be done.
    Part {
        /// Which.
        missing: Vec<usize>,
        /// What decides the rows of all.
        origin: Box<Origin>,
    },
}

impl Prepared {
    /// What decides the rows of all shares.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Whole(manifest) => &manifest.origin,
            Self::Part { origin, .. } => origin,
        }
    }
}

/// Prepares `plan` into `out` and returns the manifest; does nothing if `out` holds just that.
///
/// The directory exists for readers only when this has returned: the manifest is written last.
/// Blocks that an interrupted preparation has made, or shares of one, are not made again.
pub fn prepare(
    plan: &PreparePlan,
    tokenizer: &Tokenizer,
    out: &Path,
    progress: &dyn Fn(Progress),
) -> Result<Manifest, Error> {
    let (corpora, mut manifest) = begin(plan, tokenizer)?;
    match ready(out, &manifest) {
        Ok(Some(ready)) => return Ok(ready),
        Ok(None) => {}
        Err(reason) => progress(Progress::Again { reason }),
    }
    Manifest::retract(out)?;
    let parts = match Part::done(out, &manifest.fingerprint)? {
        Some(parts) => {
            parts.iter().try_for_each(|part| part.verify(out))?;
            parts
        }
        None => {
            if Part::known(out, &manifest.fingerprint)?.is_empty() {
                Manifest::clear(out)?;
            }
            let fingerprint = &manifest.fingerprint;
            vec![make(plan, &corpora, tokenizer, (out, fingerprint, Share::ALL), progress)?]
        }
    };
    Part::join(parts, &mut manifest);
    refuse_empty(out, &manifest)?;
    manifest.save(out)?;
    manifest.sweep(out)?;
    Part::clear(out)?;
    Ok(manifest)
}

/// Prepares a share of `plan` into `out`, where other programs may prepare the others at the same
/// time; the last one makes the whole, which is that of [`prepare`] byte for byte.
///
/// Each reads all corpora, as a group is formed among all sentences; what is divided is the rest.
pub fn prepare_share(
    plan: &PreparePlan,
    share: Share,
    tokenizer: &Tokenizer,
    out: &Path,
    progress: &dyn Fn(Progress),
) -> Result<Prepared, Error> {
    assert!(share.index < share.count, "share {} of {}", share.index, share.count);
    let (corpora, mut manifest) = begin(plan, tokenizer)?;
    match ready(out, &manifest) {
        Ok(Some(ready)) => return Ok(Prepared::Whole(Box::new(ready))),
        Ok(None) => {}
        Err(reason) => progress(Progress::Again { reason }),
    }
    Manifest::retract(out)?;
    let fingerprint = manifest.fingerprint.clone();
    let mut part = make(plan, &corpora, tokenizer, (out, &fingerprint, share), progress)?;
    part.save(out)?;
    let Some(parts) = Part::done(out, &fingerprint)? else {
        let missing = Part::missing(out, &fingerprint, share.count)?;
        return Ok(Prepared::Part { missing, origin: Box::new(manifest.origin) });
    };
    parts.iter().filter(|other| **other != part).try_for_each(|other| other.verify(out))?;
    Part::join(parts, &mut manifest);
    refuse_empty(out, &manifest)?;
    manifest.save_among_others(out)?;
    manifest.sweep(out)?;
    Ok(Prepared::Whole(Box::new(manifest)))
}

/// The corpora of `plan`, and a manifest of what they would become without a row yet.
fn begin(
    plan: &PreparePlan,
    tokenizer: &Tokenizer,
) -> Result<(Vec<Option<Corpus>>, Manifest), Error> {
    plan.config.check()?;
    let corpora = source::load(plan)?;
    plan.config.selection.check_names(corpora.iter().flatten().map(Corpus::schema))?;
    showing::check(plan, &corpora)?;
    let shown = showing::fingerprints(plan, &corpora)?;
    let manifest = Manifest::new(Origin { shown, ..origin(plan, &corpora, tokenizer)? })?;
    Ok((corpora, manifest))
}

/// Makes the rows of a share.
fn make(
    plan: &PreparePlan,
    corpora: &[Option<Corpus>],
    tokenizer: &Tokenizer,
    (out, fingerprint, share): (&Path, &str, Share),
    progress: &dyn Fn(Progress),
) -> Result<Part, Error> {
    let known = Part::known(out, fingerprint)?;
    let part = Part::new(fingerprint, share);
    let mine: Vec<&part::Block> = known.values().filter(|it| it.place.is_of(share)).collect();
    let journal = Journal::begin(out, &part, &mine)?;
    let mut work = work::Work { plan, tokenizer, progress, out, share, known, journal, part };
    let mut definitions = HashSet::new();
    for (dataset, (source, corpus)) in plan.datasets.iter().zip(corpora).enumerate() {
        match (source, corpus) {
            (Source::Corpus { split, .. }, Some(corpus)) => {
                work.corpus(dataset, corpus, split, &mut definitions)?
            }
            (Source::RandomCopy { samples }, _) => work.random_copy(dataset, *samples)?,
            (Source::Corpus { .. }, None) => {}
        }
    }
    Ok(work.part)
}

/// A set without a row is an error of the recipe.
fn refuse_empty(out: &Path, manifest: &Manifest) -> Result<(), Error> {
    if manifest.total.samples > 0 {
        return Ok(());
    }
    Err(Error::declaration(
        out,
        format!(
            "the datasets give no sample: {} were refused as longer than {} tokens, {} left out without objects",
            manifest.refused.len(),
            manifest.origin.config.max_length,
            manifest.left_out.values().sum::<usize>(),
        ),
    ))
}

/// Refuses shards that were prepared elsewhere, for something else than `plan`.
///
/// Nothing is asked of the corpora, which need not be here: what their files held, and which of their
/// sentences were left out, is what the manifest says.
pub fn check_given(
    plan: &PreparePlan,
    tokenizer: &Tokenizer,
    given: &Manifest,
    place: &Path,
) -> Result<(), Error> {
    plan.config.check()?;
    let mut wanted = origin(plan, &source::load(plan)?, tokenizer)?;
    let given = &given.origin;
    wanted.removed = given.removed.clone();
    wanted.shown = given.shown.clone();
    for source in &mut wanted.sources {
        let same = given.sources.iter().find(|given| given.reference == source.reference);
        source.bytes = same.map(|given| given.bytes.clone()).unwrap_or_default();
    }
    if wanted == *given {
        return Ok(());
    }
    Err(Error::declaration(
        place,
        format!(
            "these shards were prepared for another recipe (theirs → this one): {}; prepare them with this one, or train with theirs",
            given.changes(&wanted).join("; ")
        ),
    ))
}

/// Everything that decides the rows of `plan`, but for what prompts show of training text.
fn origin(
    plan: &PreparePlan,
    corpora: &[Option<Corpus>],
    tokenizer: &Tokenizer,
) -> Result<Origin, Error> {
    // Where a bank lies decides no row; what it says is hashed.
    let prompt = PromptConfig { paraphrases: None, ..plan.config.prompt.clone() };
    Ok(Origin {
        kind: plan.kind,
        both_directions: plan.both_directions,
        config: PrepareConfig { prompt, ..plan.config.clone() },
        sources: source::origins(plan, corpora)?,
        removed: source::removed(plan),
        shown: BTreeMap::new(),
        template: template_fingerprint(&plan.config.prompt),
        tokenizer: tokenizer.fingerprint(),
    })
}

/// What lies in `out` and is just what `wanted` asks for; why what lies there is not.
fn ready(out: &Path, wanted: &Manifest) -> Result<Option<Manifest>, String> {
    if !Manifest::exists(out) {
        return Ok(None);
    }
    let ready = match Manifest::load(out) {
        Ok(ready) => ready,
        Err(error) => return Err(format!("their manifest cannot be read: {error}")),
    };
    if ready.fingerprint != wanted.fingerprint {
        let changes = match ready.origin.changes(&wanted.origin).as_slice() {
            [] => "the format of shards".to_owned(),
            changes => changes.join("; "),
        };
        return Err(format!("they were made from something else: {changes}"));
    }
    match ready.verify(out) {
        Ok(()) => Ok(Some(ready)),
        Err(error) => Err(format!("a file of theirs is not what they say: {error}")),
    }
}

impl PrepareConfig {
    fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::declaration(Path::new("[prepare]"), message));
        if let Err(message) = self.prompt.check() {
            return wrong(message);
        }
        if self.group == 0 {
            return wrong("group = 0: a group has at least 1 sample".to_owned());
        }
        self.selection.check().or_else(wrong)
    }
}

/// What one unit of work gives: groups of rows, and what was refused.
#[derive(Default)]
struct Output {
    groups: Vec<Vec<Sample>>,
    refused: Vec<Refused>,
    /// Samples that have fewer demonstrations than were drawn.
    fewer_shots: usize,
    /// What was offered and which objects were asked for; tokens are counted on the rows.
    effect: Option<Effect>,
}
