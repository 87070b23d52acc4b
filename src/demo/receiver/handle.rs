//! The receiver as its user sees it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::ledger::Ledger;
use super::rules::{Behaviour, Paths};
use super::serving::{Command, Shared, serve};
use crate::demo::port;

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
#[error("not within {within:?}: {requests} requests, {in_flight} of them in flight, {held} documents held")]
pub struct Overdue {
    within: Duration,
    requests: usize,
    in_flight: usize,
    held: usize,
}

/// A receiver at work on 127.0.0.1. It has a thread and a runtime of its own, so nothing its user does holds it up.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// `None` only while being dropped.
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// A receiver that is up.
    pub async fn new() -> io::Result<Receiver> {
        let listener = port::listen()?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let (commands, orders) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || runtime.block_on(serve(served, orders)))?;
        let receiver = Receiver {
            address,
            shared,
            commands: Some(commands),
            thread: Some(thread),
        };
        receiver.open(listener).await?;
        Ok(receiver)
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Plays a receiver that is down: refuses connections, and cuts those it has.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        self.send(Command::Stop(done));
        let _ = stopped.await;
    }

    /// Up again after [`stop`](Receiver::stop), on the same port, with what it held.
    pub async fn start(&self) -> io::Result<()> {
        self.open(TcpListener::bind(self.address)?).await
    }

    /// From now on requests for these paths are treated so. The latest rule that matches decides.
    pub fn rule(&self, paths: Paths, behaviour: Behaviour) {
        self.shared.rules().add(paths, behaviour, None);
    }

    /// As [`rule`](Receiver::rule), for the next `count` requests it decides on.
    pub fn rule_for_next(&self, count: usize, paths: Paths, behaviour: Behaviour) {
        self.shared.rules().add(paths, behaviour, Some(count));
    }

    /// From now on larger bodies are answered with 413, whatever the rules.
    pub fn take_at_most(&self, bytes: usize) {
        self.shared.rules().take_at_most(bytes);
    }

    /// Accepts everything again. What hangs goes on hanging.
    pub fn clear_rules(&self) {
        self.shared.rules().clear();
    }

    /// From now on it remembers the version of each document, removed ones too, and ignores older ones; it answers
    /// them with 200 all the same.
    pub fn guard(&self) {
        self.shared.ledger().guard();
    }

    /// From now on a POST to this path makes a member of it and answers with its `id`; what is below it is not there before it
    /// was made so.
    pub fn collect(&self, path: &str) {
        self.shared.ledger().apis.add_collection(path);
    }

    /// From now on a POST to this path brings many documents in envelopes, which are held below it by their keys, and is
    /// answered with `items`, one for each. Those with these keys are refused.
    pub fn bulk(&self, path: &str, refused: &[&str]) {
        self.shared.ledger().apis.add_bulk(path, refused, false);
    }

    /// As [`bulk`](Receiver::bulk), but one of these keys has all refused that came with it.
    pub fn bulk_all_or_nothing(&self, path: &str, refused: &[&str]) {
        self.shared.ledger().apis.add_bulk(path, refused, true);
    }

    /// Lets the requests go on that [`Behaviour::Hold`] holds now.
    pub fn release(&self) {
        self.shared.released.send_replace(());
    }

    /// Forgets the requests before the first that is still in flight, not what is held: for runs too long to keep
    /// every request.
    pub fn clear_journal(&self) {
        self.shared.ledger().clear_journal();
    }

    /// A look at what is held and what happened. Requests wait meanwhile.
    pub fn look<T>(&self, view: impl FnOnce(&Ledger) -> T) -> T {
        view(&self.shared.ledger())
    }

    /// The document held at this path.
    pub fn body(&self, path: &str) -> Option<String> {
        self.look(|ledger| ledger.body(path).map(str::to_owned))
    }

    /// How many requests the journal has.
    pub fn request_count(&self) -> usize {
        self.look(|ledger| ledger.journal().len())
    }

    /// Waits until `reached` holds; asked again after each change.
    pub async fn wait_until(&self, within: Duration, mut reached: impl FnMut(&Ledger) -> bool) -> Result<(), Overdue> {
        let deadline = Instant::now() + within;
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if self.look(&mut reached) {
                return Ok(());
            }
            if timeout_at(deadline, changed.changed()).await.is_err() {
                return Err(self.overdue(within));
            }
        }
    }

    /// Waits until the journal has `count` requests, answered or not.
    pub async fn wait_for_requests(&self, count: usize, within: Duration) -> Result<(), Overdue> {
        self.wait_until(within, |ledger| ledger.journal().len() >= count).await
    }

    /// Waits until no request has arrived for as long as `quiet`, counted from now at the earliest.
    pub async fn wait_for_quiet(&self, quiet: Duration, within: Duration) -> Result<(), Overdue> {
        let called = Instant::now();
        let deadline = called + within;
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let last = self.look(|ledger| ledger.journal().last().map(|request| request.arrived.into()));
            let quiet_at = last.map_or(called, |last: Instant| last.max(called)) + quiet;
            if quiet_at > deadline {
                return Err(self.overdue(within));
            }
            if timeout_at(quiet_at, changed.changed()).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn open(&self, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let (done, opened) = oneshot::channel();
        self.send(Command::Start(listener, done));
        opened
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the receiver's thread has ended")))
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // Fails only if the thread has panicked; whoever waits for the answer is told.
            let _ = commands.send(command);
        }
    }

    fn overdue(&self, within: Duration) -> Overdue {
        self.look(|ledger| Overdue {
            within,
            requests: ledger.journal().len(),
            in_flight: ledger.in_flight(),
            held: ledger.held().len(),
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
