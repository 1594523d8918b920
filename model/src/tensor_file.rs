//! Safetensors files with tensors of any type, written one after the other and read by parts.
//!
//! [`crate::source`] reads the weights of models in anyone's files, and floats only. Files of this module
//! are our own: the state of an optimizer may be whole numbers, and a rank needs only a part of it. Numbers
//! are stored as the memory of this machine has them; safetensors knows little-endian machines only.

use crate::Error;
use burn::tensor::{DType, TensorData};
use memmap2::Mmap;
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes before the header: its length.
const LENGTH: usize = 8;

/// What a number is called by the tensors and by the files.
const TYPES: [(DType, Dtype); 12] = [
    (DType::F64, Dtype::F64),
    (DType::F32, Dtype::F32),
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::I64, Dtype::I64),
    (DType::I32, Dtype::I32),
    (DType::I16, Dtype::I16),
    (DType::I8, Dtype::I8),
    (DType::U64, Dtype::U64),
    (DType::U32, Dtype::U32),
    (DType::U16, Dtype::U16),
    (DType::U8, Dtype::U8),
];

/// How many bytes a file of `tensors` has at most: their numbers, and room for their names.
pub fn size(tensors: &[(String, TensorData)]) -> u64 {
    // `{"dtype":"F32","shape":[…],"data_offsets":[…,…]},` with numbers of any length.
    let named =
        |(name, data): &(String, TensorData)| (data.as_bytes().len() + name.len() + 160) as u64;
    LENGTH as u64 + 64 + tensors.iter().map(named).sum::<u64>()
}

/// Writes named tensors as one safetensors file.
///
/// Only the header is made in memory; numbers go from where they are to `out`.
pub fn write(tensors: &[(String, TensorData)], out: &mut dyn Write) -> io::Result<()> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
    let mut sorted = Vec::with_capacity(tensors.len());
    for (name, data) in tensors {
        let known = TYPES.iter().find(|(dtype, _)| *dtype == data.dtype());
        let (_, dtype) = known.ok_or_else(|| {
            wrong(format!("tensor `{name}` has type {:?}, which files do not have", data.dtype()))
        })?;
        sorted.push((*dtype, name, data));
    }
    // The order of the format: the widest numbers first, so that all are aligned.
    sorted.sort_by(|(left, a, _), (right, b, _)| right.cmp(left).then(a.cmp(b)));
    let mut end = 0;
    let mut infos = Vec::with_capacity(sorted.len());
    for (dtype, name, data) in &sorted {
        let start = end;
        end += data.as_bytes().len();
        let shape = data.shape().as_slice().to_vec();
        let info = TensorInfo { dtype: *dtype, shape, data_offsets: (start, end) };
        infos.push(((*name).clone(), info));
    }
    let marked = Some([("format".to_owned(), "pt".to_owned())].into());
    let metadata = Metadata::new(marked, infos).map_err(|error| wrong(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(io::Error::other)?;
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for (_, _, data) in sorted {
        out.write_all(data.as_bytes())?;
    }
    Ok(())
}

/// A file whose header is read, and whose numbers are read when they are asked for.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    /// Where numbers begin.
    start: usize,
}

