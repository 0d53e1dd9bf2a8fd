//! A memory cut into slots that are filled in turn, and what each of them holds.

use rustc_hash::FxHashMap;
use std::hash::Hash;

/// The slots of one memory.
#[derive(Clone, Debug)]
pub struct Ring<K> {
    /// What a slot holds, and the last compute that reads it.
    slots: Vec<Option<(K, u64)>>,
    /// The slot of everything held.
    found: FxHashMap<K, usize>,
    next: usize,
}

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is there already.
    Hit {
        /// Its slot.
        slot: usize,
    },
    /// It must be loaded.
    Miss {
        /// The slot to load it to.
        slot: usize,
        /// Index of the last compute that reads what lies there now.
        frees: Option<u64>,
    },
}

impl Place {
    /// The slot.
    pub const fn slot(self) -> usize {
        match self {
            Self::Hit { slot } | Self::Miss { slot, .. } => slot,
        }
    }
}

impl<K: Hash + Eq + Clone> Ring<K> {
    /// A memory of so many slots, all empty.
    pub fn new(slots: usize) -> Self {
        Self { slots: vec![None; slots], found: FxHashMap::default(), next: 0 }
    }

    /// A place for something that computes up to index `last` read. The oldest content gives way.
    pub fn place(&mut self, key: K, last: u64) -> Place {
        if let Some(&slot) = self.found.get(&key) {
            self.slots[slot] = Some((key, last));
            return Place::Hit { slot };
        }
        let slot = self.next;
        self.next = (slot + 1) % self.slots.len();
        self.found.insert(key.clone(), slot);
        let held = self.slots[slot].replace((key, last));
        if let Some((held, _)) = &held {
            self.found.remove(held);
        }
        Place::Miss { slot, frees: held.map(|(_, user)| user) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_content_gives_way() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.place("a", 3), Place::Miss { slot: 0, frees: None });
        assert_eq!(ring.place("b", 4), Place::Miss { slot: 1, frees: None });
        assert_eq!(ring.place("a", 9), Place::Hit { slot: 0 });
        assert_eq!(ring.place("c", 12), Place::Miss { slot: 0, frees: Some(9) });
        assert_eq!(ring.place("b", 14), Place::Hit { slot: 1 });
        assert_eq!(ring.place("a", 15), Place::Miss { slot: 1, frees: Some(14) });
    }
}
