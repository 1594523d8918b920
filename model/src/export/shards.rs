//! Safetensors files of bounded size with their index, as transformers writes them.

use super::Options;
use super::parts::Part;
use crate::Error;
use crate::files::{json_bytes, write_atomically};
use burn::tensor::DType;
use safetensors::{Dtype, View};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fs::File;
use std::path::Path;

/// Writes `parts`: one `model.safetensors`, or shards and `model.safetensors.index.json`.
pub fn write(
    parts: &[Part],
    options: Options,
    directory: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Error> {
    let bytes = |part: &Part| part.numel() as u64 * options.dtype.size() as u64;
    let shards = split(parts, options.shard_bytes, bytes);
    let total: u64 = parts.iter().map(bytes).sum();
    let mut index = Map::new();
    let mut before = 0;
    for (i, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => "model.safetensors".to_owned(),
            n => format!("model-{:05}-of-{n:05}.safetensors", i + 1),
        };
        let told = write_shard(shard, options.dtype, &directory.join(&name), &mut |written| {
            progress(before + written, total);
        })?;
        before += told;
        index.extend(shard.iter().map(|part| (part.name.clone(), json!(name))));
    }
    if shards.len() > 1 {
        let index =
            json!({ "metadata": { "total_size": total }, "weight_map": Value::Object(index) });
        write_atomically(&directory.join("model.safetensors.index.json"), &json_bytes(&index))?;
    }
    Ok(())
}

/// Runs of parts of at most `most` bytes; a part that is larger by itself is a run of its own.
fn split<'p, 'a>(
    parts: &'p [Part<'a>],
    most: u64,
    bytes: impl Fn(&Part) -> u64,
) -> Vec<&'p [Part<'a>]> {
    let mut shards = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (i, part) in parts.iter().enumerate() {
        let own = bytes(part);
        if i > start && size + own > most {
            shards.push(&parts[start..i]);
            (start, size) = (i, 0);
        }
        size += own;
    }
    shards.push(&parts[start..]);
    shards
}

/// One file; the numbers of a tensor exist only while it is written.
fn write_shard(
    parts: &[Part],
    dtype: DType,
    path: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let state = RefCell::new(State { written: 0, failed: None, progress });
    let views = parts.iter().map(|part| (part.name.as_str(), Lazy { part, dtype, state: &state }));
    let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
    let written = safetensors::serialize_to_file(views, metadata, path);
    let state = state.into_inner();
    if let Some(error) = state.failed {
        return Err(error);
    }
    match written {
        Ok(()) => {}
        Err(safetensors::SafeTensorError::IoError(error)) => return Err(Error::write(path)(error)),
        Err(error) => return Err(Error::invalid(path, format!("cannot be written: {error}"))),
    }
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::write(path))?;
    Ok(state.written)
}

struct State<'a> {
    written: u64,
    failed: Option<Error>,
    progress: &'a mut dyn FnMut(u64),
}

/// A tensor whose numbers are made when the file asks for them.
struct Lazy<'a, 'p, 's> {
    part: &'a Part<'p>,
    dtype: DType,
    state: &'a RefCell<State<'s>>,
}

impl View for Lazy<'_, '_, '_> {
    fn dtype(&self) -> Dtype {
        match self.dtype {
            DType::BF16 => Dtype::BF16,
            DType::F16 => Dtype::F16,
            _ => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.part.dims
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut state = self.state.borrow_mut();
        let bytes = self.part.bytes(self.dtype).unwrap_or_else(|error| {
            // The writer cannot be told; what it writes is thrown away.
            state.failed.get_or_insert(error);
            vec![0; self.data_len()]
        });
        state.written += bytes.len() as u64;
        let written = state.written;
        (state.progress)(written);
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.part.numel() * self.dtype.size()
    }
}
