//! What a prepared directory holds, and what it was made from.
//!
//! `manifest.json` is written last and in one step. A directory without it does not exist for
//! readers, so an interrupted preparation is never taken for a finished one. Its [`Origin`] names
//! everything that decides the rows; preparing again from an equal origin does nothing.

mod changes;

use crate::durable;
use crate::effect::{self, Effect};
use crate::error::Error;
use crate::prepare::{Kind, PrepareConfig};
use crate::schema::sha256_hex;
use crate::shard::Sample;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// The version of rows and manifest; it grows when older ones can no longer be read, and when the
/// same origin would give other rows.
pub const FORMAT: u32 = 2;

/// Sample lengths are counted in steps of so many tokens.
const BIN: usize = 32;

const FILE: &str = "manifest.json";

/// The list that makes a prepared directory valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of rows and manifest.
    pub format: u32,
    /// SHA-256 of `origin`: equal fingerprints mean equal rows.
    pub fingerprint: String,
    /// What decides the rows.
    pub origin: Origin,
    /// The shards, in the order of their rows.
    pub files: Vec<ShardFile>,
    /// Over all rows.
    pub total: Counts,
    /// By dataset, language and task.
    pub parts: Vec<Part>,
    /// Samples by length in tokens (prefix and suffix), rounded up to a multiple of 32.
    pub lengths: BTreeMap<usize, usize>,
    /// Samples that no row holds, because they are too long however their classes are split.
    pub refused: Vec<Refused>,
    /// Sentences without objects beyond the wanted share of empty answers, by dataset and task.
    pub left_out: BTreeMap<String, usize>,
    /// Rows of the corpora in quarantine, by dataset and split.
    pub quarantined: BTreeMap<String, usize>,
    /// What the settings made of the data, by dataset and task.
    #[serde(default)]
    pub effects: Vec<Effect>,
    /// What became of demonstrations, by dataset and task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shots: BTreeMap<String, ShotsMade>,
}

/// The demonstrations of one lesson.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShotsMade {
    /// Sentences of which they were drawn.
    pub sentences: usize,
    /// Samples that had no room for all of theirs.
    pub fewer: usize,
    /// Classes of which those sentences have fewer mentions than wanted.
    pub lacking: Vec<String>,
}

/// Everything that decides the rows of a prepared directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What the rows teach.
    pub kind: Kind,
    /// Whether pairs were used in both directions.
    pub both_directions: bool,
    /// The settings.
    pub config: PrepareConfig,
    /// What was read, in the order of the plan.
    pub sources: Vec<SourceOrigin>,
    /// Sentences that were left out on demand, by `name:split`: how many, and a hash of which.
    #[serde(default)]
    pub removed: BTreeMap<String, (usize, String)>,
    /// Hashes of what prompts show beside classes and sentences: training text and what is taken out
    /// of it, banks of descriptions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown: BTreeMap<String, String>,
    /// What the templates make of a specimen: `prompt::template_fingerprint`.
    pub template: String,
    /// SHA-256 of the tokenizer's file.
    pub tokenizer: String,
}

/// One dataset of an origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOrigin {
    /// As the plan names it: `name:split`, `random-copy:samples`.
    pub reference: String,
    /// SHA-256 of the declaration.
    pub declaration: String,
    /// SHA-256 of the schema.
    pub schema: String,
    /// SHA-256 of the bytes of the corpus's files, in their order.
    pub bytes: String,
}

/// One Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFile {
    /// Its name in the directory.
    pub name: String,
    /// How many rows it has.
    pub rows: usize,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows.
    pub samples: usize,
    /// Groups of rows with one prefix.
    pub groups: usize,
    /// Tokens to compute when a group's prefix is computed once.
    pub tokens_grouped: u64,
    /// Tokens to compute when every sample has its own prefix.
    pub tokens: u64,
    /// Tokens with a loss.
    pub supervised: u64,
}

/// What one dataset, language and task contributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The dataset's name.
    pub dataset: String,
    /// The language of its sentences.
    pub language: String,
    /// The task.
    pub task: String,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A sample that is too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The sample's id.
    pub id: String,
    /// Its length in tokens, with as few classes as possible.
    pub length: usize,
    /// The longest length that was allowed.
    pub limit: usize,
}

