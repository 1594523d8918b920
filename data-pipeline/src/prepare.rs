//! Corpora become shards.
//!
//! What a row holds is a function of corpus, templates, tokenizer and seed alone: neither threads
//! nor the order of work can change it. No sample is cut: one that is too long gets fewer classes,
//! then its classes in parts that together keep every label, and else is refused by name.

mod copy;
mod draw;
mod fit;
mod lesson;
mod likeness;
mod selection;
mod source;
#[cfg(test)]
mod tests;

pub use selection::{Overlong, Selection, SelectionMode};
pub use source::{Source, side_id};

use crate::corpus::Corpus;
use crate::effect::Effect;
use crate::error::Error;
use crate::manifest::{Manifest, Origin, Refused};
use crate::prompt::{PromptConfig, template_fingerprint};
use crate::shard::{Sample, ShardWriter};
use crate::tokenizer::Tokenizer;
use lesson::Lesson;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// Rows of a Parquet file.
const ROWS_PER_FILE: usize = 65_536;

/// Units of work between two reports of progress.
const CHUNK: usize = 256;

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
        /// What is wrong with them.
        reason: &'static str,
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
    for (source, corpus) in plan.datasets.iter().zip(corpora) {
        if let (Source::Corpus { split, .. }, Some(corpus)) = (source, corpus) {
            corpus.files(split)?;
        }
    }
    Ok(())
}

/// Prepares `plan` into `out` and returns the manifest; does nothing if `out` holds just that.
///
/// The directory exists for readers only when this has returned: the manifest is written last.
pub fn prepare(
    plan: &PreparePlan,
    tokenizer: &Tokenizer,
    out: &Path,
    progress: &dyn Fn(Progress),
) -> Result<Manifest, Error> {
    plan.config.check()?;
    let corpora = source::load(plan)?;
    plan.config.selection.check_names(corpora.iter().flatten().map(Corpus::schema))?;
    let origin = Origin {
        kind: plan.kind,
        both_directions: plan.both_directions,
        config: plan.config.clone(),
        sources: source::origins(plan, &corpora)?,
        removed: source::removed(plan),
        template: template_fingerprint(&plan.config.prompt),
        tokenizer: tokenizer.fingerprint(),
    };
    let manifest = Manifest::new(origin)?;
    match ready(out, &manifest) {
        Ok(Some(ready)) => return Ok(ready),
        Ok(None) => {}
        Err(reason) => progress(Progress::Again { reason }),
    }
    Manifest::clear(out)?;
    let writer = ShardWriter::create(out, ROWS_PER_FILE);
    let mut work = Work { plan, tokenizer, progress, out, writer, manifest, next_group: 0 };
    let mut known = HashSet::new();
    for (source, corpus) in plan.datasets.iter().zip(&corpora) {
        match (source, corpus) {
            (Source::Corpus { split, .. }, Some(corpus)) => {
                work.corpus(corpus, split, &mut known)?
            }
            (Source::RandomCopy { samples }, _) => work.random_copy(*samples)?,
            (Source::Corpus { .. }, None) => {}
        }
    }
    let Work { writer, mut manifest, .. } = work;
    if manifest.total.samples == 0 {
        return Err(Error::declaration(
            out,
            format!(
                "the datasets give no sample: {} were refused as longer than {} tokens, {} left out without objects",
                manifest.refused.len(),
                plan.config.max_length,
                manifest.left_out.values().sum::<usize>(),
            ),
        ));
    }
    manifest.files = writer.finish()?;
    manifest.save(out)?;
    Ok(manifest)
}

/// What lies in `out` and is just what `wanted` asks for; why what lies there is not.
fn ready(out: &Path, wanted: &Manifest) -> Result<Option<Manifest>, &'static str> {
    if !Manifest::exists(out) {
        return Ok(None);
    }
    let ready = Manifest::load(out).map_err(|_| "their manifest cannot be read")?;
    if ready.fingerprint != wanted.fingerprint {
        return Err("they were made from other data, settings or another vocabulary");
    }
    ready.verify(out).map_err(|_| "a file of theirs is not the one that their manifest names")?;
    Ok(Some(ready))
}

