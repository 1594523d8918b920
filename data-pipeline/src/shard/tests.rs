//! Shards on disk: what is written is read, what changed is refused.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::manifest::{Origin, Tally};
use crate::prepare::{Kind, PrepareConfig};
use expect_test::expect;

pub(crate) fn origin() -> Origin {
    Origin {
        kind: Kind::Instruction,
        both_directions: false,
        config: PrepareConfig::default(),
        sources: Vec::new(),
        removed: Default::default(),
        shown: Default::default(),
        template: "t".to_owned(),
        tokenizer: "k".to_owned(),
    }
}

/// 300 rows in groups of three over two datasets; row `i` holds recognisable ids.
pub(crate) fn samples() -> Vec<Sample> {
    (0..300u32)
        .map(|row| Sample {
            sample_id: format!("s{row}"),
            dataset: if row < 120 { "a" } else { "b" }.to_owned(),
            language: "en".to_owned(),
            task: "ner".to_owned(),
            prefix_ids: vec![10 + row / 3; (row / 3 % 4) as usize],
            suffix_ids: (0..5 + row % 7).map(|token| 100 + row + token).collect(),
            supervised_from: 2,
            group: row / 3,
        })
        .collect()
}

/// Writes `samples` and their manifest to `dir`, whole groups in files of about 140 rows, each of which
/// numbers its groups from 0.
pub(crate) fn write(dir: &Path, samples: &[Sample]) {
    let mut manifest = Manifest::new(origin()).unwrap();
    for (number, samples) in samples.chunks(141).enumerate() {
        let mut tally = Tally::default();
        let mut writer = ShardWriter::create(dir, &format!("shard-{number:05}.parquet"));
        let mut last = None;
        for sample in samples {
            tally.count(sample, last != Some(sample.group), 2048);
            last = Some(sample.group);
            writer
                .write(Sample { group: sample.group - samples[0].group, ..sample.clone() })
                .unwrap();
        }
        manifest.add(tally);
        manifest.files.extend(writer.finish().unwrap());
    }
    manifest.save(dir).unwrap();
}

#[test]
fn rows_come_back_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let samples = samples();
    write(dir.path(), &samples);
    let set = ShardSet::open(dir.path()).unwrap();
    let files: Vec<usize> = set.manifest().files.iter().map(|file| file.rows).collect();
    assert_eq!(files, [141, 141, 18]);
    assert_eq!(set.len(), 300);
    for row in (0..300).rev().chain([0, 299, 150, 140, 141]) {
        assert_eq!(set.sample(row).unwrap(), samples[row]);
        let length = set.lengths()[row];
        assert_eq!(length.prefix as usize, samples[row].prefix_ids.len());
        assert_eq!(length.suffix as usize, samples[row].suffix_ids.len());
        assert_eq!(length.supervised as usize, samples[row].supervised());
    }
}

#[test]
fn groups_are_runs_of_rows_by_dataset() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &samples());
    let set = ShardSet::open(dir.path()).unwrap();
    let [a, b] = set.groups() else { panic!("{:?}", set.groups()) };
    assert_eq!((a.dataset.as_str(), b.dataset.as_str()), ("a", "b"));
    // Each file begins with its group 0: neither is a part of the other.
    assert_eq!(a.runs, (0..40).map(|group| 3 * group..3 * group + 3).collect::<Vec<_>>());
    assert_eq!(b.runs, (40..100).map(|group| 3 * group..3 * group + 3).collect::<Vec<_>>());
}

#[test]
fn counts_tell_what_groups_save() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &samples());
    let manifest = Manifest::load(dir.path()).unwrap();
    let samples = samples();
    let prefix: usize = samples.iter().map(|sample| sample.prefix_ids.len()).sum();
    let suffix: usize = samples.iter().map(|sample| sample.suffix_ids.len()).sum();
    let total = manifest.total;
    assert_eq!((total.samples, total.groups), (300, 100));
    assert_eq!(total.tokens as usize, prefix + suffix);
    assert_eq!(total.tokens_grouped as usize, prefix / 3 + suffix);
    assert_eq!(
        total.supervised as usize,
        samples.iter().map(|sample| sample.suffix_ids.len() - 2).sum::<usize>()
    );
    assert_eq!(manifest.parts.iter().map(|part| part.counts.samples).sum::<usize>(), 300);
    assert_eq!(manifest.lengths, [(32, 300)].into());
}

#[test]
fn what_changed_after_the_manifest_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &samples());
    let refused = || {
        let error = ShardSet::open(dir.path()).err().unwrap();
        assert!(matches!(error.exit_code(), 64 | 65));
        error.to_string().replace(&dir.path().display().to_string(), "DIR")
    };

    let shard = dir.path().join("shard-00001.parquet");
    let bytes = std::fs::read(&shard).unwrap();
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    std::fs::write(&shard, &changed).unwrap();
    let message = refused();
    assert!(
        message.starts_with(
            "DIR/shard-00001.parquet: the shard changed after its manifest: expected sha256 "
        ) && message.ends_with("; run `knowcoder data prepare` again"),
        "{message}"
    );

    std::fs::remove_file(&shard).unwrap();
    expect!["DIR/shard-00001.parquet: the shard is named by the manifest but is not there; run `knowcoder data prepare` again"]
        .assert_eq(&refused());

    std::fs::write(dir.path().join("manifest.json"), r#"{"format": 9}"#).unwrap();
    expect!["DIR/manifest.json: has format 9, this program reads format 2; run `knowcoder data prepare` again"]
        .assert_eq(&refused());

    std::fs::write(dir.path().join("manifest.json"), "{").unwrap();
    expect!["DIR/manifest.json: not a manifest: EOF while parsing an object at line 1 column 1; run `knowcoder data prepare` again"]
        .assert_eq(&refused());

    std::fs::remove_file(dir.path().join("manifest.json")).unwrap();
    expect!["DIR: holds no `manifest.json`: it was never prepared to the end; run `knowcoder data prepare`"]
        .assert_eq(&refused());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_a_writing_error_with_the_path() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("shard-00000.parquet.tmp")).unwrap();
    let mut writer = ShardWriter::create(dir.path(), "shard-00000.parquet");
    let written = samples().into_iter().try_for_each(|sample| writer.write(sample));
    let error = written.and_then(|()| writer.finish().map(|_| ())).unwrap_err();
    let message = error.to_string().replace(&dir.path().display().to_string(), "DIR");
    expect!["failed to write `DIR/shard-00000.parquet.tmp`: No space left on device (os error 28); make room, and the same command goes on"]
        .assert_eq(&message);
    assert_eq!(error.exit_code(), 75);
    assert!(Manifest::load(dir.path()).is_err());
}

#[test]
fn clearing_removes_what_we_wrote_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &samples());
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    std::fs::write(dir.path().join("shard-00009.parquet.tmp"), "torn").unwrap();
    Manifest::clear(dir.path()).unwrap();
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}
