//! What a file of tensors says that it holds, proven to lie inside the file.
//!
//! Whatever the bytes: a [`Place`] exists only when every number that it names can be read, and when
//! reading it takes no more memory than the file has bytes, up to [`REPEATED`].

use std::collections::BTreeMap;
use std::ops::Range;

/// More dimensions than any weight has; strides of more are not worth their memory.
pub(crate) const MAX_DIMENSIONS: usize = 8;

/// How many more numbers a tensor may have than its storage: views may repeat what they show.
const REPEATED: usize = 1 << 20;

/// The tensors of a file by name, and what else it has a name for.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Tensors of floats.
    pub(crate) tensors: BTreeMap<String, Place>,
    /// What is not read, and what it is: `int64`, `a dict`.
    pub(crate) others: BTreeMap<String, String>,
}

/// What the numbers of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// They are read.
    Float(Float),
    /// They are not read; bytes of one, if that is known.
    Other(Option<usize>),
}

impl Element {
    /// Bytes of one number.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            Element::Float(float) => Some(float.bytes()),
            Element::Other(bytes) => bytes,
        }
    }
}

/// Formats of numbers that weights come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    Bf16,
    F16,
    F32,
    F64,
}

impl Float {
    /// Bytes of one number.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Float::Bf16 | Float::F16 => 2,
            Float::F32 => 4,
            Float::F64 => 8,
        }
    }
}

/// Where the numbers of a tensor stand in its file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) float: Float,
    pub(crate) dims: Vec<usize>,
    /// How far two neighbours along each dimension are apart, in numbers.
    pub(crate) strides: Vec<usize>,
    /// From the first number to the end of the last.
    pub(crate) bytes: Range<usize>,
    /// Whether the most significant byte comes first.
    pub(crate) big_endian: bool,
}

/// The part of a file that tensors look at.
pub(crate) struct Storage {
    pub(crate) bytes: Range<usize>,
    pub(crate) big_endian: bool,
}

impl Place {
    /// Numbers in order, which are all that `bytes` holds.
    pub(crate) fn dense(
        float: Float,
        dims: Vec<usize>,
        bytes: Range<usize>,
    ) -> Result<Self, String> {
        let strides = dense_strides(&dims);
        Self::view(float, dims, strides, 0, &Storage { bytes, big_endian: false })
    }

    /// The view of a storage that begins with its number `offset`.
    pub(crate) fn view(
        float: Float,
        dims: Vec<usize>,
        strides: Vec<usize>,
        offset: usize,
        storage: &Storage,
    ) -> Result<Self, String> {
        if dims.len() > MAX_DIMENSIONS || dims.len() != strides.len() {
            return Err(format!(
                "has {} dimensions and {} strides, expected as many of both, at most {MAX_DIMENSIONS}",
                dims.len(),
                strides.len()
            ));
        }
        let size = float.bytes();
        let stored = storage.bytes.len() / size;
        let count = count(&dims)?;
        if count > stored.saturating_add(REPEATED) {
            return Err(format!(
                "is {dims:?} over a storage of {stored} numbers, which it would repeat: \
                 save a contiguous copy"
            ));
        }
        let end = if count == 0 { Some(offset) } else { last(&dims, &strides, offset) };
        match end {
            Some(end) if offset <= stored && end <= stored => {
                let start = storage.bytes.start;
                let bytes = start + offset * size..start + end * size;
                Ok(Self { float, dims, strides, bytes, big_endian: storage.big_endian })
            }
            _ => Err(format!(
                "is {dims:?} with strides {strides:?} from number {offset} on, \
                 but its storage ends after {stored} numbers"
            )),
        }
    }

    /// How many numbers it has.
    pub(crate) fn count(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether the numbers stand in order and without gaps.
    pub(crate) fn is_dense(&self) -> bool {
        let dense = dense_strides(&self.dims);
        let mut axes = self.dims.iter().zip(self.strides.iter().zip(&dense));
        // How far the neighbours of one number are is nothing that is ever used.
        self.count() == 0 || axes.all(|(dim, (found, dense))| *dim == 1 || found == dense)
    }
}

/// The product of `dims`.
pub(crate) fn count(dims: &[usize]) -> Result<usize, String> {
    dims.iter()
        .try_fold(1_usize, |count, dim| count.checked_mul(*dim))
        .ok_or_else(|| format!("is {dims:?}, which are more numbers than can be counted"))
}

/// One behind the last number that a view which is not empty shows.
fn last(dims: &[usize], strides: &[usize], offset: usize) -> Option<usize> {
    let mut axes = dims.iter().zip(strides);
    axes.try_fold(offset, |at, (dim, stride)| at.checked_add(stride.checked_mul(dim - 1)?))?
        .checked_add(1)
}

fn dense_strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(dims[axis]);
    }
    strides
}

/// A name from a file as an error may show it: on one line, and not without end.
pub(crate) fn quoted(name: &str) -> String {
    const SHOWN: usize = 100;
    let shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if name.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{shown}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(dims: &[usize], strides: &[usize], offset: usize, expected: Expect) {
        // Ten numbers from byte 100 on.
        let storage = Storage { bytes: 100..140, big_endian: false };
        let place = Place::view(Float::F32, dims.to_vec(), strides.to_vec(), offset, &storage);
        let found = match place {
            Ok(place) => format!("{:?}, dense: {}", place.bytes, place.is_dense()),
            Err(message) => message,
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn a_place_lies_inside_its_storage() {
        check(&[2, 5], &[5, 1], 0, expect!["100..140, dense: true"]);
        check(&[5, 2], &[1, 5], 0, expect!["100..140, dense: false"]);
        check(&[2, 1, 2], &[2, 77, 1], 6, expect!["124..140, dense: true"]);
        check(&[], &[], 9, expect!["136..140, dense: true"]);
        check(&[0, 3], &[3, 1], 10, expect!["140..140, dense: true"]);
        check(&[4, 3], &[0, 1], 0, expect!["100..112, dense: false"]);
        check(
            &[2, 5],
            &[5, 1],
            1,
            expect![
                "is [2, 5] with strides [5, 1] from number 1 on, but its storage ends after 10 numbers"
            ],
        );
        check(
            &[0],
            &[1],
            11,
            expect![
                "is [0] with strides [1] from number 11 on, but its storage ends after 10 numbers"
            ],
        );
        check(
            &[2, 2],
            &[usize::MAX, 1],
            0,
            expect![
                "is [2, 2] with strides [18446744073709551615, 1] from number 0 on, but its storage ends after 10 numbers"
            ],
        );
        check(
            &[1 << 40],
            &[0],
            0,
            expect![
                "is [1099511627776] over a storage of 10 numbers, which it would repeat: save a contiguous copy"
            ],
        );
        check(
            &[1 << 40, 1 << 40],
            &[1, 1],
            0,
            expect![
                "is [1099511627776, 1099511627776], which are more numbers than can be counted"
            ],
        );
        check(
            &[1],
            &[],
            0,
            expect!["has 1 dimensions and 0 strides, expected as many of both, at most 8"],
        );
        check(
            &[1; 9],
            &[1; 9],
            0,
            expect!["has 9 dimensions and 9 strides, expected as many of both, at most 8"],
        );
    }

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(quoted("a.b"), "`a.b`");
        assert_eq!(quoted("a\n\u{1b}[2J"), "`a\\n\\u{1b}[2J`");
        assert_eq!(quoted(&"x".repeat(101)), format!("`{}…`", "x".repeat(100)));
    }
}
