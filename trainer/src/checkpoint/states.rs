//! The optimizer's state for a rank's stretches, whoever held it when it was saved.
//!
//! A tensor is called `PATH|KIND|START|UNIT`: the part KIND of the state of weight PATH, whose number `i`
//! belongs to the values of the weight from `START + i · UNIT` on, UNIT of them.

use super::CheckpointInfo;
use crate::Error;
use crate::optimizer::Optimizer;
use crate::sharding::Stretch;
use burn::tensor::{DType, Device, TensorData};
use model::tensor_file::TensorFile;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads the state of `stretches` from the files of all ranks; of the files only what is needed.
pub fn load_optimizer(
    directory: &Path,
    info: &CheckpointInfo,
    stretches: &[Stretch],
    device: &Device,
) -> Result<Optimizer, Error> {
    let states = States::open(directory, info)?;
    let mut optimizer = Optimizer::at(info.optimizer_steps);
    for stretch in stretches {
        optimizer.restore(stretch, &mut |kind, unit| states.read(stretch, kind, unit), device)?;
    }
    Ok(optimizer)
}

/// A tensor of a file.
#[derive(Debug)]
struct Stored {
    file: usize,
    name: String,
    start: usize,
    count: usize,
}

/// The files of all ranks.
struct States<'a> {
    directory: &'a Path,
    files: Vec<TensorFile>,
    /// By path, kind and unit.
    stored: BTreeMap<(String, String, usize), Vec<Stored>>,
}

impl<'a> States<'a> {
    fn open(directory: &'a Path, info: &CheckpointInfo) -> Result<Self, Error> {
        let mut states = Self { directory, files: Vec::new(), stored: BTreeMap::new() };
        for name in info.files.keys().filter(|name| name.starts_with("optimizer-")) {
            let file = TensorFile::open(&directory.join(name))?;
            for name in file.names() {
                let parts: Vec<&str> = name.split('|').collect();
                let [path, kind, start, unit] = parts[..] else {
                    return Err(states.wrong(format!("holds a state called `{name}`")));
                };
                let (Ok(start), Ok(unit @ 1..)) = (start.parse(), unit.parse::<usize>()) else {
                    return Err(states.wrong(format!("holds a state called `{name}`")));
                };
                let key = (path.to_owned(), kind.to_owned(), unit);
                let (file, count) = (states.files.len(), file.len(&name));
                states.stored.entry(key).or_default().push(Stored { file, name, start, count });
            }
            states.files.push(file);
        }
        Ok(states)
    }

    fn wrong(&self, message: String) -> Error {
        Error::Checkpoint { path: self.directory.to_owned(), message }
    }

    /// The numbers of `kind` for all of `stretch`; `None` where no rank held any.
    fn read(
        &self,
        stretch: &Stretch,
        kind: &str,
        unit: usize,
    ) -> Result<Option<TensorData>, Error> {
        let key = (stretch.path.clone(), kind.to_owned(), unit);
        let Some(stored) = self.stored.get(&key) else { return Ok(None) };
        let range = &stretch.range;
        let wanted = stretch.len().div_ceil(unit);
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        for Stored { file, name, start, count } in stored {
            let first = range.start.saturating_sub(*start).div_ceil(unit).min(*count);
            let end = range.end.saturating_sub(*start).div_ceil(unit).min(*count);
            if first >= end {
                continue;
            }
            let at = start + first * unit - range.start;
            if !at.is_multiple_of(unit) {
                return Err(self.wrong(format!(
                    "holds `{kind}` of `{}` in blocks of {unit} values from {start} on, this run wants them from {} on",
                    stretch.path, range.start
                )));
            }
            let (dtype, bytes) = self.files[*file].part(name, first..end)?;
            pieces.push(Piece { at: at / unit, count: end - first, dtype, bytes });
        }
        pieces.sort_by_key(|piece| piece.at);
        let Some(dtype) = pieces.first().map(|piece| piece.dtype) else { return Ok(None) };
        let mut values = vec![0; wanted * dtype.size()];
        let mut known = 0;
        for Piece { at, count, dtype: found, bytes } in pieces {
            if at > known || found != dtype {
                return Err(self.partial(stretch, kind));
            }
            values[at * dtype.size()..][..bytes.len()].copy_from_slice(bytes);
            known = known.max(at + count);
        }
        if known < wanted {
            return Err(self.partial(stretch, kind));
        }
        Ok(Some(TensorData::from_bytes_vec(values, [wanted], dtype)))
    }

    fn partial(&self, stretch: &Stretch, kind: &str) -> Error {
        self.wrong(format!(
            "holds `{kind}` for a part of `{}` only; it was not written whole",
            stretch.path
        ))
    }
}

/// Numbers of one file, and where they belong in a stretch.
struct Piece<'a> {
    at: usize,
    count: usize,
    dtype: DType,
    bytes: &'a [u8],
}
