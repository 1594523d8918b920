//! The cache in front of a place that misbehaves.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::store::Take;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place in memory; counts bytes, and closes the connection after so many.
#[derive(Clone, Default)]
struct Memory {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    sent: Arc<AtomicUsize>,
    /// Bytes of each answer, at most.
    cut: Arc<Mutex<Option<usize>>>,
    without_etag: bool,
}

impl Memory {
    fn put(&self, key: &str, content: &[u8]) {
        hold(&self.objects).insert(key.to_owned(), content.to_vec());
    }

    fn sent(&self) -> usize {
        self.sent.swap(0, Ordering::SeqCst)
    }
}

impl Objects for Memory {
    fn name(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    fn find(&self, key: &str) -> Result<Option<Meta>, Error> {
        let objects = hold(&self.objects);
        Ok(objects.get(key).map(|content| Meta {
            key: key.to_owned(),
            size: content.len() as u64,
            etag: (!self.without_etag).then(|| format!("{:x}", Sha256::digest(content))),
            modified: 0,
        }))
    }

    fn list(&self, _: &str) -> Result<Vec<Meta>, Error> {
        Ok(Vec::new())
    }

    fn read(&self, meta: &Meta, from: u64, take: Take<'_>) -> Result<(), Error> {
        let content = hold(&self.objects).get(&meta.key).cloned().unwrap();
        let rest = &content[from as usize..];
        let cut = hold(&self.cut).unwrap_or(rest.len()).min(rest.len());
        self.sent.fetch_add(cut, Ordering::SeqCst);
        for piece in rest[..cut].chunks(3) {
            take(piece)?;
        }
        Ok(())
    }

    fn write(&self, key: &str, file: &Path) -> Result<(), Error> {
        self.put(key, &std::fs::read(file).unwrap());
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        hold(&self.objects).remove(key);
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn file(&self, _: &str) -> Option<PathBuf> {
        None
    }
}

fn cache(memory: &Memory, root: &Path) -> Cache {
    Cache::of(Box::new(memory.clone()), root, PathBuf::from("memory")).unwrap()
}

/// Brings `key` and returns the file's content.
fn brought(cache: &Cache, key: &str) -> Result<Option<Vec<u8>>, Error> {
    let found = cache.bring_all(&[key.to_owned()])?[0];
    Ok(found.then(|| std::fs::read(cache.path(key)).unwrap()))
}

#[test]
fn an_object_comes_once_and_again_when_either_side_changed() {
    let (memory, root) = (Memory::default(), tempfile::tempdir().unwrap());
    let cache = cache(&memory, root.path());
    memory.put("a/b", b"0123456789");
    assert_eq!(brought(&cache, "a/b").unwrap().unwrap(), b"0123456789");
    assert_eq!(memory.sent(), 10);
    brought(&cache, "a/b").unwrap();
    assert_eq!(memory.sent(), 0);
    // As long as before, but other bytes.
    memory.put("a/b", b"9876543210");
    assert_eq!(brought(&cache, "a/b").unwrap().unwrap(), b"9876543210");
    assert_eq!(memory.sent(), 10);
    // Somebody wrote into the cache.
    std::fs::write(cache.path("a/b"), "tampered !").unwrap();
    let file = File::options().write(true).open(cache.path("a/b")).unwrap();
    file.set_modified(UNIX_EPOCH).unwrap();
    assert_eq!(brought(&cache, "a/b").unwrap().unwrap(), b"9876543210");
    assert_eq!(memory.sent(), 10);
}

#[test]
fn what_is_gone_at_the_place_is_gone_here() {
    let (memory, root) = (Memory::default(), tempfile::tempdir().unwrap());
    let cache = cache(&memory, root.path());
    memory.put("a", b"x");
    assert!(brought(&cache, "a").unwrap().is_some());
    memory.remove("a").unwrap();
    assert!(brought(&cache, "a").unwrap().is_none());
    assert!(!cache.path("a").exists());
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let (memory, root) = (Memory::default(), tempfile::tempdir().unwrap());
    let cache = cache(&memory, root.path());
    memory.put("a", b"0123456789");
    *hold(&memory.cut) = Some(4);
    assert_eq!(brought(&cache, "a").unwrap().unwrap(), b"0123456789");
    assert_eq!(memory.sent(), 10);
}

#[test]
fn a_dead_connection_leaves_a_part_that_the_next_command_continues() {
    let (memory, root) = (Memory::default(), tempfile::tempdir().unwrap());
    let cache = cache(&memory, root.path());
    memory.put("a", b"0123456789");
    // As a command that was killed left it.
    let meta = memory.find("a").unwrap().unwrap();
    let part = cache.part_of(&meta);
    make_parent(&part).unwrap();
    std::fs::write(&part, "012345").unwrap();
    *hold(&memory.cut) = Some(0);
    let error = brought(&cache, "a").unwrap_err();
    assert_eq!(error.code, exit::TRANSIENT);
    assert_eq!(error.message, "the connection closed after 6 of 10 bytes of `memory://a`");
    assert!(!cache.path("a").exists());
    *hold(&memory.cut) = None;
    assert_eq!(brought(&cache, "a").unwrap().unwrap(), b"0123456789");
    assert_eq!(memory.sent(), 4);
}

#[test]
fn without_an_etag_nothing_is_continued() {
    let memory = Memory { without_etag: true, ..Memory::default() };
    let root = tempfile::tempdir().unwrap();
    let cache = cache(&memory, root.path());
    memory.put("a", b"0123456789");
    *hold(&memory.cut) = Some(4);
    assert_eq!(brought(&cache, "a").unwrap_err().code, exit::TRANSIENT);
    *hold(&memory.cut) = None;
    memory.sent();
    assert_eq!(brought(&cache, "a").unwrap().unwrap(), b"0123456789");
    assert_eq!(memory.sent(), 10);
}

#[test]
fn many_at_once_bring_each_object_once() {
    let (memory, root) = (Memory::default(), tempfile::tempdir().unwrap());
    let keys: Vec<String> = (0..50).map(|number| format!("folder/{number}")).collect();
    for key in &keys {
        memory.put(key, key.as_bytes());
    }
    let bytes: usize = keys.iter().map(String::len).sum();
    // Each has its own locks, as processes have.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let cache = cache(&memory, root.path());
                assert!(cache.bring_all(&keys).unwrap().into_iter().all(|found| found));
            });
        }
    });
    assert_eq!(memory.sent(), bytes);
    for key in &keys {
        let content = std::fs::read(cache(&memory, root.path()).path(key)).unwrap();
        assert_eq!(content, key.as_bytes());
    }
}

#[test]
fn an_empty_object_is_an_empty_file() {
    let (memory, root) = (Memory::default(), tempfile::tempdir().unwrap());
    let cache = cache(&memory, root.path());
    memory.put("a", b"");
    assert_eq!(brought(&cache, "a").unwrap().unwrap(), b"");
}
