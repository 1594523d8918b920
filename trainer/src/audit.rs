//! A recipe's training data held against its benchmarks.

use crate::evaluate::{declaration, split};
use crate::{Error, Recipe};
use data_pipeline::audit::{
    Bridge, Conflict, Conflicts, Kind, Overlap, Role, THRESHOLD, Texts, Watch, overlaps,
};
use data_pipeline::corpus::Corpus;
use data_pipeline::prepare::{Removed, Source, side_id};
use data_pipeline::{Parallel, Sentence};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The `[audit]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Leaks that are known and wanted: `"benchmark:split in training:split"`, or `"benchmark:split"`
    /// for whatever it is found in.
    pub waive: Vec<String>,
    /// Leaves the sentences of every other leak out of the training data.
    pub remove: bool,
    /// Share of common shingles from which on two texts are near duplicates.
    pub threshold: f64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { waive: Vec::new(), remove: false, threshold: THRESHOLD }
    }
}

impl AuditConfig {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return Err(format!(
                "audit.threshold is {}, expected more than 0 and at most 1",
                self.threshold
            ));
        }
        let is_dataset = |name: &str| {
            name.split_once(':').is_some_and(|(name, split)| {
                !name.is_empty() && !split.is_empty() && !split.contains([' ', ':'])
            })
        };
        let is_waiver = |waiver: &&String| match waiver.split_once(" in ") {
            Some((benchmark, trained)) => is_dataset(benchmark) && is_dataset(trained),
            None => is_dataset(waiver),
        };
        match self.waive.iter().find(|waiver| !is_waiver(waiver)) {
            Some(waiver) => Err(format!(
                "audit.waive has `{waiver}`; write `benchmark:split in training:split`, or `benchmark:split` for all of training"
            )),
            None => Ok(()),
        }
    }

    fn waives(&self, leak: &Overlap) -> bool {
        self.waive.iter().any(|waiver| *waiver == leak.dataset || *waiver == waiver_of(leak))
    }
}

/// What waives a leak.
pub fn waiver_of(leak: &Overlap) -> String {
    format!("{} in {}", leak.dataset, leak.other)
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Audit {
    /// Datasets that share sentences, leaks first.
    pub overlaps: Vec<Overlap>,
    /// Mentions that two training corpora give different classes.
    pub conflicts: Vec<Conflict>,
    /// Parallel corpora over which translations were looked for.
    pub bridges: Vec<String>,
}

/// What a recipe reads: each dataset once.
#[derive(Default)]
struct Material {
    texts: Vec<Texts>,
    conflicts: Conflicts,
    bridges: Vec<Bridge>,
    bridged: Vec<String>,
    languages: [BTreeSet<String>; 2],
}

/// Reads everything that `recipe` trains on or asks about and compares it.
pub fn audit(recipe: &Recipe, data_root: &Path) -> Result<Audit, Error> {
    let mut material = Material::default();
    for dataset in trained(recipe) {
        material.read(recipe, data_root, &dataset, Role::Train)?;
    }
    for dataset in asked(recipe) {
        material.read(recipe, data_root, &dataset, Role::Benchmark)?;
    }
    material.bridge(recipe, data_root)?;
    Ok(Audit {
        overlaps: overlaps(&material.texts, &material.bridges, recipe.audit.threshold),
        conflicts: material.conflicts.found(),
        bridges: material.bridged,
    })
}

/// Training sentences that are compared at once.
const PASSING: usize = 4096;

/// The sentences that training must do without; an error if there are some and the recipe does not
/// say what is to become of them. Training data passes by; what is held are the benchmarks, and pairs
/// of parallel corpora.
pub fn removed(recipe: &Recipe, data_root: &Path) -> Result<Removed, Error> {
    if asked(recipe).is_empty() {
        return Ok(Removed::new());
    }
    let mut material = Material::default();
    for dataset in trained(recipe) {
        material.read_pairs(recipe, data_root, &dataset)?;
    }
    for dataset in asked(recipe) {
        material.read(recipe, data_root, &dataset, Role::Benchmark)?;
    }
    material.bridge(recipe, data_root)?;
    let mut watch = Watch::new(&material.texts, &material.bridges, recipe.audit.threshold);
    for dataset in trained(recipe) {
        pass(&mut watch, recipe, data_root, &dataset)?;
    }
    let (conflicts, bridges) = (Vec::new(), material.bridged);
    Audit { overlaps: watch.leaks(), conflicts, bridges }.removed(&recipe.audit)
}

/// Shows all sentences of a training set to `watch`.
fn pass(
    watch: &mut Watch<'_>,
    recipe: &Recipe,
    data_root: &Path,
    dataset: &str,
) -> Result<(), Error> {
    let corpus = Corpus::load(&declaration(&recipe.datasets, dataset), data_root)?;
    let split = split(dataset, "train");
    let mut passing = Vec::with_capacity(PASSING);
    let mut see = |id: String, text: String| {
        passing.push((id, text));
        if passing.len() == PASSING {
            watch.see(dataset, &passing);
            passing.clear();
        }
        Ok(())
    };
    if corpus.is_parallel() {
        corpus.each_pair(split, &mut |Parallel { source, target }| {
            see(side_id(&source), source.text)?;
            see(side_id(&target), target.text)
        })?;
    } else {
        corpus.each(split, &mut |sentence| see(sentence.id, sentence.text))?;
    }
    watch.see(dataset, &passing);
    Ok(())
}

/// What a split of a corpus is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A phase learns from it.
    Train,
    /// The model is asked about it.
    Benchmark,
    /// It may join a sentence of the one to its translation in the other; wanted only if it is there.
    Bridge,
}

/// A split of a corpus that a run, and so its audit, reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The declaration of the corpus.
    pub declaration: PathBuf,
    /// The split.
    pub split: String,
    /// What for.
    pub used: Use,
}

/// Everything that a run of `recipe` reads; no file of a corpus is looked at.
pub fn reads(recipe: &Recipe) -> Result<Vec<Reads>, Error> {
    let mut material = Material::default();
    let mut all = Vec::new();
    for (datasets, default, used) in
        [(trained(recipe), "train", Use::Train), (asked(recipe), "test", Use::Benchmark)]
    {
        for dataset in datasets {
            let declaration = declaration(&recipe.datasets, &dataset);
            let corpus = Corpus::load(&declaration, Path::new(""))?;
            let languages = &mut material.languages[usize::from(used == Use::Benchmark)];
            languages.extend(corpus.language().split('-').map(str::to_owned));
            all.push(Reads { declaration, split: split(&dataset, default).to_owned(), used });
        }
    }
    for declaration in declarations(recipe)? {
        let Ok(corpus) = Corpus::load(&declaration, Path::new("")) else { continue };
        if corpus.is_parallel() && material.joins(corpus.language()) {
            all.extend(corpus.splits().into_iter().map(|split| Reads {
                declaration: declaration.clone(),
                split: split.to_owned(),
                used: Use::Bridge,
            }));
        }
    }
    Ok(all)
}

/// Every declaration beside those of `recipe`, sorted.
fn declarations(recipe: &Recipe) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(&recipe.datasets).map_err(Error::read(&recipe.datasets))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    Ok(paths)
}

/// `name:split` of every corpus that a phase learns from.
fn trained(recipe: &Recipe) -> BTreeSet<String> {
    let sources = recipe.phase.iter().flat_map(|phase| &phase.datasets);
    sources.filter(|it| matches!(it, Source::Corpus { .. })).map(Source::to_string).collect()
}

/// `name:split` of every benchmark.
pub(crate) fn asked(recipe: &Recipe) -> BTreeSet<String> {
    let full = |dataset: &str| {
        let name = dataset.split(':').next().unwrap_or(dataset);
        format!("{name}:{}", split(dataset, "test"))
    };
    recipe.evaluation.benchmarks.iter().map(|benchmark| full(&benchmark.dataset)).collect()
}

impl Material {
    /// Notes the languages of a training set, and holds its pairs, if it has some.
    fn read_pairs(
        &mut self,
        recipe: &Recipe,
        data_root: &Path,
        dataset: &str,
    ) -> Result<(), Error> {
        let corpus = Corpus::load(&declaration(&recipe.datasets, dataset), data_root)?;
        self.languages[0].extend(corpus.language().split('-').map(str::to_owned));
        if corpus.is_parallel() {
            corpus.each_pair(split(dataset, "train"), &mut |pair| {
                self.bridges.push(bridge(&pair));
                Ok(())
            })?;
            self.bridged.push(dataset.to_owned());
        }
        Ok(())
    }

    fn read(
        &mut self,
        recipe: &Recipe,
        data_root: &Path,
        dataset: &str,
        role: Role,
    ) -> Result<(), Error> {
        let corpus = Corpus::load(&declaration(&recipe.datasets, dataset), data_root)?;
        let split = split(dataset, "train");
        let languages = &mut self.languages[usize::from(role == Role::Benchmark)];
        languages.extend(corpus.language().split('-').map(str::to_owned));
        // Of sentences, their texts alone are held: all of them are compared with all.
        let mut items = Vec::new();
        let mut take = |id: String, sentence: Sentence| {
            if role == Role::Train {
                self.conflicts.see(dataset, &sentence);
            }
            items.push((id, sentence.text));
        };
        if corpus.is_parallel() {
            self.bridged.push(dataset.to_owned());
            corpus.each_pair(split, &mut |pair| {
                self.bridges.push(bridge(&pair));
                take(side_id(&pair.source), pair.source);
                take(side_id(&pair.target), pair.target);
                Ok(())
            })?;
        } else {
            corpus.each(split, &mut |sentence| {
                take(sentence.id.clone(), sentence);
                Ok(())
            })?;
        }
        self.texts.push(Texts { dataset: dataset.to_owned(), role, items });
        Ok(())
    }

    /// Adds the declared parallel corpora that join a language of training to one of a benchmark and
    /// lie on this machine: nobody need train on them for a translation to leak.
    fn bridge(&mut self, recipe: &Recipe, data_root: &Path) -> Result<(), Error> {
        for path in declarations(recipe)? {
            // A declaration that cannot be read is for those to complain about who use it.
            let Ok(corpus) = Corpus::load(&path, data_root) else { continue };
            if !corpus.is_parallel() || !self.joins(corpus.language()) {
                continue;
            }
            for split in corpus.splits() {
                let dataset = format!("{}:{split}", corpus.name());
                let is_here = corpus.files(split)?.iter().all(|file| file.is_file());
                if is_here && !self.bridged.contains(&dataset) {
                    corpus.each_pair(split, &mut |pair| {
                        self.bridges.push(bridge(&pair));
                        Ok(())
                    })?;
                    self.bridged.push(dataset);
                }
            }
        }
        Ok(())
    }

    fn joins(&self, pair: &str) -> bool {
        let [trained, asked] = &self.languages;
        pair.split_once('-').is_some_and(|(one, other)| {
            (trained.contains(one) && asked.contains(other))
                || (trained.contains(other) && asked.contains(one))
        })
    }
}

fn bridge(pair: &Parallel) -> Bridge {
    Bridge { sides: [pair.source.text.clone(), pair.target.text.clone()] }
}

impl Audit {
    /// Benchmarks that meet training data, and are not waived.
    pub fn leaks<'a>(&'a self, config: &'a AuditConfig) -> impl Iterator<Item = &'a Overlap> {
        self.overlaps.iter().filter(|overlap| overlap.is_leak() && !config.waives(overlap))
    }

    /// The sentences that training must do without; an error if there are some and the recipe does
    /// not say what is to become of them.
    pub fn removed(&self, config: &AuditConfig) -> Result<Removed, Error> {
        let mut removed: Removed = BTreeMap::new();
        for leak in self.leaks(config) {
            if !config.remove {
                return Err(refusal(leak));
            }
            removed.entry(leak.other.clone()).or_default().extend(leak.leaking.iter().cloned());
        }
        Ok(removed)
    }
}

fn refusal(leak: &Overlap) -> Error {
    let example = leak.matches.first().map_or_else(String::new, |found| {
        let how = match found.kind {
            Kind::Exact => "is",
            Kind::Near => "is nearly",
            Kind::Translated => "is a translation of",
        };
        format!(", such as `{}`, which {how} `{}`", found.id, found.other)
    });
    Error::Leak(format!(
        "{} of the {} sentences of the benchmark `{}` are trained on in `{}`{example}; `[audit] \
         remove = true` leaves them out of training, `waive = [\"{}\"]` keeps them",
        leak.matches.len(),
        leak.sentences,
        leak.dataset,
        leak.other,
        waiver_of(leak),
    ))
}