impl TensorFile {
    /// Opens a file by its header.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::read(path))?;
        // SAFETY: files of checkpoints are complete before they have their names, and are not written
        // to afterwards.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::read(path))?;
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|error| Error::invalid(path, format!("no safetensors file: {error}")))?;
        Ok(Self { path: path.to_owned(), map, metadata, start: LENGTH + header })
    }

    /// The names of its tensors, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// How many numbers a tensor has; 0 where there is none of that name.
    pub fn len(&self, name: &str) -> usize {
        self.metadata.info(name).map_or(0, |info| info.shape.iter().product())
    }

    /// Whether there is no number in the tensor of that name.
    pub fn is_empty(&self, name: &str) -> bool {
        self.len(name) == 0
    }

    /// The numbers `range` of a tensor, counted as if it had one dimension: their type and bytes.
    pub fn part(&self, name: &str, range: Range<usize>) -> Result<(DType, &[u8]), Error> {
        let wrong = |what: &str| Error::invalid(&self.path, format!("tensor `{name}`: {what}"));
        let info = self.metadata.info(name).ok_or_else(|| wrong("is not there"))?;
        let known = TYPES.iter().find(|(_, dtype)| *dtype == info.dtype);
        let (dtype, _) = known.ok_or_else(|| wrong("has numbers of a type that is not read"))?;
        if range.start > range.end || range.end > self.len(name) {
            return Err(wrong("has fewer numbers than are asked for"));
        }
        let first = self.start + info.data_offsets.0;
        let bytes = first + range.start * dtype.size()..first + range.end * dtype.size();
        // The header was held against the length of the file.
        let bytes = self.map.get(bytes).ok_or_else(|| wrong("is cut off"))?;
        Ok((*dtype, bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::files::HostTensors;
    use half::bf16;

    fn tensors() -> Vec<(String, TensorData)> {
        let floats: Vec<f32> = (0..12).map(|i| i as f32 - 3.5).collect();
        let halves: Vec<bf16> = (0..5).map(|i| bf16::from_f32(i as f32)).collect();
        vec![
            ("codes".to_owned(), TensorData::new((0..9_u8).collect(), [9])),
            ("floats".to_owned(), TensorData::new(floats, [3, 4])),
            ("halves".to_owned(), TensorData::new(halves, [5])),
            ("none".to_owned(), TensorData::new(Vec::<f32>::new(), [0])),
            ("signed".to_owned(), TensorData::new(vec![-1_i32, 1 << 30], [2])),
            ("words".to_owned(), TensorData::new(vec![65_535_u16, 0, 7], [3])),
        ]
    }

    #[test]
    fn tensors_of_every_type_are_read_by_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let mut bytes = Vec::new();
        write(&tensors(), &mut bytes).unwrap();
        assert!(bytes.len() as u64 <= size(&tensors()));
        std::fs::write(&path, bytes).unwrap();
        let file = TensorFile::open(&path).unwrap();
        assert_eq!(file.names().len(), tensors().len());
        for (name, data) in tensors() {
            let count = data.shape().num_elements();
            assert_eq!(file.len(&name), count);
            let (dtype, all) = file.part(&name, 0..count).unwrap();
            assert_eq!((dtype, all), (data.dtype(), data.as_bytes()), "{name}");
            for from in 0..count {
                let (_, part) = file.part(&name, from..count).unwrap();
                assert_eq!(part, &data.as_bytes()[from * dtype.size()..], "{name} from {from}");
            }
        }
        for (name, range) in [("codes", 3..10), ("nothing", 0..1)] {
            assert!(file.part(name, range).is_err(), "{name}");
        }
    }

    /// What we write is what the format's own library writes.
    #[test]
    fn a_file_is_that_of_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let values = |from: usize| (0..6).map(|i| (from + i) as f32).collect::<Vec<f32>>();
        let host: HostTensors =
            [("b".to_owned(), (vec![2, 3], values(0))), ("a".to_owned(), (vec![6], values(9)))]
                .into();
        crate::files::write_tensors(&path, &host, false).unwrap();
        let mut written = Vec::new();
        let named = |(name, (dims, values)): (String, (Vec<usize>, Vec<f32>))| {
            (name, TensorData::new(values, dims))
        };
        let tensors: Vec<(String, TensorData)> = host.into_iter().map(named).collect();
        write(&tensors, &mut written).unwrap();
        assert!(written == std::fs::read(&path).unwrap());
    }

    #[test]
    fn a_torn_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let mut bytes = Vec::new();
        write(&tensors(), &mut bytes).unwrap();
        for length in [1, 7, 40, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(TensorFile::open(&path).is_err(), "{length} bytes");
        }
    }
}
