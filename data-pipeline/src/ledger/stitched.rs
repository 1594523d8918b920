//! The segments of a phase, read as one.

use super::Entry;
use super::segment::{self, Segment};
use crate::error::Error;
use std::path::Path;

/// The ledger of one phase, from its first step as far as it goes.
///
/// A hole, an overlap, a file that is torn or was changed is an error that names it; a ledger that ends
/// before its phase does is not, since the run may go on.
pub struct Stitched {
    segments: Vec<Segment>,
}

impl Stitched {
    /// The ledger in the directory `dir`; an empty one where there is none.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let segments = segment::list(dir)?;
        let mut end = 0;
        let mut before = None;
        for segment in &segments {
            let Segment { first, last, path } = segment;
            let name = segment.name();
            let behind = before.map_or("at its beginning".to_owned(), |before: &Segment| {
                format!("behind {}", before.name())
            });
            if *first > end + 1 {
                let lacking = steps(end + 1, first - 1);
                let message = format!("the ledger lacks {lacking}, {behind} and before {name}");
                return Err(Error::corrupt(dir, message));
            }
            if *first <= end {
                let twice = steps(*first, end.min(*last));
                let message = format!("holds {twice} a second time, {behind}");
                return Err(Error::corrupt(path, message));
            }
            end = *last;
            before = Some(segment);
        }
        Ok(Self { segments })
    }

    /// How many files it is in.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.segments.last().map_or(0, |segment| segment.last)
    }

    /// The rows of each step, in order; after an error there is nothing more.
    pub fn by_step(&self) -> impl Iterator<Item = Result<Vec<Entry>, Error>> {
        let mut failed = false;
        let steps = self.segments.iter().flat_map(|segment| match segment.read() {
            Ok(entries) => by_step(entries).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        steps.take_while(move |step| !std::mem::replace(&mut failed, step.is_err()))
    }
}

/// Leaves the first `steps` steps of the ledger in `dir`, and nothing of a write that was cut short.
pub fn truncate(dir: &Path, steps: usize) -> Result<(), Error> {
    let Ok(files) = std::fs::read_dir(dir) else { return Ok(()) };
    for file in files {
        let path = file.map_err(Error::read(dir))?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(&path).map_err(Error::write(&path))?;
        }
    }
    for segment in segment::list(dir)?.iter().filter(|segment| segment.last > steps) {
        if segment.first <= steps {
            // Someone took away the checkpoint at its end; the steps before are still true.
            let mut entries = segment.read()?;
            entries.retain(|entry| entry.row.step < steps);
            segment::write(dir, &entries)?;
        }
        std::fs::remove_file(&segment.path).map_err(Error::write(&segment.path))?;
    }
    Ok(())
}

fn by_step(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut steps: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        match steps.last_mut() {
            Some(step) if step[0].row.step == entry.row.step => step.push(entry),
            _ => steps.push(vec![entry]),
        }
    }
    steps
}

