//! A file in the address space, whose pages are let go once they were read.
//!
//! What is mapped counts as memory of ours while it is resident. So numbers are copied piece by
//! piece, and each piece is handed back before the next one is touched.

use super::contents::{Float, Place};
use crate::Error;
use burn::tensor::TensorData;
use half::{bf16, f16};
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How many bytes of a file are resident at a time.
const PIECE: usize = 16 << 20;

/// One mapped file.
#[derive(Debug)]
pub(crate) struct Mapped {
    path: PathBuf,
    map: Mmap,
}

impl Mapped {
    /// Maps a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        // A pipe would be waited for, without end.
        if !std::fs::metadata(path).map_err(Error::read(path))?.is_file() {
            return Err(Error::invalid(path, "is no file"));
        }
        let file = File::open(path).map_err(Error::read(path))?;
        // SAFETY: a checkpoint is complete before its name exists and is not written to afterwards.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::read(path))?;
        // A hint: reading goes the same way, only slower, where it is not taken.
        #[cfg(unix)]
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self { path: path.to_owned(), map })
    }

    /// Where the file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// A copy of the numbers in `place`, f64 as f32, all else in its own format.
    pub(crate) fn numbers(&self, place: &Place) -> TensorData {
        let dims = place.dims.clone();
        match (place.float, place.big_endian) {
            (Float::F32, false) => TensorData::new(self.copy(place, f32::from_le_bytes), dims),
            (Float::F32, true) => TensorData::new(self.copy(place, f32::from_be_bytes), dims),
            (Float::Bf16, false) => TensorData::new(self.copy(place, bf16::from_le_bytes), dims),
            (Float::Bf16, true) => TensorData::new(self.copy(place, bf16::from_be_bytes), dims),
            (Float::F16, false) => TensorData::new(self.copy(place, f16::from_le_bytes), dims),
            (Float::F16, true) => TensorData::new(self.copy(place, f16::from_be_bytes), dims),
            (Float::F64, false) => {
                TensorData::new(self.copy(place, |bytes| f64::from_le_bytes(bytes) as f32), dims)
            }
            (Float::F64, true) => {
                TensorData::new(self.copy(place, |bytes| f64::from_be_bytes(bytes) as f32), dims)
            }
        }
    }

    fn copy<E: Copy + Default, const N: usize>(
        &self,
        place: &Place,
        decode: impl Fn([u8; N]) -> E,
    ) -> Vec<E> {
        if place.is_dense() {
            self.copy_dense(place, decode)
        } else {
            self.copy_view(place, decode)
        }
    }

    fn copy_dense<E, const N: usize>(
        &self,
        place: &Place,
        decode: impl Fn([u8; N]) -> E,
    ) -> Vec<E> {
        let mut values = Vec::with_capacity(place.count());
        let mut start = place.bytes.start;
        for piece in self.map[place.bytes.clone()].chunks(PIECE) {
            let (numbers, _) = piece.as_chunks::<N>();
            values.extend(numbers.iter().map(|bytes| decode(*bytes)));
            self.release(start..start + piece.len());
            start += piece.len();
        }
        values
    }

    /// In the order of the file, not in that of the tensor: each page is touched once.
    fn copy_view<E: Copy + Default, const N: usize>(
        &self,
        place: &Place,
        decode: impl Fn([u8; N]) -> E,
    ) -> Vec<E> {
        let (numbers, _) = self.map[place.bytes.clone()].as_chunks::<N>();
        let mut values = vec![E::default(); place.count()];
        let mut walk = Walk::new(place);
        let mut kept = 0;
        loop {
            let Axis { length, from, to } = walk.inner;
            let step = (PIECE / N / from.max(1)).max(1);
            for start in (0..length).step_by(step) {
                let at = (walk.from + start * from) * N;
                if at.saturating_sub(kept) > PIECE {
                    self.release(place.bytes.start + kept..place.bytes.start + at);
                    kept = at;
                }
                for i in start..length.min(start + step) {
                    values[walk.to + i * to] = decode(numbers[walk.from + i * from]);
                }
            }
            if !walk.advance() {
                break;
            }
        }
        self.release(place.bytes.clone());
        values
    }

    /// Lets the kernel take back the pages of `range`.
    pub(crate) fn release(&self, range: Range<usize>) {
        // SAFETY: of a file that is mapped to be read, a page that is dropped comes back with the
        // same bytes, as long as nobody writes to the file: what `open` relies on already.
        // An advice that is not taken costs memory, never numbers.
        #[cfg(unix)]
        let _ = unsafe {
            self.map.unchecked_advise_range(
                memmap2::UncheckedAdvice::DontNeed,
                range.start,
                range.len(),
            )
        };
    }
}

