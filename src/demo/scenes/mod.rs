//! What the demo shows, in order. Each scene proves what it tells, or fails.

mod crash;
mod flood;
mod outage;
mod single;
mod start;

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use hyper::Method;

use super::cluster::ClusterError;
use super::counts::Counts;
use super::receiver::{Overdue, Request};
use super::shop;
use super::stage::Stage;
use super::story::Story;

/// Something was not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("files or processes of the demo fail")]
    Io(#[from] io::Error),
    #[error("the throwaway database refuses")]
    Sql(#[from] tokio_postgres::Error),
    #[error("the engine's metrics cannot be read")]
    Metrics(#[from] reqwest::Error),
    #[error("waited in vain for requests")]
    Requests(#[from] Overdue),
    #[error("waited in vain until {0}")]
    Overdue(&'static str),
    #[error("{0}")]
    NotSo(String),
}

pub(super) async fn play(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    start::first_start(stage, story).await?;
    single::status_change(stage, story).await?;
    single::same_value(stage, story).await?;
    single::unread_column(stage, story).await?;
    single::renamed_customer(stage, story).await?;
    single::moved_line(stage, story).await?;
    single::deleted_order(stage, story).await?;
    flood::ten_thousand_updates(stage, story).await?;
    outage::receiver_down(stage, story).await?;
    crash::engine_killed(stage, story).await?;
    stage.stop_engine().await
}

/// What followed from something that was written, once nothing more can follow.
struct Followed {
    requests: Vec<Request>,
    /// Of the engine, the proof's own change left out.
    counts: Counts,
    /// From the write to the first request.
    after: Duration,
}

/// Writes, and tells it.
async fn write(stage: &mut Stage, story: &Story, sql: &str) -> Result<Followed, Failure> {
    story.wrote(sql);
    let counts = stage.counts().await?;
    let from = stage.receiver.request_count();
    let written = Instant::now();
    stage.write(sql).await?;
    let requests = stage.settle(from).await?;
    let mut counts = stage.counts().await?.since(counts);
    counts.changes = counts.changes.saturating_sub(1);
    shop::compare(&stage.client, &stage.receiver).await?;
    let first = requests.iter().map(|request| request.arrived).min();
    let after = first.map_or(Duration::ZERO, |first| first.saturating_duration_since(written));
    Ok(Followed {
        requests,
        counts,
        after,
    })
}

/// Fails unless there was one request of this method for each of these orders, and no other.
fn each_once(requests: &[Request], method: &Method, orders: impl IntoIterator<Item = u32>) -> Result<(), Failure> {
    let wanted: BTreeSet<String> = orders.into_iter().map(shop::path).collect();
    let sent: BTreeSet<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    let right = requests.len() == wanted.len()
        && wanted.iter().all(|path| sent.contains(path.as_str()))
        && requests.iter().all(|request| request.method == *method);
    ensure(right, || {
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        format!(
            "wanted one {method} for each of {} orders: {}\nthere were {} requests: {}",
            wanted.len(),
            some(&wanted),
            requests.len(),
            some(&requests.iter().map(line).collect::<Vec<_>>())
        )
    })
}

fn ensure(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if so { Ok(()) } else { Err(Failure::NotSo(otherwise())) }
}

/// `PUT /orders/17`
fn line(request: &Request) -> String {
    format!("{} {}", request.method, request.path)
}

/// The first few of them.
fn some(items: &[impl AsRef<str>]) -> String {
    const FEW: usize = 12;
    let few: Vec<&str> = items.iter().take(FEW).map(AsRef::as_ref).collect();
    let rest = if items.len() > FEW { ", …" } else { "" };
    format!("{}{rest}", few.join(", "))
}
