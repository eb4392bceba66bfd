//! A map in one sorted list: for what is looked up on every request, or holds little.
//!
//! Numbers that a host counts upwards are found, added and removed at the list's end. Anything
//! else costs a few comparisons to find and one move of memory to add; a tree costs each
//! request a dozen functions that are cold by then, and the filter 8 KB for each kind of it.

use std::borrow::Borrow;

/// Values by their keys, in the order of the keys.
#[derive(Debug)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All of them, their values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Keeps those for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The value of `key`.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (_, value) = self.0.get(self.find(key).ok()?)?;
        Some(value)
    }

    /// The value of `key`, to be changed.
    #[must_use]
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        let (_, value) = self.0.get_mut(at)?;
        Some(value)
    }

    /// Sets the value of `key`, and gives the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, known)| std::mem::replace(known, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes the value of `key` out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Where `key` is, or where it belongs.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        match self.0.last() {
            Some((last, _)) if last.borrow() >= key => {
                self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
            }
            _ => Err(self.0.len()),
        }
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_any_order_are_found_until_they_are_removed() {
        let mut values = SortedMap::new();
        for key in [5, 9, 1, 7, u32::MAX, 0] {
            assert_eq!(values.insert(key, key), None);
        }
        assert_eq!(values.insert(7, 70), Some(7));
        assert_eq!(values.get(&7), Some(&70));
        *values.get_mut(&1).unwrap() = 10;
        assert!(values.get(&8).is_none() && values.get_mut(&2).is_none());
        let keys: Vec<_> = values.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [0, 1, 5, 7, 9, u32::MAX]);
        for (key, value) in [(0, 0), (9, 9), (u32::MAX, u32::MAX), (1, 10), (7, 70), (5, 5)] {
            assert_eq!(values.remove(&key), Some(value));
            assert_eq!(values.remove(&key), None);
        }
        assert!(values.is_empty() && values.get(&0).is_none());
    }

    #[test]
    fn texts_are_found_by_slices_of_them() {
        let mut values = SortedMap::new();
        for text in ["/b", "/a", "/a/b", ""] {
            values.insert(text.as_bytes().to_vec(), text);
        }
        assert_eq!(values.get(b"/a/b".as_slice()), Some(&"/a/b"));
        assert_eq!(values.get(b"/a/".as_slice()), None);
        values.retain(|_, text| text.len() == 2);
        values.iter_mut().for_each(|(_, text)| *text = "x");
        assert_eq!(values.into_iter().map(|(_, text)| text).collect::<String>(), "xx");
    }
}
