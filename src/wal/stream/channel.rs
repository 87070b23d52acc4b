//! A channel whose ceiling is in bytes, because rows are anything from ten bytes to a gigabyte.
//!
//! The queue itself has no bound of its own: every item in it holds permits for what it weighs, its own size
//! included, so the semaphore bounds both the bytes and the number of items.

use std::mem::size_of;
use std::sync::Arc;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Semaphore, mpsc};

use super::{Event, StreamError};

type Item = Result<Event, StreamError>;

pub(super) struct Sender {
    queue: mpsc::UnboundedSender<(u32, Item)>,
    budget: Arc<Semaphore>,
    budget_bytes: u32,
}

pub(super) struct Receiver {
    queue: mpsc::UnboundedReceiver<(u32, Item)>,
    budget: Arc<Semaphore>,
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
        },
    )
}

impl Sender {
    /// Sets room for `event` aside, waiting for it if need be. Cancel-safe.
    pub(super) async fn reserve(&self, event: &Event) -> Result<Room, Closed> {
        let weight = self.weight(event);
        let permits = self.budget.acquire_many(weight).await.map_err(|_| Closed)?;
        // Given back by the receiver.
        permits.forget();
        Ok(Room(weight))
    }

    /// Sets room for `event` aside if there is any now.
    pub(super) fn try_reserve(&self, event: &Event) -> Option<Room> {
        let weight = self.weight(event);
        self.budget.try_acquire_many(weight).ok()?.forget();
        Some(Room(weight))
    }

    /// Without a receiver, a no-op.
    pub(super) fn send(&self, Room(weight): Room, event: Event) {
        let _ = self.queue.send((weight, Ok(event)));
    }

    /// The last word. Needs no room.
    pub(super) fn end(self, error: StreamError) {
        let _ = self.queue.send((0, Err(error)));
    }

    /// No event weighs more than the budget, or the largest would never pass.
    fn weight(&self, event: &Event) -> u32 {
        let bytes = size_of::<(u32, Item)>().saturating_add(event.payload_bytes());
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.budget_bytes)
    }
}

/// Room that was set aside for one event.
pub(super) struct Room(u32);

impl Receiver {
    pub(super) async fn recv(&mut self) -> Item {
        match self.queue.recv().await {
            Some(received) => self.release(received),
            None => Err(StreamError::Ended),
        }
    }

    pub(super) fn try_recv(&mut self) -> Option<Item> {
        match self.queue.try_recv() {
            Ok(received) => Some(self.release(received)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(StreamError::Ended)),
        }
    }

    fn release(&self, (weight, item): (u32, Item)) -> Item {
        self.budget.add_permits(weight as usize);
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
    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::*;

    fn data(len: usize) -> Event {
        Event::Data(Bytes::from(vec![0; len]))
    }

    #[tokio::test]
    async fn bytes_that_wait_hold_the_sender_back() {
        let (sender, mut receiver) = channel(1000);
        sender.send(sender.try_reserve(&data(600)).unwrap(), data(600));
        assert!(sender.try_reserve(&data(600)).is_none());
        let event = data(600);
        let mut room = Box::pin(sender.reserve(&event));
        assert!(room.as_mut().now_or_never().is_none());
        assert_eq!(receiver.recv().await.unwrap(), data(600));
        sender.send(room.await.unwrap(), data(600));
        assert!(receiver.try_recv().is_some());
    }

    #[tokio::test]
    async fn an_event_larger_than_the_budget_passes_alone() {
        let (sender, mut receiver) = channel(1000);
        sender.send(sender.try_reserve(&data(10)).unwrap(), data(10));
        assert!(sender.try_reserve(&data(50_000)).is_none());
        receiver.recv().await.unwrap();
        sender.send(sender.try_reserve(&data(50_000)).unwrap(), data(50_000));
        assert!(sender.try_reserve(&data(0)).is_none());
        assert_eq!(receiver.recv().await.unwrap(), data(50_000));
        assert!(sender.try_reserve(&data(0)).is_some());
    }

    #[tokio::test]
    async fn empty_events_have_a_ceiling_too() {
        let (sender, _receiver) = channel(100_000);
        let event = Event::KeepAlive {
            wal_end: super::super::super::Lsn(1),
        };
        let fits = std::iter::from_fn(|| sender.try_reserve(&event)).take(100_000).count();
        assert!(fits < 2_000, "{fits}");
    }

    #[tokio::test]
    async fn a_dropped_receiver_wakes_the_sender() {
        let (sender, receiver) = channel(100);
        sender.send(sender.try_reserve(&data(100)).unwrap(), data(100));
        let event = data(1);
        let room = sender.reserve(&event);
        drop(receiver);
        assert!(room.await.is_err());
    }

    #[tokio::test]
    async fn the_last_word_follows_the_events_and_then_it_is_over() {
        let (sender, mut receiver) = channel(100);
        assert!(receiver.try_recv().is_none());
        sender.send(sender.try_reserve(&data(100)).unwrap(), data(100));
        sender.end(StreamError::Setting("test"));
        assert!(receiver.recv().await.is_ok());
        assert!(matches!(receiver.recv().await, Err(StreamError::Setting("test"))));
        assert!(matches!(receiver.recv().await, Err(StreamError::Ended)));
        assert!(matches!(receiver.try_recv(), Some(Err(StreamError::Ended))));
    }
}
