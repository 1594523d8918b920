//! Weights as files have them: safetensors or torch's `.bin`, whole or in shards.
//!
//! A directory is opened by its headers alone; numbers are read one tensor at a time, through memory
//! maps whose pages are let go at once. So a checkpoint of any size takes no more memory than its
//! largest tensor. Files of torch are pickles, which are programs: ours are read by a machine that
//! knows tensors and nothing else (`source/pickle.rs`).
//!
//! ```no_run
//! # fn main() -> Result<(), model::Error> {
//! let tensors = model::source::Tensors::open("Baichuan2-7B-Base".as_ref())?;
//! for name in tensors.names() {
//!     let data = tensors.data(name)?;
//!     println!("{name} {:?} {:?}", data.dtype(), data.shape());
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
mod contents;
mod directory;
mod fit;
mod header;
#[cfg(test)]
mod made;
mod mapped;
mod pickle;
mod torch;

use crate::Error;
use burn::tensor::{DType, TensorData};
use contents::{Contents, Float, Place, quoted};
use mapped::Mapped;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The tensors of a directory or of one file.
#[derive(Debug)]
pub struct Tensors {
    /// What was opened.
    path: PathBuf,
    files: Vec<Mapped>,
    found: BTreeMap<String, Found>,
    /// What the files name and what is not read, and what it is.
    others: BTreeMap<String, String>,
}

/// A tensor and the number of its file.
#[derive(Debug)]
struct Found {
    file: usize,
    place: Place,
}

/// What is known of a tensor before it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The format that [`Tensors::data`] gives it in: the file's, but f32 for f64.
    pub dtype: DType,
    /// Its shape.
    pub dims: Vec<usize>,
    /// How many bytes its numbers take in the file.
    pub bytes: usize,
}

impl Tensors {
    /// The weights of a directory as on the hub: `model.safetensors`, else its index with shards, else
    /// `pytorch_model.bin`, else its index with shards.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let listed = directory::list_files(directory)?;
        let mut tensors = Self::of(directory);
        let mut problems = Vec::new();
        for path in &listed.files {
            if let Err(error) = tensors.add(path, &listed.owners) {
                problems.push(error);
            }
        }
        match problems.len() {
            0 => listed.check(directory, &tensors.found, &tensors.others).map(|()| tensors),
            // Of a single file there is nothing else to be told.
            1 if listed.files.len() == 1 => Err(problems.remove(0)),
            count => Err(Error::invalid(
                directory,
                format!(
                    "{count} of {} files cannot be read{}",
                    listed.files.len(),
                    list(&problems)
                ),
            )),
        }
    }

    /// The tensors of one file: torch's if it is called `.bin`, `.pt` or `.pth`, else safetensors.
    pub fn open_file(path: &Path) -> Result<Self, Error> {
        let mut tensors = Self::of(path);
        tensors.add(path, &BTreeMap::new())?;
        Ok(tensors)
    }

    /// The adapters of a PEFT directory: `adapter_model.safetensors`, else `adapter_model.bin`.
    pub fn open_adapter(directory: &Path) -> Result<Self, Error> {
        let bin = directory.join("adapter_model.bin");
        let safe = directory.join("adapter_model.safetensors");
        Self::open_file(if bin.exists() && !safe.exists() { &bin } else { &safe })
    }

    fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            files: Vec::new(),
            found: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }

    /// Adds a file; of a tensor that several files have, that of its owner counts, else the last.
    fn add(&mut self, path: &Path, owners: &BTreeMap<String, PathBuf>) -> Result<(), Error> {
        let mapped = Mapped::open(path)?;
        let Contents { tensors, others } = contents_of(&mapped)?;
        // Directories of archives and headers are resident now, and are not needed again.
        mapped.release(0..mapped.bytes().len());
        let file = self.files.len();
        self.files.push(mapped);
        let owned = |name: &String| owners.get(name).is_none_or(|owner| owner == path);
        let places = tensors.into_iter().filter(|(name, _)| owned(name));
        self.found.extend(places.map(|(name, place)| (name, Found { file, place })));
        self.others.extend(others.into_iter().filter(|(name, _)| owned(name)));
        Ok(())
    }

    /// What was opened: a directory or a file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all tensors of floats, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.found.keys().map(String::as_str)
    }

    /// What is known of a tensor before it is read.
    pub fn info(&self, name: &str) -> Option<Info> {
        let place = &self.found.get(name)?.place;
        Some(Info {
            dtype: match place.float {
                Float::Bf16 => DType::BF16,
                Float::F16 => DType::F16,
                Float::F32 | Float::F64 => DType::F32,
            },
            dims: place.dims.clone(),
            bytes: place.count() * place.float.bytes(),
        })
    }

    /// How many bytes all tensors take in the files, for a display of progress.
    pub fn bytes_total(&self) -> usize {
        let bytes = self.found.values().map(|it| it.place.count() * it.place.float.bytes());
        bytes.fold(0, usize::saturating_add)
    }

    /// A copy of a tensor's numbers.
    pub fn data(&self, name: &str) -> Result<TensorData, Error> {
        match self.found.get(name) {
            Some(Found { file, place }) => Ok(self.files[*file].numbers(place)),
            None => Err(Error::invalid(&self.path, self.absent(name))),
        }
    }

    fn absent(&self, name: &str) -> String {
        let shown = quoted(name);
        match self.others.get(name) {
            Some(kind) => format!("{shown} is {kind}; f32, f16, bf16 and f64 are read"),
            None => format!("no file here holds the tensor {shown}"),
        }
    }

    /// Holds the tensors against those that a model has, names and shapes: one error lists all that
    /// are missing, not expected, or of another shape.
    ///
    /// `optional` names tensors that may be there or not, such as the head that an embedding is tied
    /// to. Buffers that transformers computes anew (`*.inv_freq`) are never expected and never wrong.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), model::Error> {
    /// let tensors = model::source::Tensors::open("tied".as_ref())?;
    /// let expected = [("model.embed_tokens.weight".to_owned(), vec![32_000, 2048])];
    /// tensors.check(&expected, &["lm_head.weight"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check(&self, expected: &[(String, Vec<usize>)], optional: &[&str]) -> Result<(), Error> {
        let found = self.found.iter().map(|(name, it)| (name.as_str(), it.place.dims.as_slice()));
        let misfits = fit::Misfits::find(expected, optional, &found.collect(), &self.others);
        match misfits.message() {
            Some(message) => Err(Error::invalid(&self.path, message)),
            None => Ok(()),
        }
    }
}

/// What a file holds, by its name's ending.
fn contents_of(mapped: &Mapped) -> Result<Contents, Error> {
    let (path, bytes) = (mapped.path(), mapped.bytes());
    let ending = path.extension().and_then(|ending| ending.to_str());
    let contents = match ending {
        _ if bytes.starts_with(b"version https://git-lfs") => {
            Err("is a pointer of git-lfs in place of the file; get it with `git lfs pull`".into())
        }
        Some("bin" | "pt" | "pth") => torch::read(bytes),
        _ => header::read(bytes),
    };
    contents.map_err(|message| Error::invalid(path, message))
}

/// How many of a kind an error names.
const LISTED: usize = 20;

/// The first of many, a line each, and how many more there are.
fn list(items: &[impl std::fmt::Display]) -> String {
    let mut lines: String = items.iter().take(LISTED).map(|item| format!("\n    {item}")).collect();
    if let Some(more @ 1..) = items.len().checked_sub(LISTED) {
        lines.push_str(&format!("\n    and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests;