/// What some rows are, counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub total: Counts,
    pub parts: Vec<Part>,
    pub lengths: BTreeMap<usize, usize>,
    pub refused: Vec<Refused>,
    /// By lesson: samples that have fewer demonstrations than were drawn.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fewer_shots: BTreeMap<String, usize>,
    pub effects: Vec<Effect>,
}

impl Counts {
    /// The share of tokens that groups save.
    pub fn saved(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { 1.0 - self.tokens_grouped as f64 / self.tokens as f64 }
    }

    fn add(&mut self, sample: &Sample, opens_group: bool) {
        let (prefix, suffix) = (sample.prefix_ids.len() as u64, sample.suffix_ids.len() as u64);
        self.samples += 1;
        self.groups += usize::from(opens_group);
        self.tokens += prefix + suffix;
        self.tokens_grouped += suffix + if opens_group { prefix } else { 0 };
        self.supervised += sample.supervised() as u64;
    }

    fn add_all(&mut self, other: Self) {
        self.samples += other.samples;
        self.groups += other.groups;
        self.tokens_grouped += other.tokens_grouped;
        self.tokens += other.tokens;
        self.supervised += other.supervised;
    }
}

impl Part {
    /// The counts of one dataset, language and task among `parts`.
    fn among<'a>(
        parts: &'a mut Vec<Self>,
        dataset: &str,
        language: &str,
        task: &str,
    ) -> &'a mut Counts {
        let known = parts.iter().position(|part| {
            (part.dataset.as_str(), part.language.as_str(), part.task.as_str())
                == (dataset, language, task)
        });
        let part = known.unwrap_or_else(|| {
            parts.push(Self {
                dataset: dataset.to_owned(),
                language: language.to_owned(),
                task: task.to_owned(),
                counts: Counts::default(),
            });
            parts.len() - 1
        });
        &mut parts[part].counts
    }
}

impl Tally {
    /// Counts samples of a lesson that have fewer demonstrations than were drawn.
    pub(crate) fn add_fewer_shots(&mut self, lesson: &str, samples: usize) {
        if samples > 0 {
            *self.fewer_shots.entry(lesson.to_owned()).or_default() += samples;
        }
    }

    /// Counts a row; `opens_group` says that it is the first of its group, `limit` is the longest
    /// length.
    pub(crate) fn count(&mut self, sample: &Sample, opens_group: bool, limit: usize) {
        self.total.add(sample, opens_group);
        effect::entry(&mut self.effects, &sample.dataset, &sample.task).count(
            sample,
            opens_group,
            limit,
        );
        Part::among(&mut self.parts, &sample.dataset, &sample.language, &sample.task)
            .add(sample, opens_group);
        let length = sample.prefix_ids.len() + sample.suffix_ids.len();
        *self.lengths.entry(length.next_multiple_of(BIN)).or_default() += 1;
    }
}

impl Origin {
    /// SHA-256 over this origin and the version of the format.
    pub fn fingerprint(&self) -> Result<String, Error> {
        let json = serde_json::to_vec(&(FORMAT, self)).map_err(not_json)?;
        Ok(sha256_hex(&json))
    }
}

impl Manifest {
    /// A manifest without rows.
    pub(crate) fn new(origin: Origin) -> Result<Self, Error> {
        Ok(Self {
            format: FORMAT,
            fingerprint: origin.fingerprint()?,
            origin,
            files: Vec::new(),
            total: Counts::default(),
            parts: Vec::new(),
            lengths: BTreeMap::new(),
            refused: Vec::new(),
            left_out: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            shots: BTreeMap::new(),
            effects: Vec::new(),
        })
    }

    /// Counts the next rows.
    pub(crate) fn add(&mut self, tally: Tally) {
        self.total.add_all(tally.total);
        for Part { dataset, language, task, counts } in tally.parts {
            Part::among(&mut self.parts, &dataset, &language, &task).add_all(counts);
        }
        for (length, count) in tally.lengths {
            *self.lengths.entry(length).or_default() += count;
        }
        self.refused.extend(tally.refused);
        for (lesson, fewer) in tally.fewer_shots {
            if let Some(made) = self.shots.get_mut(&lesson) {
                made.fewer += fewer;
            }
        }
        tally.effects.iter().for_each(|it| effect::add(&mut self.effects, it));
    }

