//! What a stretch of the stream amounts to: subjects, values to look up, and whole syncs to visit, each once.

use std::collections::HashMap;
use std::time::SystemTime;

use super::SubjectKey;

/// Position of a sync in the list of plans.
pub type SyncIndex = usize;

/// Position of a listener in its plan.
pub type ListenerIndex = usize;

/// Which transactions touched something, and when the first of them was committed.
#[derive(Debug, Clone)]
pub struct Touch {
    xid: u32,
    /// Others than `xid`; seldom any.
    more: Vec<u32>,
    pub committed_at: SystemTime,
}

impl Touch {
    fn new(origin: Origin) -> Self {
        Self {
            xid: origin.xid,
            more: Vec::new(),
            committed_at: origin.committed_at,
        }
    }

    fn add(&mut self, origin: Origin) {
        // Changes come transaction by transaction, so the last one is the likely one.
        if self.more.last().unwrap_or(&self.xid) != &origin.xid {
            self.more.push(origin.xid);
        }
    }

    /// 0 stands for what belongs to none.
    pub fn xids(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.xid).chain(self.more.iter().copied())
    }
}

/// The transaction that a change belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// As the stream has it: the low half of the full transaction id. 0, which no transaction has, for what belongs to none.
    pub xid: u32,
    pub committed_at: SystemTime,
    /// The sync that made these changes itself, after a delivery: it does not listen to them.
    pub author: Option<SyncIndex>,
}

/// Why a sync that listens to a table takes no notice of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unheard {
    /// No column that counts has changed.
    Irrelevant,
    /// The sync made the change itself.
    Own,
}

/// Values of a listener's columns, encoded like a key.
pub type Values = SubjectKey;

/// A visit of many subjects that no key or value tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sweep {
    /// Every subject in the source.
    All,
    /// Every subject that state knows.
    Known,
}

#[derive(Debug, Default)]
pub struct Batch {
    pub subjects: HashMap<(SyncIndex, SubjectKey), Touch>,
    pub lookups: HashMap<(SyncIndex, ListenerIndex), HashMap<Values, Touch>>,
    pub sweeps: HashMap<(SyncIndex, Sweep), Touch>,
    /// Touches that another touch in this batch already stands for.
    pub folded: HashMap<SyncIndex, u64>,
    /// Changes that touched nothing. They alone do not make a batch.
    pub unheard: HashMap<(SyncIndex, Unheard), u64>,
    /// About what the batch holds in memory.
    bytes: usize,
}

/// What an entry of a hash map costs beside the text of its key, generously.
const ENTRY_BYTES: usize = 160;

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.lookups.is_empty() && self.sweeps.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn touch_subject(&mut self, sync: SyncIndex, key: SubjectKey, origin: Origin) {
        let bytes = key.as_str().len() + ENTRY_BYTES;
        if touch(&mut self.subjects, (sync, key), origin) {
            self.bytes += bytes;
        } else {
            *self.folded.entry(sync).or_default() += 1;
        }
    }

    pub fn touch_values(&mut self, sync: SyncIndex, listener: ListenerIndex, values: Values, origin: Origin) {
        let bytes = values.as_str().len() + ENTRY_BYTES;
        if touch(self.lookups.entry((sync, listener)).or_default(), values, origin) {
            self.bytes += bytes;
        }
    }

    pub fn sweep(&mut self, sync: SyncIndex, sweep: Sweep, origin: Origin) {
        if touch(&mut self.sweeps, (sync, sweep), origin) {
            self.bytes += ENTRY_BYTES;
        }
    }

    pub fn pass_over(&mut self, sync: SyncIndex, why: Unheard) {
        *self.unheard.entry((sync, why)).or_default() += 1;
    }

    /// The transactions behind everything in the batch, each once.
    pub fn xids(&self) -> Vec<u32> {
        let touches = self
            .subjects
            .values()
            .chain(self.lookups.values().flat_map(HashMap::values))
            .chain(self.sweeps.values());
        let mut xids: Vec<u32> = touches.flat_map(Touch::xids).filter(|&xid| xid != 0).collect();
        xids.sort_unstable();
        xids.dedup();
        xids
    }
}

/// Whether `key` is new in the map.
fn touch<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Touch>, key: K, origin: Origin) -> bool {
    match map.entry(key) {
        std::collections::hash_map::Entry::Occupied(mut entry) => {
            entry.get_mut().add(origin);
            false
        }
        std::collections::hash_map::Entry::Vacant(entry) => {
            entry.insert(Touch::new(origin));
            true
        }
    }
}