fn steps(first: usize, last: usize) -> String {
    if first == last { format!("step {first}") } else { format!("steps {first} to {last}") }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ledger::{LedgerRow, write};
    use crate::shard::RowSource;
    use expect_test::{Expect, expect};
    use std::sync::Arc;

    /// Two rows of `step`, counted from 0.
    pub(in crate::ledger) fn entries(step: usize) -> Vec<Entry> {
        let entry = |slot: usize| {
            let row = LedgerRow {
                step,
                slot,
                row: 10 * step + slot,
                sample: 1 << 62 | step as u64,
                tokens: 3,
                loss: 0.5 + step as f32,
                applied: step != 2,
            };
            let [dataset, language, task] = ["d", ["en", "zh"][slot], "ner"].map(str::to_owned);
            Entry { row, source: Arc::new(RowSource { dataset, language, task }) }
        };
        vec![entry(0), entry(1)]
    }

    /// Writes these steps, counted from 0, as one segment.
    pub(in crate::ledger) fn segment(dir: &Path, steps: std::ops::Range<usize>) {
        write(dir, &steps.flat_map(entries).collect::<Vec<_>>()).unwrap();
    }

    fn read(dir: &Path) -> Result<Vec<Vec<Entry>>, Error> {
        Stitched::open(dir)?.by_step().collect()
    }

    fn refused(dir: &Path, expected: Expect) {
        let error = read(dir).unwrap_err();
        assert_eq!(error.exit_code(), 65);
        expected.assert_eq(&error.to_string().replace(&dir.display().to_string(), "DIR"));
    }

    fn names(dir: &Path) -> Vec<String> {
        let files = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn segments_are_one_ledger_wherever_they_were_cut() {
        let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        segment(one.path(), 0..7);
        for steps in [0..3, 3..4, 4..7] {
            segment(three.path(), steps);
        }
        let expected: Vec<Vec<Entry>> = (0..7).map(entries).collect();
        assert_eq!(read(one.path()).unwrap(), expected);
        assert_eq!(read(three.path()).unwrap(), expected);
        let ledger = Stitched::open(three.path()).unwrap();
        assert_eq!((ledger.segments(), ledger.steps()), (3, 7));
        let names = names(three.path());
        assert_eq!(
            names,
            ["000001-000003.parquet", "000004-000004.parquet", "000005-000007.parquet"]
        );
    }

    #[test]
    fn no_ledger_is_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_empty());
        assert!(read(&dir.path().join("nowhere")).unwrap().is_empty());
        write(dir.path(), &[]).unwrap();
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn losses_that_are_no_numbers_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = entries(0);
        rows[0].row.loss = f32::NAN;
        rows[1].row.loss = f32::NEG_INFINITY;
        write(dir.path(), &rows).unwrap();
        let found = read(dir.path()).unwrap();
        assert!(found[0][0].row.loss.is_nan());
        assert_eq!(found[0][1].row.loss, f32::NEG_INFINITY);
    }

    #[test]
    fn what_is_not_one_whole_ledger_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        segment(dir.path(), 3..6);
        refused(
            dir.path(),
            expect![
                "DIR: the ledger lacks steps 1 to 3, at its beginning and before 000004-000006.parquet"
            ],
        );
        segment(dir.path(), 0..3);
        segment(dir.path(), 7..9);
        refused(
            dir.path(),
            expect![
                "DIR: the ledger lacks step 7, behind 000004-000006.parquet and before 000008-000009.parquet"
            ],
        );
        segment(dir.path(), 4..7);
        refused(
            dir.path(),
            expect![
                "DIR/000005-000007.parquet: holds steps 5 to 6 a second time, behind 000004-000006.parquet"
            ],
        );
        std::fs::remove_file(path("000005-000007.parquet")).unwrap();
        std::fs::rename(path("000008-000009.parquet"), path("000007-000008.parquet")).unwrap();
        refused(
            dir.path(),
            expect![
                "DIR/000007-000008.parquet: holds steps 8 to 9, which is not what its name says"
            ],
        );
        std::fs::rename(path("000007-000008.parquet"), path("late.parquet")).unwrap();
        refused(
            dir.path(),
            expect![
                "DIR/late.parquet: is not called FIRST-LAST.parquet as segments of a ledger are; move it elsewhere"
            ],
        );
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let dir = tempfile::tempdir().unwrap();
        segment(dir.path(), 0..4);
        let path = dir.path().join("000001-000004.parquet");
        let bytes = std::fs::read(&path).unwrap();
        let check = |bytes: &[u8], what: &str| {
            std::fs::write(&path, bytes).unwrap();
            let error = read(dir.path()).unwrap_err();
            let said = error.to_string();
            let named =
                "000001-000004.parquet: the segment is torn or changed after it was written";
            assert!(said.contains(named), "{what}: {said}");
            assert_eq!(error.exit_code(), 65);
        };
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 4;
            check(&changed, &format!("byte {place}"));
        }
        for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
            check(&bytes[..length], &format!("{length} bytes"));
        }
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(dir.path()).unwrap().len(), 4);
    }

    #[test]
    fn what_lies_beyond_the_position_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let cut = |steps: usize, expected: &[&str]| {
            truncate(dir.path(), steps).unwrap();
            assert_eq!(names(dir.path()), expected);
            let found = read(dir.path()).unwrap();
            assert_eq!(found, (0..found.len()).map(entries).collect::<Vec<_>>());
        };
        for steps in [0..3, 3..6, 6..9] {
            segment(dir.path(), steps);
        }
        std::fs::write(dir.path().join("000010-000012.parquet.tmp"), "torn").unwrap();
        cut(9, &["000001-000003.parquet", "000004-000006.parquet", "000007-000009.parquet"]);
        cut(6, &["000001-000003.parquet", "000004-000006.parquet"]);
        cut(5, &["000001-000003.parquet", "000004-000005.parquet"]);
        cut(0, &[]);
        truncate(&dir.path().join("nowhere"), 0).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_a_writing_error_with_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let growing = dir.path().join("000001-000001.parquet.tmp");
        std::os::unix::fs::symlink("/dev/full", &growing).unwrap();
        let error = write(dir.path(), &entries(0)).unwrap_err();
        assert_eq!(error.exit_code(), 75, "{error}");
        assert!(read(dir.path()).unwrap().is_empty());
    }
}
