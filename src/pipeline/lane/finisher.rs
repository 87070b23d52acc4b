//! Runs the user's SQL for deliveries that were accepted, before they are written down as delivered.
//!
//! Whatever is there in one transaction. If that fails, each in one of its own, so that one which cannot be done stops no
//! other. A delivery for which it fails counts as one that failed: nobody knows what has been done, so the state is void, and
//! the same document is sent again under the same number. A crash before the end is written down repeats both.
//!
//! The transaction begins with a message that names the slot and the sync, by which intake knows what to pass over.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_postgres::types::ToSql;

use super::{Accepted, End, Ended, Outlet};
use crate::diff::Operation;
use crate::failpoint;
use crate::pg::{self, AsText};
use crate::pipeline::engine::chain;
use crate::plan::{AfterPublish, Parameter};
use crate::publish::{Failure, FailureClass, Outcome};

/// Most deliveries in one transaction.
const TRANSACTION_DELIVERIES: usize = 100;

/// Between tries, while the source is away.
const RETRY_PERIOD: Duration = Duration::from_millis(200);

#[derive(Debug, thiserror::Error)]
enum FinishError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// Until the publisher is done.
pub(super) async fn run(
    outlet: &Outlet<'_>,
    after: &AfterPublish,
    mut accepted: Receiver<Accepted>,
    ended: Sender<Ended>,
) {
    let finisher = Finisher { outlet, after };
    let mut together = Vec::with_capacity(TRANSACTION_DELIVERIES);
    while accepted.recv_many(&mut together, TRANSACTION_DELIVERIES).await > 0 {
        for ending in finisher.finish(std::mem::take(&mut together)).await {
            // A closed channel means that the lane has been abandoned.
            let _ = ended.send(ending).await;
        }
    }
}

struct Finisher<'a> {
    outlet: &'a Outlet<'a>,
    after: &'a AfterPublish,
}

impl Finisher<'_> {
    async fn finish(&self, together: Vec<Accepted>) -> Vec<Ended> {
        let mut endings = Vec::with_capacity(together.len());
        if self.follow(&together).await.is_ok() {
            endings.extend(together.into_iter().map(|one| one.end(self.outlet)));
            return endings;
        }
        for one in together {
            endings.push(match self.follow(std::slice::from_ref(&one)).await {
                Ok(()) => one.end(self.outlet),
                Err(message) => self.fail(one, message),
            });
        }
        endings
    }

    /// Says why it cannot be done; waits while the source is away.
    async fn follow(&self, part: &[Accepted]) -> Result<(), String> {
        let (health, route) = (&self.outlet.lane.engine.health, self.outlet.route);
        let component = format!("after_publish of {} into {}", route.sync_name, route.sink_name);
        loop {
            match self.run(part).await {
                Ok(()) => {
                    health.well(&component);
                    return Ok(());
                }
                Err(FinishError::Postgres(error)) if !is_away(&error) => {
                    health.well(&component);
                    return Err(pg::describe(&error));
                }
                Err(error) => {
                    if health.ill(&component, chain(&error)) {
                        tracing::error!(
                            sync = %route.sync_name, error = chain(&error),
                            "cannot run what follows deliveries; trying again"
                        );
                    }
                    tokio::time::sleep(RETRY_PERIOD).await;
                }
            }
        }
    }

    async fn run(&self, part: &[Accepted]) -> Result<(), FinishError> {
        let engine = &self.outlet.lane.engine;
        let mut source = engine.source.get().await?;
        failpoint::die_at("after-publish-before-begin");
        let tx = source.transaction().await?;
        let mark = format!("{}/{}", engine.config.source.slot, self.outlet.route.sync_name);
        tx.query_one(include_str!("../../../sql/source/after_publish.sql"), &[&mark])
            .await?;
        // Not cached: the types of its parameters may be others by now.
        let statement = tx.prepare(&self.after.sql).await?;
        let all = part.iter().map(async |one| {
            let arity = one.parcel.delivery.shape.columns.len();
            let key = one.parcel.delivery.key.values(arity);
            let values: Vec<AsText<'_>> = self
                .after
                .parameters
                .iter()
                .map(|parameter| match parameter {
                    Parameter::Key(at) => AsText(Some(&key[*at])),
                    Parameter::Document => AsText(one.document()),
                })
                .collect();
            let parameters: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            tx.execute(&statement, &parameters).await
        });
        try_join_all(all).await?;
        failpoint::die_at("after-publish-before-commit");
        tx.commit().await?;
        failpoint::die_at("after-publish-after-commit");
        Ok(())
    }

    fn fail(&self, accepted: Accepted, message: String) -> Ended {
        let failure = Failure {
            status: accepted.status,
            remote: accepted.remote.clone(),
            ..Failure::uncertain(FailureClass::AfterPublish, message)
        };
        let outcome = Outcome::Retry { failure, after: None };
        match (accepted.parcel).judge(self.outlet, outcome, accepted.started_at, false) {
            End::Over(ended) => ended,
            End::Accepted(_) => unreachable!("a failure is not accepted"),
        }
    }
}

impl Accepted {
    /// `None` after a delete.
    fn document(&self) -> Option<&str> {
        (self.parcel.delivery.operation == Operation::Upsert).then_some(&*self.parcel.delivery.document)
    }
}

/// Whether the server cannot be talked to, which says nothing of the statement. Whatever else it says may have been said by
/// the statement itself.
fn is_away(error: &pg::Error) -> bool {
    error
        .code()
        .is_none_or(|code| code.code().starts_with("08") || code.code().starts_with("57P"))
}
