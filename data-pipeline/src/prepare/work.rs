//! A preparation under way: corpora are read once, and their rows made block by block.
//!
//! Blocks are made on all cores, one a core, so that no more of them are open than there are cores;
//! the last few, fewer than cores, are made one after another with all cores in each.

use super::draw::{self, Drawn};
use super::lesson::{self, Lesson, Outline};
use super::part::{Block, Journal, Part, Place};
use super::showing::{Context, Showing};
use super::spill::{Spill, Spilled};
use super::{Kind, Output, PreparePlan, Progress, copy, fit, source};
use crate::corpus::{Corpus, Rest, write_quarantine};
use crate::effect::{self, Effect};
use crate::error::Error;
use crate::manifest::Tally;
use crate::order::Share;
use crate::sentence::{Parallel, Sentence};
use crate::shard::ShardWriter;
use crate::tokenizer::Tokenizer;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

/// Samples of a block, if none is split or refused.
pub(super) const SAMPLES: usize = 16_384;

/// Groups that are made at once before they are written, by one core and by all of them.
const AT_ONCE: [usize; 2] = [16, 256];

/// Sentences between two reports of reading.
const READ: usize = 65_536;

/// A preparation under way.
pub(super) struct Work<'a> {
    pub plan: &'a PreparePlan,
    pub tokenizer: &'a Tokenizer,
    pub progress: &'a dyn Fn(Progress),
    pub out: &'a Path,
    pub share: Share,
    /// Blocks that were made before.
    pub known: HashMap<Place, Block>,
    pub journal: Journal,
    pub part: Part,
}

/// One lesson, or what has its place.
struct Task {
    dataset: usize,
    lesson: usize,
    name: String,
    /// Units of work.
    units: usize,
    /// How many of them are a block.
    per_block: usize,
    /// What is counted over all units at once: the first block says it.
    whole: Option<Effect>,
}

/// Makes the blocks of a task.
struct Maker<'a, F> {
    task: &'a Task,
    unit: F,
    out: &'a Path,
    known: &'a HashMap<Place, Block>,
    /// The longest sample, in tokens.
    limit: usize,
    /// Set when something failed.
    stop: AtomicBool,
}

/// What the makers tell.
enum Told {
    Units(usize),
    /// A block, and whether it was there before.
    Block(Box<Block>, bool),
    Failed(Error),
}

