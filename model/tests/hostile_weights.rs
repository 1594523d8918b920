//! Files of weights with bytes of a stranger: no panic, and no more memory than the file has bytes,
//! beyond a bound.
#![allow(clippy::unwrap_used)]

use model::source::Tensors;
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Counts what each thread has taken.
struct Counted;

thread_local! {
    /// What is taken now, and the most at one time.
    static TAKEN: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

// SAFETY: the system's allocator does the work; beside it, numbers of this thread change.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as of this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A thread that ends has no numbers any more.
fn count(bytes: isize) {
    let _ = TAKEN.try_with(|taken| {
        let (now, most) = taken.get();
        taken.set((now + bytes, most.max(now + bytes)));
    });
}

#[global_allocator]
static COUNTED: Counted = Counted;

/// The most bytes that this thread had at one time during `work`, beyond what it had before.
fn most(work: impl FnOnce()) -> usize {
    let (before, _) = TAKEN.get();
    TAKEN.set((before, before));
    work();
    (TAKEN.get().1 - before) as usize
}

/// What views may repeat, and what small files need for names and places.
const BOUND: usize = 16 << 20;

thread_local! {
    /// Where the files of a test stand, one for each name.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
}

/// Reads all that a file of these bytes gives.
fn check(bytes: &[u8], name: &str) {
    let path = FOLDER.with(|folder| folder.path().join(name));
    // Written over, not anew: to make and remove thousands of files takes many systems a minute.
    let mut file = File::options().create(true).truncate(false).write(true).open(&path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    check_at(&path, bytes.len());
}

/// The same of a file that is there, of `length` bytes.
fn check_at(path: &Path, length: usize) {
    let most = most(|| {
        let Ok(tensors) = Tensors::open_file(path) else { return };
        for name in tensors.names() {
            let info = tensors.info(name).unwrap();
            let data = tensors.data(name).unwrap();
            assert_eq!(data.shape().as_slice(), info.dims);
            assert_eq!(data.dtype(), info.dtype);
        }
    });
    // Headers and pickles become maps and handles: a few words for each of their bytes.
    assert!(most <= 64 * length + BOUND, "{most} bytes for a file of {length}");
}

/// What torch wrote, and a safetensors file beside each.
fn seeds() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/torch");
    let files = [
        "plain/pytorch_model.bin",
        "views/pytorch_model.bin",
        "formats/pytorch_model.bin",
        "legacy/pytorch_model.bin",
        "adapter/adapter_model.bin",
        "views/expected.safetensors",
        "formats/expected.safetensors",
    ];
    files.iter().map(|file| golden.join(file)).collect()
}

/// One change of a file.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Wide(prop::sample::Index, u32),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), prop_oneof![Just(u32::MAX), Just(0), any::<u32>()])
            .prop_map(|(at, number)| Change::Wide(at, number)),
        (at(), 1_usize..9).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1_usize..200).prop_map(|(at, length)| Change::Repeat(at, length)),
        at().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        if file.is_empty() {
            return;
        }
        let length = file.len();
        match self {
            Change::Set(at, byte) => file[at.index(length)] = *byte,
            Change::Flip(at, bit) => file[at.index(length)] ^= 1 << bit,
            Change::Wide(at, number) => {
                let at = at.index(length);
                for (place, byte) in file[at..].iter_mut().zip(number.to_le_bytes()) {
                    *place = byte;
                }
            }
            Change::Remove(at, count) => {
                let at = at.index(length);
                file.drain(at..length.min(at + count));
            }
            Change::Repeat(at, count) => {
                let at = at.index(length);
                let piece = file[at..length.min(at + count)].to_vec();
                file.splice(at..at, piece);
            }
            Change::Cut(at) => file.truncate(at.index(length)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_file_is_read_or_refused(
        seed in prop::sample::select(seeds()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut file = std::fs::read(&seed).unwrap();
        changes.iter().for_each(|change| change.apply(&mut file));
        check(&file, seed.file_name().unwrap().to_str().unwrap());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes, "a.bin");
        check(&bytes, "a.safetensors");
        // Past the first look: any header, any archive.
        let length = (bytes.len() as u64).to_le_bytes();
        check(&[&length[..], &bytes].concat(), "a.safetensors");
        check(&[b"PK\x03\x04", &bytes[..]].concat(), "a.bin");
    }
}

/// Each byte of each file, one after the other.
#[test]
fn every_byte_may_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for seed in seeds() {
        let path = folder.path().join(seed.file_name().unwrap());
        let whole = std::fs::read(&seed).unwrap();
        std::fs::write(&path, &whole).unwrap();
        let mut file = File::options().write(true).open(&path).unwrap();
        let mut set = |at: usize, byte: u8| {
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        for (at, right) in whole.iter().enumerate() {
            // Lengths beyond all bounds, and neighbours.
            for wrong in [0xff, right ^ 1] {
                set(at, wrong);
                check_at(&path, whole.len());
            }
            set(at, *right);
        }
    }
}
