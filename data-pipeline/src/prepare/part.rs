//! What a share of a preparation has made, and how shares become a whole.
//!
//! Rows are cut into blocks, a file each, which have nothing to do with each other; so any program
//! may make any of them, and what one has made another need not make again. While a share works,
//! `part-2-of-8.jsonl` gains a line for each block that is whole; at its end, `part-2-of-8.json`
//! lists them all. When every share has its list, the lists in the order of blocks are the manifest,
//! byte for byte that of one program alone.

use crate::durable;
use crate::error::Error;
use crate::manifest::{FORMAT, Manifest, ShardFile, ShotsMade, Tally, remove_named};
use crate::order::Share;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a block belongs, which is also its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    /// The dataset's place in the plan.
    pub dataset: usize,
    /// The lesson's place among those of the dataset.
    pub lesson: usize,
    /// The block's place in the lesson.
    pub number: usize,
}

/// A file of rows, and what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Block {
    pub place: Place,
    /// None where all was refused.
    pub file: Option<ShardFile>,
    pub tally: Tally,
}

/// What a share has made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    format: u32,
    /// That of the manifest.
    fingerprint: String,
    /// Which share, from 1.
    pub share: usize,
    /// How many there are.
    pub of: usize,
    /// As in the manifest; every share knows all of it.
    pub left_out: BTreeMap<String, usize>,
    /// See `left_out`.
    pub quarantined: BTreeMap<String, usize>,
    /// See `left_out`; how many samples have fewer is counted by block.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shots: BTreeMap<String, ShotsMade>,
    pub blocks: Vec<Block>,
}

/// A part that grows.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Place {
    /// The name of the block's file.
    pub(super) fn name(self) -> String {
        format!("shard-{:02}-{}-{:05}.parquet", self.dataset, self.lesson, self.number)
    }

    /// Whether a share makes this block.
    pub(super) fn is_of(self, share: Share) -> bool {
        (self.dataset + self.lesson + self.number) % share.count == share.index
    }
}

impl Part {
    /// Nothing yet.
    pub(super) fn new(fingerprint: &str, share: Share) -> Self {
        Self {
            format: FORMAT,
            fingerprint: fingerprint.to_owned(),
            share: share.index + 1,
            of: share.count,
            left_out: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            shots: BTreeMap::new(),
            blocks: Vec::new(),
        }
    }

    /// The name of the list of a share, counted from 1.
    pub(super) fn name(share: usize, of: usize) -> String {
        format!("part-{share}-of-{of}.json")
    }

    fn path(&self, dir: &Path, extension: &str) -> PathBuf {
        dir.join(Self::name(self.share, self.of)).with_extension(extension)
    }

    /// Whether it is one of the rows that have this fingerprint.
    fn is_of(&self, fingerprint: &str) -> bool {
        self.format == FORMAT && self.fingerprint == fingerprint
    }

    /// The list of a share that is done; none if it is torn, or one of other rows.
    pub(super) fn read(text: &str, fingerprint: &str) -> Option<Self> {
        let part: Option<Self> = serde_json::from_str(text).ok();
        part.filter(|part| part.is_of(fingerprint) && (1..=part.of).contains(&part.share))
    }

    /// Writes the list; from here on the share is done.
    pub(super) fn save(&mut self, dir: &Path) -> Result<(), Error> {
        self.blocks.sort_by_key(|block| block.place);
        // Text and numbers always have a JSON form.
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        durable::write_among_others(&self.path(dir, "json"), &json)?;
        let growing = self.path(dir, "jsonl");
        std::fs::remove_file(&growing).map_err(Error::write(&growing))
    }