impl Work<'_> {
    /// Makes this share's rows of one dataset.
    pub(super) fn corpus(
        &mut self,
        dataset: usize,
        corpus: &Corpus,
        split: &str,
        known: &mut HashSet<String>,
    ) -> Result<(), Error> {
        match self.plan.kind {
            Kind::Alignment => self.alignment(dataset, corpus, split),
            Kind::SchemaUnderstanding => self.texts(dataset, corpus, split, known),
            Kind::Instruction | Kind::RandomCopy => self.instruction(dataset, corpus, split),
        }
    }

    /// Makes this share's rows of random copying.
    pub(super) fn random_copy(&mut self, dataset: usize, samples: usize) -> Result<(), Error> {
        let (seed, limit, tokenizer) =
            (self.plan.config.seed, self.plan.config.max_length, self.tokenizer);
        let copy = copy::Copy::new(seed, limit, tokenizer)?;
        let name = source::RANDOM_COPY.to_owned();
        let task =
            Task { dataset, lesson: 0, name, units: samples, per_block: SAMPLES, whole: None };
        self.run(&task, |unit| Ok(copy.output(unit)))
    }

    fn instruction(&mut self, dataset: usize, corpus: &Corpus, split: &str) -> Result<(), Error> {
        let mut outlines = Outline::instruction(corpus, split, &self.plan.config.selection);
        let sentences = self.sentences(dataset, corpus, split, |at, sentence| {
            outlines.iter_mut().for_each(|outline| outline.add_sentence(at, sentence));
        })?;
        let (plan, tokenizer) = (self.plan, self.tokenizer);
        let context = Context::of(plan, corpus)?;
        for (number, outline) in outlines.iter().enumerate() {
            let showing = self.showing(&context, outline)?;
            self.lesson((dataset, number), (corpus, outline), |drawn, group| {
                let at = drawn.items(group).into_iter().map(|item| outline.items[item].at);
                let taken = at.map(|at| sentences.get(at as usize));
                let sentences = taken.collect::<Result<Vec<_>, Error>>()?;
                let (schema, task) = (corpus.schema(), outline.task);
                let lesson = Lesson::extraction(corpus.name(), schema, task, &sentences);
                let lesson = lesson.show(&showing);
                let fit = fit::Fit { lesson: &lesson, config: &plan.config, tokenizer };
                Ok(drawn.group(group, &lesson).map(|group| fit.output(&group)))
            })?;
        }
        Ok(())
    }

    fn alignment(&mut self, dataset: usize, corpus: &Corpus, split: &str) -> Result<(), Error> {
        let target = self.plan.config.prompt.alignment;
        let selection = &self.plan.config.selection;
        let mut outline = Outline::alignment(corpus, split, selection, target);
        let mut spill = Spill::create(self.out)?;
        let mut count = 0;
        let rest = source::each_pair(self.plan, corpus, split, &mut |pair| {
            outline.add_pair(count, &pair);
            count += 1;
            self.read(corpus, split, count);
            spill.push(&pair)
        })?;
        self.keep(dataset, corpus, split, &rest)?;
        if self.plan.both_directions {
            outline.add_reversed();
        }
        let pairs: Spilled<Parallel> = spill.finish()?;
        let (plan, tokenizer) = (self.plan, self.tokenizer);
        let context = Context::of(plan, corpus)?;
        let showing = self.showing(&context, &outline)?;
        self.lesson((dataset, 0), (corpus, &outline), |drawn, group| {
            let pair = |item: usize| match outline.items[item].at as usize {
                at if at < count => pairs.get(at),
                at => Ok(pairs.get(at - count)?.reversed()),
            };
            let taken = drawn.items(group).into_iter().map(pair);
            let pairs = taken.collect::<Result<Vec<_>, Error>>()?;
            let lesson = Lesson::alignment(corpus, &pairs, target).show(&showing);
            let fit = fit::Fit { lesson: &lesson, config: &plan.config, tokenizer };
            Ok(drawn.group(group, &lesson).map(|group| fit.output(&group)))
        })
    }

    fn texts(
        &mut self,
        dataset: usize,
        corpus: &Corpus,
        split: &str,
        known: &mut HashSet<String>,
    ) -> Result<(), Error> {
        let sentences = self.sentences(dataset, corpus, split, |_, _| {})?;
        let (plan, tokenizer) = (self.plan, self.tokenizer);
        let config = &plan.config;
        let shown = Context::of(plan, corpus)?.shown;
        let definitions = lesson::definitions(corpus, split, &shown, &config.prompt, known);
        let (tasks, count) = (lesson::tasks_of_texts(corpus), sentences.len());
        let name = format!("{}:{split}", corpus.name());
        let units = definitions.len() + tasks.len() * count;
        let task = Task { dataset, lesson: 0, name, units, per_block: SAMPLES, whole: None };
        self.run(&task, |unit| {
            if let Some(definition) = definitions.get(unit) {
                return Ok(definition.output(corpus.name(), config, tokenizer));
            }
            let unit = unit - definitions.len();
            let sentence = sentences.get(unit % count)?;
            let task = tasks[unit / count];
            let text = lesson::instances(&shown.schema, task, &sentence, &config.prompt);
            Ok(text.output(corpus.name(), config, tokenizer))
        })
    }

    /// What the prompts of a lesson show; every share counts what there is to show.
    fn showing<'c>(
        &mut self,
        context: &'c Context,
        outline: &Outline<'_>,
    ) -> Result<Showing<'c>, Error> {
        let showing = Showing::of(context, outline, self.plan)?;
        if let Some(made) = showing.made() {
            self.part.shots.insert(outline.name.clone(), made);
        }
        Ok(showing)
    }

    /// Reads the sentences of a split, showing each to `see`.
    fn sentences(
        &mut self,
        dataset: usize,
        corpus: &Corpus,
        split: &str,
        mut see: impl FnMut(usize, &Sentence),
    ) -> Result<Spilled<Sentence>, Error> {
        let mut spill = Spill::create(self.out)?;
        let mut count = 0;
        let rest = source::each_sentence(self.plan, corpus, split, &mut |sentence| {
            see(count, &sentence);
            count += 1;
            self.read(corpus, split, count);
            spill.push(&sentence)
        })?;
        self.keep(dataset, corpus, split, &rest)?;
        spill.finish()
    }

    /// Tells now and then how many sentences were read.
    fn read(&self, corpus: &Corpus, split: &str, sentences: usize) {
        if sentences.is_multiple_of(READ) {
            let dataset = format!("{}:{split}", corpus.name());
            let declared = corpus.declared_sentences(split);
            (self.progress)(Progress::Reading { dataset, sentences, declared });
        }
    }

    /// Keeps rows that do not fit beside the shards: one share does, and all know how many.
    fn keep(
        &mut self,
        dataset: usize,
        corpus: &Corpus,
        split: &str,
        rest: &Rest,
    ) -> Result<(), Error> {
        if rest.misfits == 0 {
            return Ok(());
        }
        if dataset % self.share.count == self.share.index {
            let file = format!("quarantine-{}-{split}.jsonl", corpus.name());
            write_quarantine(&self.out.join(file), &rest.quarantined)?;
        }
        self.part.quarantined.insert(format!("{}:{split}", corpus.name()), rest.misfits);
        Ok(())
    }

    /// Draws the groups of a lesson and makes what `output` makes of the one with a number, if there
    /// is something to ask.
    fn lesson(
        &mut self,
        (dataset, lesson): (usize, usize),
        (corpus, outline): (&Corpus, &Outline<'_>),
        output: impl Fn(&Drawn<'_>, usize) -> Result<Option<Output>, Error> + Sync,
    ) -> Result<(), Error> {
        let config = &self.plan.config;
        let drawn = draw::draw(outline, config);
        if drawn.left_out > 0 {
            self.part.left_out.insert(outline.name.clone(), drawn.left_out);
        }
        let per_block = (SAMPLES / config.group).max(1);
        let mut effect = Effect::of(corpus.name(), &outline.task_name);
        effect.labels = outline.labels;
        let (name, units, whole) = (outline.name.clone(), drawn.len(), Some(effect));
        let task = Task { dataset, lesson, name, units, per_block, whole };
        self.run(&task, |unit| Ok(output(&drawn, unit)?.unwrap_or_default()))
    }

    /// Makes this share's blocks of a task.
    fn run(
        &mut self,
        task: &Task,
        unit: impl Fn(usize) -> Result<Output, Error> + Sync,
    ) -> Result<(), Error> {
        let blocks: Vec<Place> = task.blocks().filter(|place| place.is_of(self.share)).collect();
        let total = blocks.iter().map(|place| task.units_of(*place).len()).sum();
        let progress = self.progress;
        let report = |done| progress(Progress::Groups { dataset: task.name.clone(), done, total });
        report(0);
        let stop = AtomicBool::new(false);
        let limit = self.plan.config.max_length;
        let maker = Maker { task, unit, out: self.out, known: &self.known, limit, stop };
        let (mut done, mut failed) = (0, None);
        std::thread::scope(|scope| {
            let (sender, told) = channel();
            let maker = &maker;
            scope.spawn(move || maker.all(&blocks, &sender));
            for told in told {
                let error = match told {
                    Told::Units(units) => {
                        done += units;
                        report(done);
                        None
                    }
                    Told::Block(block, was_there) => {
                        let noted = if was_there { Ok(()) } else { self.journal.note(&block) };
                        self.part.blocks.push(*block);
                        noted.err()
                    }
                    Told::Failed(error) => Some(error),
                };
                if error.is_some() {
                    maker.stop.store(true, Ordering::Relaxed);
                    failed = failed.take().or(error);
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }
}

impl Task {
    fn blocks(&self) -> impl Iterator<Item = Place> {
        let (dataset, lesson) = (self.dataset, self.lesson);
        let blocks = 0..self.units.div_ceil(self.per_block);
        blocks.map(move |number| Place { dataset, lesson, number })
    }

    /// The units of a block.
    fn units_of(&self, place: Place) -> Range<usize> {
        let start = place.number * self.per_block;
        start..self.units.min(start + self.per_block)
    }
}

impl<F: Fn(usize) -> Result<Output, Error> + Sync> Maker<'_, F> {
    /// Makes `blocks` on all cores.
    fn all(&self, blocks: &[Place], told: &Sender<Told>) {
        let cores = rayon::current_num_threads();
        let (across, within) = blocks.split_at(blocks.len() / cores * cores);
        across.par_iter().for_each_with(told.clone(), |told, place| self.one(*place, false, told));
        within.iter().for_each(|place| self.one(*place, true, told));
    }

    /// Makes a block, if it is not there, and tells of it.
    fn one(&self, place: Place, on_all_cores: bool, told: &Sender<Told>) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let is_whole = |block: &&Block| match &block.file {
            Some(file) => file.name == place.name() && file.verify(self.out, "").is_ok(),
            None => true,
        };
        let made = match self.known.get(&place).filter(is_whole) {
            Some(block) => {
                // Nobody listens any more where another block has failed.
                let _ = told.send(Told::Units(self.task.units_of(place).len()));
                Ok(Some((block.clone(), true)))
            }
            None => self.make(place, on_all_cores, told).map(|made| made.map(|it| (it, false))),
        };
        let _ = match made {
            Ok(Some((block, was_there))) => told.send(Told::Block(Box::new(block), was_there)),
            Ok(None) => Ok(()),
            Err(error) => told.send(Told::Failed(error)),
        };
    }

    /// Makes a block; none if something else has failed meanwhile.
    fn make(
        &self,
        place: Place,
        on_all_cores: bool,
        told: &Sender<Told>,
    ) -> Result<Option<Block>, Error> {
        let mut writer = ShardWriter::create(self.out, &place.name());
        let (mut tally, mut next) = (Tally::default(), 0);
        if place.number == 0 {
            tally.effects.extend(self.task.whole.clone());
        }
        let at_once = AT_ONCE[usize::from(on_all_cores)];
        let Range { start, end } = self.task.units_of(place);
        for start in (start..end).step_by(at_once) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let units = start..end.min(start + at_once);
            let count = units.len();
            let outputs: Vec<Result<Output, Error>> = match on_all_cores {
                true => units.into_par_iter().map(&self.unit).collect(),
                false => units.map(&self.unit).collect(),
            };
            for output in outputs {
                let Output { groups, refused, fewer_shots, effect } = output?;
                tally.refused.extend(refused);
                tally.add_fewer_shots(&self.task.name, fewer_shots);
                if let Some(effect) = effect {
                    effect::add(&mut tally.effects, &effect);
                }
                for group in groups {
                    for (index, mut sample) in group.into_iter().enumerate() {
                        sample.group = next;
                        tally.count(&sample, index == 0, self.limit);
                        writer.write(sample)?;
                    }
                    next += 1;
                }
            }
            let _ = told.send(Told::Units(count));
        }
        Ok(Some(Block { place, file: writer.finish()?, tally }))
    }
}
