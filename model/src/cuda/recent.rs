//! What was looked for lately, in bounded room.

use std::collections::HashMap;
use std::hash::Hash;

/// A table that forgets what nobody has asked for in a while.
///
/// There are two generations. What is found in the older one moves to the younger one; when that is full, it takes
/// the older one's place, and what nobody has asked for since then is gone.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Entries of one generation.
    most: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    /// A table of `most` entries.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), most: (most / 2).max(1) }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.most && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes_in_time() {
        let mut table = Recent::new(8);
        table.insert(0, "asked for");
        table.insert(1, "not");
        for key in 2..100 {
            assert_eq!(table.get(&0), Some("asked for"), "{key}");
            table.insert(key, "newer");
            // The newer half is always there.
            let newest = (key - 2).max(2)..=key;
            assert!(newest.into_iter().all(|key| table.get(&key) == Some("newer")), "{key}");
            assert!(table.young.len() + table.old.len() <= 8);
        }
        assert_eq!(table.get(&1), None);
        table.clear();
        assert_eq!(table.get(&0), None);
    }

    #[test]
    fn a_key_has_one_value() {
        let mut table = Recent::new(2);
        table.insert("a", 1);
        table.insert("b", 2);
        // `a` lies in the older generation by now.
        table.insert("a", 3);
        assert_eq!((table.get(&"a"), table.get(&"b")), (Some(3), Some(2)));
        table.insert("a", 4);
        assert_eq!(table.get(&"a"), Some(4));
    }
}
