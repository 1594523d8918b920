//! The pairs of a corpus in two languages, each side assembled under the labels it was annotated with.

use super::assembly::Assembly;
use super::declaration::{Reader, Split};
use super::labels::Labels;
use super::row::Row;
use super::source::{Ends, Pieces};
use super::{Corpus, Counts, Found, frames, joined, stream, translations, uner_parallel};
use crate::{Error, Parallel};
use std::collections::BTreeMap;
use std::path::PathBuf;

impl Corpus {
    /// What the split `name` of a parallel corpus holds.
    pub(super) fn found_pairs(
        &self,
        name: &str,
        split: &Split,
        take: &mut dyn FnMut(Parallel) -> Result<(), Error>,
    ) -> Result<Found, Error> {
        let find = |file: &str| self.find(file);
        let path = &self.declaration.path;
        if !self.declaration.parallel {
            let name = &self.declaration.name;
            let message =
                format!("`{name}` is not parallel: the phase `alignment` needs `parallel = true`");
            return Err(Error::declaration(path, message));
        }
        let own = [self.labels(), self.labels()];
        let in_step =
            matches!(&self.declaration.reader, Reader::Joined(options) if options.in_step);
        match &self.declaration.reader {
            Reader::UnerParallel(options) => {
                let pairs = uner_parallel::pairs(options, split.pairs.unwrap_or_default(), find)?;
                let mut assemblies = self.assemblies(name, own, in_step);
                pairs.into_iter().try_for_each(|pair| assemblies.pair(pair, take))?;
                Ok(assemblies.found())
            }
            Reader::Frames(options) => {
                let pairs = frames::pairs(options, &self.declaration, split, find)?;
                let mut assemblies = self.assemblies(name, own, in_step);
                pairs.into_iter().try_for_each(|pair| assemblies.pair(pair, take))?;
                Ok(assemblies.found())
            }
            Reader::Joined(options) => {
                let sides = options.load(path, &self.data_root)?;
                let pairs = joined::pairs(path, [&sides[0], &sides[1]], name)?;
                let mut assemblies =
                    self.assemblies(name, [sides[0].labels(), sides[1].labels()], in_step);
                pairs.into_iter().try_for_each(|pair| assemblies.pair(pair, take))?;
                Ok(assemblies.found())
            }
            Reader::Translations(options) => {
                let gold = options.gold(path, &self.data_root)?;
                let mut assemblies = self.assemblies(name, own, in_step);
                let mut left_out = BTreeMap::new();
                for file in self.files_of(split) {
                    let pieces = Pieces::open(&self.find(&file)?, Ends::Line)?;
                    stream::in_order(
                        pieces,
                        |piece| translations::pairs(piece, options, &gold),
                        |found| {
                            for (reason, count) in found.left_out {
                                *left_out.entry(reason).or_default() += count;
                            }
                            let mut pairs = found.pairs.into_iter();
                            pairs.try_for_each(|pair| assemblies.pair(pair, take))
                        },
                    )?;
                }
                let found = assemblies.found();
                Ok(Found { dropped: sum(found.dropped, left_out), ..found })
            }
            _ => Ok(self.assemblies(name, own, in_step).found()),
        }
    }

    /// Every file that a corpus made of other corpora depends on, their declarations among them.
    pub(super) fn files_of_sides(&self, split: &str) -> Result<Vec<PathBuf>, Error> {
        let (path, root) = (&self.declaration.path, &self.data_root);
        let mut files = Vec::new();
        let sides = match &self.declaration.reader {
            Reader::Joined(options) => {
                options.load(path, root)?.map(|side| (side, split.to_owned())).into()
            }
            Reader::Translations(options) => {
                let own = self.declaration.split(split)?;
                files.extend(self.files_of(own).iter().map(|file| self.place(file)));
                options.load(path, root)?
            }
            _ => Vec::new(),
        };
        for (side, split) in sides {
            files.extend(side.files(&split)?);
            files.push(side.declaration.path.clone());
        }
        Ok(files)
    }

    /// Nothing yet of the split `name`, for each side.
    fn assemblies<'a>(
        &'a self,
        name: &str,
        labels: [Labels<'a>; 2],
        in_step: bool,
    ) -> Assemblies<'a> {
        // `Declaration::check` has seen that a parallel corpus names two languages.
        let (source, target) = self.declaration.languages().unwrap_or_default();
        let name = format!("{}/{name}", self.declaration.name);
        let [of_source, of_target] = labels;
        let mut sources = Assembly::new(name.clone(), source, of_source);
        let mut targets = Assembly::new(name, target, of_target);
        (sources.in_step, targets.in_step) = (in_step, in_step);
        Assemblies { sources, targets, pairs: 0 }
    }
}

/// Both sides of the pairs as they come.
struct Assemblies<'a> {
    sources: Assembly<'a>,
    targets: Assembly<'a>,
    pairs: usize,
}

impl Assemblies<'_> {
    /// Hands on a pair of two rows that fit.
    fn pair(
        &mut self,
        (source, target): (Row, Row),
        take: &mut dyn FnMut(Parallel) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sides = (self.sources.sentence(source)?, self.targets.sentence(target)?);
        let (Some(source), Some(target)) = sides else { return Ok(()) };
        self.pairs += 1;
        take(Parallel { source, target })
    }

    fn found(self) -> Found {
        let Self { sources, mut targets, pairs } = self;
        let mut quarantined = sources.quarantined;
        quarantined.append(&mut targets.quarantined);
        let counts = Counts {
            sentences: pairs,
            entities: sources.counts.entities + targets.counts.entities,
            relations: sources.counts.relations + targets.counts.relations,
            events: sources.counts.events + targets.counts.events,
        };
        let dropped = sum(sources.dropped, targets.dropped);
        Found { quarantined, misfits: sources.misfits + targets.misfits, dropped, counts }
    }
}

/// Counts of both.
fn sum(
    mut one: BTreeMap<String, usize>,
    other: BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    for (label, count) in other {
        *one.entry(label).or_default() += count;
    }
    one
}
