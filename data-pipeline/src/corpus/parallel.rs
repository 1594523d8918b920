//! The pairs of a corpus in two languages, each side assembled under the labels it was annotated with.

use super::assembly::Assembly;
use super::declaration::{Reader, Split};
use super::labels::Labels;
use super::row::Row;
use super::source::Source;
use super::{Corpus, Counts, Found, frames, joined, translations, uner_parallel};
use crate::{Error, Parallel};
use std::collections::BTreeMap;
use std::path::PathBuf;

impl Corpus {
    /// What the split `name` of a parallel corpus holds.
    pub(super) fn found_pairs(&self, name: &str, split: &Split) -> Result<Found<Parallel>, Error> {
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
                self.assembled(name, pairs, own, in_step)
            }
            Reader::Frames(options) => {
                let pairs = frames::pairs(options, &self.declaration, split, find)?;
                self.assembled(name, pairs, own, in_step)
            }
            Reader::Joined(options) => {
                let sides = options.load(path, &self.data_root)?;
                let pairs = joined::pairs(path, [&sides[0], &sides[1]], name)?;
                self.assembled(name, pairs, [sides[0].labels(), sides[1].labels()], in_step)
            }
            Reader::Translations(options) => {
                let gold = options.gold(path, &self.data_root)?;
                let (mut pairs, mut left_out) = (Vec::new(), BTreeMap::new());
                for file in self.files_of(split) {
                    let found =
                        translations::pairs(&Source::open(&self.find(&file)?)?, options, &gold);
                    pairs.extend(found.pairs);
                    for (reason, count) in found.left_out {
                        *left_out.entry(reason).or_default() += count;
                    }
                }
                let found = self.assembled(name, pairs, own, in_step)?;
                Ok(Found { dropped: sum(found.dropped, left_out), ..found })
            }
            _ => self.assembled(name, Vec::new(), own, in_step),
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

    fn assembled(
        &self,
        name: &str,
        pairs: Vec<(Row, Row)>,
        labels: [Labels<'_>; 2],
        in_step: bool,
    ) -> Result<Found<Parallel>, Error> {
        // `Declaration::check` has seen that a parallel corpus names two languages.
        let (source, target) = self.declaration.languages().unwrap_or_default();
        let name = format!("{}/{name}", self.declaration.name);
        let [of_source, of_target] = labels;
        let mut sources = Assembly::new(name.clone(), source, of_source);
        let mut targets = Assembly::new(name, target, of_target);
        (sources.in_step, targets.in_step) = (in_step, in_step);
        let mut items = Vec::new();
        for (source, target) in pairs {
            let (source, target) = (sources.sentence(source)?, targets.sentence(target)?);
            items.extend(source.zip(target).map(|(source, target)| Parallel { source, target }));
        }
        let mut quarantined = sources.quarantined;
        quarantined.append(&mut targets.quarantined);
        let counts = Counts {
            sentences: items.len(),
            entities: sources.counts.entities + targets.counts.entities,
            relations: sources.counts.relations + targets.counts.relations,
            events: sources.counts.events + targets.counts.events,
        };
        let dropped = sum(sources.dropped, targets.dropped);
        Ok(Found { items, quarantined, dropped, counts })
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