impl PrepareConfig {
    fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::declaration(Path::new("[prepare]"), message));
        if self.group == 0 {
            return wrong("group = 0: a group has at least 1 sample".to_owned());
        }
        self.selection.check().or_else(wrong)
    }
}

/// A preparation under way.
struct Work<'a> {
    plan: &'a PreparePlan,
    tokenizer: &'a Tokenizer,
    progress: &'a dyn Fn(Progress),
    out: &'a Path,
    writer: ShardWriter,
    manifest: Manifest,
    next_group: u32,
}

/// What one unit of work gives: groups of rows, and what was refused.
#[derive(Default)]
struct Output {
    groups: Vec<Vec<Sample>>,
    refused: Vec<Refused>,
    /// What was offered and which objects were asked for; tokens are counted on the rows.
    effect: Option<Effect>,
}

impl Work<'_> {
    fn corpus(
        &mut self,
        corpus: &Corpus,
        split: &str,
        known: &mut HashSet<String>,
    ) -> Result<(), Error> {
        let (plan, tokenizer) = (self.plan, self.tokenizer);
        let (sentences, pairs) = source::read(plan, corpus, split, self.out, &mut self.manifest)?;
        if plan.kind == Kind::SchemaUnderstanding {
            let texts = lesson::texts(corpus, split, &sentences, &plan.config.prompt, known);
            let name = format!("{}:{split}", corpus.name());
            return self.run(&name, texts.len(), |unit| {
                texts[unit].output(corpus.name(), &plan.config, tokenizer)
            });
        }
        let lessons = match plan.kind {
            Kind::Alignment => vec![Lesson::alignment(corpus, split, &pairs)],
            _ => Lesson::instruction(corpus, split, &sentences),
        };
        for lesson in &lessons {
            let drawn = draw::draw(lesson, &plan.config);
            if drawn.left_out > 0 {
                self.manifest.left_out.insert(lesson.name.clone(), drawn.left_out);
            }
            let labels = lesson.items.iter().map(|item| item.objects.len()).sum::<usize>();
            self.manifest.effect(lesson.dataset, &lesson.task_name).labels += labels;
            let fit = fit::Fit { lesson, config: &plan.config, tokenizer };
            self.run(&lesson.name, drawn.groups.len(), |unit| fit.output(&drawn.groups[unit]))?;
        }
        Ok(())
    }

    fn random_copy(&mut self, samples: usize) -> Result<(), Error> {
        let (seed, limit, tokenizer) =
            (self.plan.config.seed, self.plan.config.max_length, self.tokenizer);
        let copy = copy::Copy::new(seed, limit, tokenizer)?;
        self.run(source::RANDOM_COPY, samples, |unit| copy.output(unit))
    }

    /// Does `total` units on all cores and writes what they give in their order.
    fn run(
        &mut self,
        dataset: &str,
        total: usize,
        unit: impl Fn(usize) -> Output + Sync,
    ) -> Result<(), Error> {
        let progress = self.progress;
        let report = |done| progress(Progress::Groups { dataset: dataset.to_owned(), done, total });
        report(0);
        for start in (0..total).step_by(CHUNK) {
            let end = total.min(start + CHUNK);
            let outputs: Vec<Output> = (start..end).into_par_iter().map(&unit).collect();
            for Output { groups, refused, effect } in outputs {
                self.manifest.refused.extend(refused);
                if let Some(effect) = effect {
                    self.manifest.effect(&effect.dataset, &effect.task).merge(&effect);
                }
                for group in groups {
                    for (place, mut sample) in group.into_iter().enumerate() {
                        sample.group = self.next_group;
                        self.manifest.count(&sample, place == 0);
                        self.writer.write(sample)?;
                    }
                    self.next_group += 1;
                }
            }
            report(end);
        }
        Ok(())
    }
}
