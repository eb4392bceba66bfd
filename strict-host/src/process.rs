//! What the workers of one process share: data and queues.

use std::collections::{BTreeMap, VecDeque};

/// Shared data and queues.
#[derive(Debug, Default)]
pub struct Process {
    pub(crate) values: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    pub(crate) versions: u32,
    pub(crate) names: Vec<Vec<u8>>,
    /// The messages of each queue, by its number.
    pub queues: BTreeMap<u32, VecDeque<Vec<u8>>>,
}

impl Process {
    /// Writes if `version` is what stands there, as Envoy does: 0 always writes.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], version: u32) -> bool {
        let stands = self.values.get(key).map(|(_, version)| *version);
        if version != 0 && stands.is_some_and(|stands| stands != version) {
            return false;
        }
        self.versions += 1;
        self.values.insert(key.to_vec(), (value.to_vec(), self.versions));
        true
    }

    /// The number of the queue of this name.
    pub(crate) fn register(&mut self, name: &[u8]) -> u32 {
        let known = self.names.iter().position(|known| known == name);
        let position = known.unwrap_or_else(|| {
            self.names.push(name.to_vec());
            self.names.len() - 1
        });
        let queue = u32::try_from(position).unwrap() + 1;
        self.queues.entry(queue).or_default();
        queue
    }
}
