//! What the documents of one outlet take in memory, from the build until they are delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An outlet's share. The last document let in may exceed it, so that one larger than the whole share is not kept out for
/// ever: what is held is never more than the share and one document.
#[derive(Debug)]
pub(super) struct Stock {
    used_bytes: AtomicUsize,
    share_bytes: usize,
}

/// The room that one document takes; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Stored {
    stock: Arc<Stock>,
    bytes: usize,
}

impl Stock {
    pub fn new(share_bytes: usize) -> Self {
        Self {
            used_bytes: AtomicUsize::new(0),
            share_bytes,
        }
    }

    /// How many documents of about this size are worth building: none before half of the share is free, then at least one.
    pub fn worth_building(&self, average_bytes: usize) -> usize {
        let used = self.used_bytes.load(Ordering::Relaxed);
        if used > self.share_bytes / 2 {
            return 0;
        }
        ((self.share_bytes - used) / average_bytes.max(1)).max(1)
    }

    /// Room for a document; `None` if the share is used up. Only the feeder asks.
    pub fn store(self: &Arc<Self>, bytes: usize) -> Option<Stored> {
        if self.used_bytes.load(Ordering::Relaxed) >= self.share_bytes.max(1) {
            return None;
        }
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        Some(Stored {
            stock: self.clone(),
            bytes,
        })
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.stock.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_exceeded_by_more_than_one_document() {
        let stock = Arc::new(Stock::new(100));
        let first = stock.store(60).unwrap();
        let second = stock.store(60).unwrap();
        assert!(stock.store(1).is_none());
        drop(first);
        assert!(stock.store(1).is_some());
        drop(second);
        assert_eq!(stock.worth_building(1), 100);
    }

    #[test]
    fn a_document_larger_than_the_share_is_let_in_alone() {
        let stock = Arc::new(Stock::new(100));
        assert_eq!(stock.worth_building(1_000), 1);
        let whole = stock.store(1_000).unwrap();
        assert_eq!(stock.worth_building(1), 0);
        assert!(stock.store(1).is_none());
        drop(whole);
        assert!(stock.store(1).is_some());
    }

    #[test]
    fn nothing_is_built_before_half_of_the_share_is_free() {
        let stock = Arc::new(Stock::new(100));
        let small = stock.store(50).unwrap();
        assert_eq!(stock.worth_building(10), 5);
        let _more = stock.store(1).unwrap();
        assert_eq!(stock.worth_building(10), 0);
        drop(small);
        assert_eq!(stock.worth_building(10), 9);
    }
}
