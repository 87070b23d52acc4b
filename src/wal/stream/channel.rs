//! A channel whose ceiling is in bytes, because rows are anything from ten bytes to a gigabyte.
//!
//! The queue itself has no bound of its own: every item in it holds permits for what it weighs, its own size
//! included, so the semaphore bounds both the bytes and the number of items. An item is what one read of the socket has
//! brought, and nothing in it outlives its weight by more than the buffer it was cut from.

use std::mem::size_of;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Semaphore, mpsc};

use super::StreamError;

type Item = Result<Bytes, StreamError>;

pub(super) struct Sender {
    queue: mpsc::UnboundedSender<(u32, Item)>,
    budget: Arc<Semaphore>,
    budget_bytes: u32,
}

pub(super) struct Receiver {
    queue: mpsc::UnboundedReceiver<(u32, Item)>,
    budget: Arc<Semaphore>,
    /// What the last item weighs, which is still being read.
    held: u32,
}

/// The receiver is gone.
#[derive(Debug)]
pub(super) struct Closed;

pub(super) fn channel(budget_bytes: usize) -> (Sender, Receiver) {
    let budget_bytes = u32::try_from(budget_bytes).unwrap_or(u32::MAX).max(1);
    // A semaphore holds fewer permits than `usize` has values, but more than `u32` has where `usize` is wider.
    let budget_bytes = budget_bytes.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
    let budget = Arc::new(Semaphore::new(budget_bytes as usize));
    let (sender, receiver) = mpsc::unbounded_channel();
    (
        Sender {
            queue: sender,
            budget: Arc::clone(&budget),
            budget_bytes,
        },
        Receiver {
            queue: receiver,
            budget,
            held: 0,
        },
    )
}

impl Sender {
    /// Sets room for as many bytes aside, waiting for it if need be. Cancel-safe.
    pub(super) async fn reserve(&self, bytes: usize) -> Result<Room, Closed> {
        let weight = self.weight(bytes);
        let permits = self.budget.acquire_many(weight).await.map_err(|_| Closed)?;
        // Given back by the receiver.
        permits.forget();
        Ok(Room(weight))
    }

    /// Without a receiver, a no-op.
    pub(super) fn send(&self, Room(weight): Room, bytes: Bytes) {
        let _ = self.queue.send((weight, Ok(bytes)));
    }

    /// The last word. Needs no room.
    pub(super) fn end(self, error: StreamError) {
        let _ = self.queue.send((0, Err(error)));
    }

    /// Nothing weighs more than the budget, or the largest would never pass.
    fn weight(&self, bytes: usize) -> u32 {
        let bytes = size_of::<(u32, Item)>().saturating_add(bytes);
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.budget_bytes)
    }
}

/// Room that was set aside for one item.
pub(super) struct Room(u32);

impl Receiver {
    /// The next item; the one before is done with.
    pub(super) async fn recv(&mut self) -> Item {
        self.release();
        match self.queue.recv().await {
            Some((weight, item)) => self.hold(weight, item),
            None => Err(StreamError::Ended),
        }
    }

    /// As [`Receiver::recv`], if it is there already.
    pub(super) fn try_recv(&mut self) -> Option<Item> {
        self.release();
        match self.queue.try_recv() {
            Ok((weight, item)) => Some(self.hold(weight, item)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(StreamError::Ended)),
        }
    }

    fn release(&mut self) {
        self.budget.add_permits(std::mem::take(&mut self.held) as usize);
    }

    fn hold(&mut self, weight: u32, item: Item) -> Item {
        self.held = weight;
        item
    }
}

impl Drop for Receiver {
    /// Wakes a sender that waits for room.
    fn drop(&mut self) {
        self.budget.close();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn send(sender: &Sender, len: usize) -> bool {
        let room = sender.reserve(len).now_or_never();
        let fits = room.is_some();
        if let Some(room) = room {
            sender.send(room.unwrap(), Bytes::from(vec![0; len]));
        }
        fits
    }

    #[tokio::test]
    async fn bytes_that_wait_or_are_being_read_hold_the_sender_back() {
        let (sender, mut receiver) = channel(1000);
        assert!(send(&sender, 600));
        let mut room = Box::pin(sender.reserve(600));
        assert!(room.as_mut().now_or_never().is_none());
        assert_eq!(receiver.recv().await.unwrap().len(), 600);
        assert!(room.as_mut().now_or_never().is_none());
        assert!(receiver.try_recv().is_none());
        sender.send(room.await.unwrap(), Bytes::new());
        assert!(receiver.try_recv().is_some());
    }

    #[tokio::test]
    async fn more_than_the_budget_passes_alone() {
        let (sender, mut receiver) = channel(1000);
        assert!(send(&sender, 10));
        assert!(!send(&sender, 50_000));
        receiver.recv().await.unwrap();
        assert!(receiver.try_recv().is_none());
        assert!(send(&sender, 50_000));
        assert!(!send(&sender, 0));
        assert_eq!(receiver.recv().await.unwrap().len(), 50_000);
        assert!(receiver.try_recv().is_none());
        assert!(send(&sender, 0));
    }

    #[tokio::test]
    async fn empty_items_have_a_ceiling_too() {
        let (sender, _receiver) = channel(100_000);
        let fits = (0..100_000).take_while(|_| send(&sender, 0)).count();
        assert!(fits < 2_000, "{fits}");
    }

    #[tokio::test]
    async fn a_dropped_receiver_wakes_the_sender() {
        let (sender, receiver) = channel(100);
        assert!(send(&sender, 100));
        let room = sender.reserve(1);
        drop(receiver);
        assert!(room.await.is_err());
    }

    #[tokio::test]
    async fn the_last_word_follows_the_items_and_then_it_is_over() {
        let (sender, mut receiver) = channel(100);
        assert!(receiver.try_recv().is_none());
        assert!(send(&sender, 100));
        sender.end(StreamError::Setting("test"));
        assert!(receiver.recv().await.is_ok());
        assert!(matches!(receiver.recv().await, Err(StreamError::Setting("test"))));
        assert!(matches!(receiver.recv().await, Err(StreamError::Ended)));
        assert!(matches!(receiver.try_recv(), Some(Err(StreamError::Ended))));
    }
}