/// One dimension of a view: how many numbers, and how far apart in the file and in the tensor.
#[derive(Clone, Copy, Debug)]
struct Axis {
    length: usize,
    from: usize,
    to: usize,
}

/// The rows of a view, in the order of the file.
struct Walk {
    outer: Vec<Axis>,
    /// The axis along which numbers are closest in the file.
    inner: Axis,
    position: Vec<usize>,
    /// Where the row begins in the file, and in the tensor.
    from: usize,
    to: usize,
}

impl Walk {
    fn new(place: &Place) -> Self {
        let mut to = 1;
        let mut outer: Vec<Axis> = Vec::with_capacity(place.dims.len());
        for (length, from) in place.dims.iter().zip(&place.strides).rev() {
            outer.push(Axis { length: *length, from: *from, to });
            to *= length;
        }
        outer.retain(|axis| axis.length != 1);
        outer.sort_by_key(|axis| std::cmp::Reverse(axis.from));
        let inner = outer.pop().unwrap_or(Axis { length: 1, from: 0, to: 0 });
        Self { position: vec![0; outer.len()], outer, inner, from: 0, to: 0 }
    }

    /// Goes to the next row; false behind the last.
    fn advance(&mut self) -> bool {
        for (axis, position) in self.outer.iter().zip(&mut self.position).rev() {
            if *position + 1 < axis.length {
                *position += 1;
                self.from += axis.from;
                self.to += axis.to;
                return true;
            }
            self.from -= *position * axis.from;
            self.to -= *position * axis.to;
            *position = 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::contents::Storage;
    use super::*;
    use proptest::prelude::*;

    /// A file of the bytes 0, 1, 2, ...
    fn mapped(length: usize) -> (tempfile::TempDir, Mapped) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        let mapped = Mapped::open(&path).unwrap();
        (folder, mapped)
    }

    /// The bits of a tensor of two-byte numbers.
    fn bits(data: &TensorData) -> Vec<u16> {
        data.as_slice::<bf16>().unwrap().iter().map(|number| number.to_bits()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Any view is what its definition says: number `i, j, k` stands at the sum of its strides.
        #[test]
        fn a_view_is_read_number_by_number(
            dims in prop::collection::vec(0_usize..5, 0..4),
            strides in prop::collection::vec(0_usize..30, 4),
            offset in 0_usize..20,
            big_endian: bool,
        ) {
            let (_folder, mapped) = mapped(1001);
            let strides = strides[..dims.len()].to_vec();
            // From an odd byte on: numbers of a file need not be aligned.
            let storage = Storage { bytes: 1..1001, big_endian };
            let place =
                Place::view(Float::Bf16, dims.clone(), strides.clone(), offset, &storage).unwrap();
            let data = mapped.numbers(&place);
            prop_assert_eq!(data.shape().as_slice(), &dims[..]);
            let mut expected = Vec::new();
            for index in 0..dims.iter().product() {
                let mut rest = index;
                let mut at = offset;
                for (dim, stride) in dims.iter().zip(&strides).rev() {
                    at += rest % dim * stride;
                    rest /= dim;
                }
                let bytes = [(1 + 2 * at) as u8, (2 + 2 * at) as u8];
                expected.push(if big_endian {
                    u16::from_be_bytes(bytes)
                } else {
                    u16::from_le_bytes(bytes)
                });
            }
            prop_assert_eq!(bits(&data), expected);
        }
    }

    /// Longer than a piece, so that the pieces must meet.
    #[test]
    fn pieces_meet() {
        let numbers = PIECE / 2 + 1001;
        let (_folder, mapped) = mapped(2 * numbers + 1);
        let storage = Storage { bytes: 1..2 * numbers + 1, big_endian: false };
        let view = |dims: &[usize], strides: &[usize]| {
            let (dims, strides) = (dims.to_vec(), strides.to_vec());
            bits(&mapped.numbers(&Place::view(Float::Bf16, dims, strides, 0, &storage).unwrap()))
        };
        let number = |at: usize| u16::from_le_bytes([(1 + 2 * at) as u8, (2 + 2 * at) as u8]);
        let dense = view(&[numbers], &[1]);
        assert!(dense.iter().enumerate().all(|(i, found)| *found == number(i)));
        let turned = view(&[7, numbers / 7], &[1, 7]);
        let width = numbers / 7;
        let mut turned = turned.iter().enumerate();
        assert!(turned.all(|(i, found)| *found == number(i / width + i % width * 7)));
    }
}