    /// Reads the manifest of `dir`; the shards are not looked at.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::declaration(
                dir,
                format!(
                    "holds no `{FILE}`: it was never prepared to the end; run `knowcoder data prepare`"
                ),
            ),
            _ => Error::Read { path: path.clone(), source },
        })?;
        let again = "run `knowcoder data prepare` again";
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|error| Error::corrupt(&path, format!("not a manifest: {error}; {again}")))?;
        if let Some(format) = value["format"].as_u64().filter(|format| *format != u64::from(FORMAT))
        {
            return Err(Error::corrupt(
                &path,
                format!("has format {format}, this program reads format {FORMAT}; {again}"),
            ));
        }
        serde_json::from_value(value)
            .map_err(|error| Error::corrupt(&path, format!("not a manifest: {error}; {again}")))
    }

    /// Compares every shard in `dir` with this list.
    pub fn verify(&self, dir: &Path) -> Result<(), Error> {
        let again = "run `knowcoder data prepare` again";
        self.files.iter().try_for_each(|file| file.verify(dir, again))
    }

    /// Whether `dir` claims to hold shards.
    pub(crate) fn exists(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// What `manifest.json` holds.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec_pretty(self).map_err(not_json)
    }

    /// Writes the manifest as [`Self::save`] does, where others may write the same.
    pub(crate) fn save_among_others(&self, dir: &Path) -> Result<(), Error> {
        durable::write_among_others(&dir.join(FILE), &self.to_json()?)
    }

    /// Makes `dir` stop existing for readers.
    pub(crate) fn retract(dir: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(dir).map_err(Error::write(dir))?;
        remove(&dir.join(FILE))
    }

    /// Writes the manifest; from here on `dir` exists for readers.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), Error> {
        durable::write(&dir.join(FILE), &self.to_json()?)
    }

    /// Makes `dir` ready for new shards: it stops existing for readers, then its shards go.
    pub(crate) fn clear(dir: &Path) -> Result<(), Error> {
        Self::retract(dir)?;
        remove_named(dir, |name| {
            let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
            (name.starts_with("shard-") && ends(&[".parquet", ".parquet.tmp"]))
                || (name.starts_with("part-") && ends(&[".json", ".jsonl", ".tmp"]))
                || (name.starts_with(FILE) && ends(&[".tmp"]))
        })
    }

    /// Removes shards of `dir` that this list does not name.
    pub(crate) fn sweep(&self, dir: &Path) -> Result<(), Error> {
        remove_named(dir, |name| {
            name.starts_with("shard-")
                && name.ends_with(".parquet")
                && self.files.iter().all(|file| file.name != name)
        })
    }
}

impl ShardFile {
    /// Compares the file in `dir` with its hash; `again` says what to do if it is another.
    pub(crate) fn verify(&self, dir: &Path, again: &str) -> Result<(), Error> {
        let path = dir.join(&self.name);
        if !path.is_file() {
            return Err(Error::corrupt(
                &path,
                format!("the shard is named by the manifest but is not there; {again}"),
            ));
        }
        let found = sha256_of(&path)?;
        if found == self.sha256 {
            return Ok(());
        }
        Err(Error::corrupt(
            &path,
            format!(
                "the shard changed after its manifest: expected sha256 {}, found {found}; {again}",
                self.sha256
            ),
        ))
    }
}

/// Removes the files of `dir` whose name is meant.
pub(crate) fn remove_named(dir: &Path, is_meant: impl Fn(&str) -> bool) -> Result<(), Error> {
    for entry in std::fs::read_dir(dir).map_err(Error::read(dir))? {
        let path = entry.map_err(Error::read(dir))?.path();
        if is_meant(&path.file_name().unwrap_or_default().to_string_lossy()) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The SHA-256 of a file's bytes, in hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).map_err(Error::read(path))?;
    std::io::copy(&mut file, &mut hash).map_err(Error::read(path))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Numbers that JSON has no word for, such as a NaN in the settings.
fn not_json(error: serde_json::Error) -> Error {
    Error::declaration(Path::new("[prepare]"), format!("the settings have no JSON form: {error}"))
}
