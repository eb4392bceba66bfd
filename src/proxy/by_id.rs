//! Contexts by their numbers, in one sorted list. Hosts count upwards and few streams are
//! under way at once, so nearly all is found, added and removed at the list's end; a tree
//! would cost each request a dozen functions that are cold by then.

/// A value for each of some numbers.
pub(super) struct ById<T>(Vec<(u32, T)>);

impl<T> ById<T> {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of `id`.
    pub(super) fn get(&self, id: u32) -> Option<&T> {
        let (_, value) = self.0.get(self.find(id).ok()?)?;
        Some(value)
    }

    /// The value of `id`, to be changed.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let at = self.find(id).ok()?;
        let (_, value) = self.0.get_mut(at)?;
        Some(value)
    }

    /// Sets the value of `id`, and gives the one that it had.
    pub(super) fn insert(&mut self, id: u32, value: T) -> Option<T> {
        match self.get_mut(id) {
            Some(known) => Some(std::mem::replace(known, value)),
            None => {
                let (Ok(at) | Err(at)) = self.find(id);
                self.0.insert(at, (id, value));
                None
            }
        }
    }

    /// Takes the value of `id` out.
    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let at = self.find(id).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Where `id` is, or where it belongs.
    fn find(&self, id: u32) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last >= id => self.0.binary_search_by_key(&id, |(id, _)| *id),
            _ => Err(self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_any_order_are_found_until_they_are_removed() {
        let mut values = ById::new();
        for id in [5, 9, 1, 7, u32::MAX, 0] {
            assert_eq!(values.insert(id, id), None);
        }
        assert_eq!(values.insert(7, 70), Some(7));
        assert_eq!(values.get(7), Some(&70));
        *values.get_mut(1).unwrap() = 10;
        assert_eq!((values.get(8), values.get_mut(2)), (None, None));
        for (id, value) in [(0, 0), (9, 9), (u32::MAX, u32::MAX), (1, 10), (7, 70), (5, 5)] {
            assert_eq!(values.remove(id), Some(value));
            assert_eq!(values.remove(id), None);
        }
        assert_eq!(values.get(0), None);
    }
}