    /// The parts of `fingerprint` that lie in `dir`, done or not, with whether they are.
    fn all(dir: &Path, fingerprint: &str) -> Result<Vec<(Self, bool)>, Error> {
        let mut parts = Vec::new();
        if !dir.is_dir() {
            return Ok(parts);
        }
        for entry in std::fs::read_dir(dir).map_err(Error::read(dir))? {
            let path = entry.map_err(Error::read(dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((_, extension)) =
                name.strip_prefix("part-").and_then(|it| it.rsplit_once('.'))
            else {
                continue;
            };
            // One that is torn, or that another share has just replaced, is made again.
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let part: Option<Self> = match extension {
                "json" => Self::read(&text, fingerprint),
                "jsonl" => grown(&text).filter(|part| part.is_of(fingerprint)),
                _ => None,
            };
            parts.extend(part.map(|part| (part, extension == "json")));
        }
        Ok(parts)
    }

    /// The blocks that any share has made.
    pub(super) fn known(dir: &Path, fingerprint: &str) -> Result<HashMap<Place, Block>, Error> {
        let parts = Self::all(dir, fingerprint)?;
        let blocks = parts.into_iter().flat_map(|(part, _)| part.blocks);
        Ok(blocks.map(|block| (block.place, block)).collect())
    }

    /// The parts of all shares of which every one is done, if there is such a set.
    pub(super) fn done(dir: &Path, fingerprint: &str) -> Result<Option<Vec<Self>>, Error> {
        let mut sets: BTreeMap<usize, BTreeMap<usize, Self>> = BTreeMap::new();
        for (part, _) in Self::all(dir, fingerprint)?.into_iter().filter(|(_, done)| *done) {
            sets.entry(part.of).or_default().insert(part.share, part);
        }
        let mut whole = sets.into_iter().filter(|(of, parts)| parts.len() == *of);
        Ok(whole.next().map(|(_, parts)| parts.into_values().collect()))
    }

    /// The shares, from 1, that are not done.
    pub(super) fn missing(dir: &Path, fingerprint: &str, of: usize) -> Result<Vec<usize>, Error> {
        let parts = Self::all(dir, fingerprint)?;
        let is_done = |share: &usize| {
            parts.iter().any(|(part, done)| *done && (part.share, part.of) == (*share, of))
        };
        Ok((1..=of).filter(|share| !is_done(share)).collect())
    }

    /// Compares every file of the part with its hash.
    pub(super) fn verify(&self, dir: &Path) -> Result<(), Error> {
        let again = match self.of {
            1 => "run `knowcoder data prepare` again".to_owned(),
            of => format!("run `knowcoder data prepare --share {}/{of}` again", self.share),
        };
        let files = self.blocks.par_iter().filter_map(|block| block.file.as_ref());
        let wrong = files.filter_map(|file| file.verify(dir, &again).err()).find_any(|_| true);
        let Some(error) = wrong else { return Ok(()) };
        // The share is not done any more.
        let path = self.path(dir, "json");
        std::fs::remove_file(&path).map_err(Error::write(&path))?;
        Err(error)
    }

    /// Adds the rows of all parts to `manifest`, in the order of blocks.
    pub(super) fn join(parts: Vec<Self>, manifest: &mut Manifest) {
        let mut blocks = Vec::new();
        for part in parts {
            manifest.left_out.extend(part.left_out);
            manifest.quarantined.extend(part.quarantined);
            manifest.shots.extend(part.shots);
            blocks.extend(part.blocks);
        }
        blocks.sort_by_key(|block| block.place);
        for block in blocks {
            manifest.files.extend(block.file);
            manifest.add(block.tally);
        }
    }

    /// Removes all parts: a manifest says what they said.
    pub(super) fn clear(dir: &Path) -> Result<(), Error> {
        remove_named(dir, |name| {
            name.starts_with("part-") && (name.ends_with(".json") || name.ends_with(".jsonl"))
        })
    }
}

/// A part that was not ended: a line that is torn ends it.
fn grown(text: &str) -> Option<Part> {
    let mut lines = text.lines();
    let mut part: Part = serde_json::from_str(lines.next()?).ok()?;
    part.blocks = lines.map_while(|line| serde_json::from_str(line).ok()).collect();
    Some(part)
}

impl Journal {
    /// Begins the journal of `part`; `known` are blocks of it that were made before.
    pub(super) fn begin(dir: &Path, part: &Part, known: &[&Block]) -> Result<Self, Error> {
        let path = part.path(dir, "jsonl");
        let mut text = line(part);
        known.iter().for_each(|block| text += &line(block));
        durable::write_among_others(&path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path).map_err(Error::write(&path))?;
        Ok(Self { path, file })
    }

    /// Notes that a block is whole.
    pub(super) fn note(&mut self, block: &Block) -> Result<(), Error> {
        self.file.write_all(line(block).as_bytes()).map_err(Error::write(&self.path))
    }
}

/// A line of JSON; text and numbers always have one.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::effect::Effect;

    fn block(dataset: usize, number: usize) -> Block {
        let place = Place { dataset, lesson: 0, number };
        let mut tally = Tally::default();
        tally.total.samples = 10 * dataset + number;
        tally.lengths.insert(32, 1);
        tally
            .effects
            .push(Effect { labels: 1 + number, ..Effect::of(&format!("d{dataset}"), "ner") });
        Block { place, file: None, tally }
    }

    #[test]
    fn every_block_belongs_to_one_share() {
        for count in 1..9 {
            for dataset in 0..3 {
                for number in 0..20 {
                    let place = Place { dataset, lesson: 1, number };
                    let of = |index: &usize| place.is_of(Share { index: *index, count });
                    assert_eq!((0..count).filter(of).count(), 1);
                }
            }
        }
    }

    #[test]
    fn a_torn_journal_keeps_its_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let share = Share { index: 1, count: 2 };
        let part = Part::new("f", share);
        let mut journal = Journal::begin(dir.path(), &part, &[&block(0, 1)]).unwrap();
        journal.note(&block(0, 3)).unwrap();
        journal.note(&block(1, 0)).unwrap();
        let path = dir.path().join("part-2-of-2.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        for cut in text.len() - 20..text.len() - 1 {
            std::fs::write(&path, &text[..cut]).unwrap();
            let known = Part::known(dir.path(), "f").unwrap();
            let mut places: Vec<Place> = known.keys().copied().collect();
            places.sort();
            assert_eq!(places, [block(0, 1).place, block(0, 3).place]);
            assert_eq!(known[&block(0, 3).place], block(0, 3));
        }
        assert!(Part::known(dir.path(), "another").unwrap().is_empty());
        assert!(Part::done(dir.path(), "f").unwrap().is_none());
        assert_eq!(Part::missing(dir.path(), "f", 2).unwrap(), [1, 2]);
    }

    #[test]
    fn parts_are_joined_in_the_order_of_blocks() {
        let dir = tempfile::tempdir().unwrap();
        for (index, blocks) in
            [[block(1, 0), block(0, 0)], [block(0, 1), block(1, 1)]].into_iter().enumerate()
        {
            let mut part = Part::new("f", Share { index, count: 2 });
            drop(Journal::begin(dir.path(), &part, &[]).unwrap());
            part.blocks = blocks.into();
            part.save(dir.path()).unwrap();
        }
        let parts = Part::done(dir.path(), "f").unwrap().unwrap();
        let mut manifest = Manifest::new(crate::shard::tests::origin()).unwrap();
        Part::join(parts, &mut manifest);
        assert_eq!(manifest.total.samples, 22);
        assert_eq!(manifest.lengths, [(32, 4)].into());
        let labels = |effect: &Effect| (effect.dataset.clone(), effect.labels);
        let labels: Vec<(String, usize)> = manifest.effects.iter().map(labels).collect();
        assert_eq!(labels, [("d0".to_owned(), 3), ("d1".to_owned(), 3)]);
        Part::clear(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
