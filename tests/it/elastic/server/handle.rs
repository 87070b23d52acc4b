//! The server as its user sees it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::cluster::{Cluster, Product};
use super::fault::Fault;
use super::index::Block;
use super::journal::Journal;
use super::rules::{Behaviour, On};
use super::serving::{Shared, State, apply, converse};
use crate::world::{DEADLINE, eventually};

/// Below those that the kernel hands out by itself, so that it is free again after the server was stopped.
const PORTS: std::ops::Range<u16> = 12_000..20_000;

/// A server on 127.0.0.1.
#[derive(Debug)]
pub struct Elastic {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Elastic {
    /// Up and empty.
    pub async fn new() -> Self {
        Self::of(Product::Elasticsearch).await
    }

    pub async fn of(product: Product) -> Self {
        let listener = loop {
            let port = fastrand::u16(PORTS);
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                break listener;
            }
        };
        let elastic = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Shared::new(product)),
            task: Mutex::default(),
        };
        elastic.serve(listener);
        elastic
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Refuses connections, and cuts those it has. What it holds is kept.
    pub async fn stop(&self) {
        let task = self.task.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    /// Up again after [`Elastic::stop`], at the same address. A process that was being started just then may have the old socket
    /// until it has become another program.
    pub async fn start(&self) {
        let listen = async || TcpListener::bind(self.address).await.ok();
        self.serve(eventually(DEADLINE, "the address", listen).await);
    }

    fn serve(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = JoinSet::new();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    connections.spawn(converse(Arc::clone(&shared), stream));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        *self.task.lock().unwrap() = Some(task);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Changes what there is, as somebody else would.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        change(&mut self.state().cluster)
    }

    /// How many scrolls somebody has left behind.
    pub fn scrolls(&self) -> usize {
        self.state().scrolls.open()
    }

    /// As if the time were up for which scrolls are kept.
    pub fn forget_scrolls(&self) {
        self.state().scrolls.forget();
    }

    pub fn create(&self, index: &str, body: &Value) {
        self.change(|cluster| cluster.create(index, body)).unwrap();
    }

    pub fn block(&self, index: &str, block: Option<Block>) {
        self.change(|cluster| cluster.index_mut(index).unwrap().block = block);
    }

    /// From now on only those with one of these values of `Authorization` are let in.
    pub fn let_in(&self, credentials: &[&str]) {
        let credentials = credentials.iter().map(|&value| value.to_owned());
        self.state().credentials = Some(credentials.collect());
    }

    pub fn limit(&self, content_bytes_max: usize, hangs_up: bool) {
        let mut state = self.state();
        state.content_bytes_max = content_bytes_max;
        state.hangs_up_on_large = hangs_up;
    }

    pub fn rule(&self, on: On, behaviour: Behaviour) {
        self.state().rules.add(on, None, behaviour);
    }

    pub fn rule_for_next(&self, count: usize, on: On, behaviour: Behaviour) {
        self.state().rules.add(on, Some(count), behaviour);
    }

    /// The next so many operations, of any document or of these, are answered so.
    pub fn fail_items(&self, count: usize, ids: Option<&[&str]>, fault: Fault) {
        self.state().item_rules.add(ids, count, fault, false);
    }

    /// As [`Elastic::fail_items`], but they are done all the same.
    pub fn apply_and_fail_items(&self, count: usize, ids: Option<&[&str]>, fault: Fault) {
        self.state().item_rules.add(ids, count, fault, true);
    }

    /// Behaves again. What hangs goes on hanging.
    pub fn clear_rules(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.item_rules.clear();
    }

    /// Does what was put off by [`Behaviour::ApplyLate`].
    pub fn catch_up(&self) {
        let late = std::mem::take(&mut self.state().late);
        for (method, request) in late {
            apply(&self.shared, &method, &request);
        }
    }

    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    pub fn look<T>(&self, view: impl FnOnce(&Cluster, &Journal) -> T) -> T {
        let state = self.state();
        view(&state.cluster, &state.journal)
    }

    /// Waits until `reached` holds; asked again after each change.
    pub async fn wait_until(&self, what: &str, reached: impl Fn(&Cluster, &Journal) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut changed = self.shared.changed.subscribe();
        while !self.look(&reached) {
            let told = timeout_at(deadline, changed.changed()).await;
            assert!(told.is_ok(), "not within {DEADLINE:?}: {what}");
        }
    }

    /// Waits until so many bulk requests have come since the journal was last cleared.
    pub async fn wait_for_bulks(&self, count: usize) {
        let what = format!("{count} bulk requests");
        self.wait_until(&what, |_, journal| journal.bulks().count() >= count)
            .await;
    }
}

impl Drop for Elastic {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
        }
    }
}

/// Errors that any server gives at times.
impl Fault {
    /// `org.elasticsearch.index.IndexingPressure`; OpenSearch has its own name for it.
    pub fn busy(product: Product) -> Self {
        let kind = match product {
            Product::Elasticsearch => "es_rejected_execution_exception",
            Product::OpenSearch => "rejected_execution_exception",
        };
        let reason = "rejected execution of coordinating operation [coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0, \
                      coordinating_operation_bytes=54215758, max_coordinating_and_primary_bytes=53687091]";
        Self::new(429, kind, reason)
    }

    /// `org.elasticsearch.action.UnavailableShardsException`
    pub fn no_shard() -> Self {
        let reason = "[orders][0] primary shard is not active Timeout: [1m], request: [BulkShardRequest [[orders][0]] containing [1] \
                      requests]";
        Self::new(503, "unavailable_shards_exception", reason)
    }

    /// `org.elasticsearch.xpack.security.authz.AuthorizationService`
    pub fn unauthorized() -> Self {
        let reason = "action [indices:data/write/bulk[s]] is unauthorized for API key id [k] of user [walsift] on indices [orders], this \
                      action is granted by the index privileges [create_doc,create,delete,index,write,all]";
        Self::new(403, "security_exception", reason)
    }
}
