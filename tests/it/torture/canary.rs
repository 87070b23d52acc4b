//! Changes that must arrive although something else cannot.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::types::PgLsn;
use tokio_postgres::{Client, NoTls};
use walsift::demo::{Behaviour, Paths};

use crate::world::{World, eventually};

/// For what normally takes milliseconds: there may be a crash of Postgres, a lease that must run out, and a crowd before it.
const WITHIN: Duration = Duration::from_secs(90);

/// Rows that no writer touches.
const CUSTOMER: u32 = 900_001;
const ORDER: u32 = 900_001;
const DOUBTFUL_ORDER: u32 = 900_002;
const HIDDEN_ORDER: u32 = 900_003;

/// One at a time.
#[derive(Default)]
pub struct Canary(Mutex<Option<Client>>);

impl Canary {
    /// A new customer name reaches the sink `crm`.
    pub async fn sings(&self, world: &World, when: &str, number: u32) {
        let name = format!("canary {number}");
        let statement = format!(
            "insert into customers values ({CUSTOMER}, '{name}') on conflict (id) do update set name = excluded.name"
        );
        self.run(world, &statement).await;
        arrives(world, &format!("/crm/{CUSTOMER}"), &name, when).await;
    }

    /// A new status of an order reaches the sink `orders`.
    pub async fn order_passes(&self, world: &World, when: &str, number: u32) {
        let status = format!("canary {number}");
        self.write_order(world, ORDER, &status).await;
        arrives(world, &format!("/orders/{ORDER}"), &status, when).await;
    }

    /// An order is delivered, and changed; the sink applies that, and says nothing yet.
    pub async fn leaves_in_doubt(&self, world: &World) {
        let path = format!("/orders/{DOUBTFUL_ORDER}");
        self.write_order(world, DOUBTFUL_ORDER, "before").await;
        arrives(world, &path, "before", "to begin with").await;
        world
            .receiver()
            .rule_for_next(1, Paths::exact(path.clone()), Behaviour::ApplyThenHang);
        self.write_order(world, DOUBTFUL_ORDER, "between").await;
        arrives(world, &path, "between", "with an answer or without").await;
    }

    /// The order is what it was before.
    pub async fn takes_it_back(&self, world: &World) {
        self.write_order(world, DOUBTFUL_ORDER, "before").await;
    }

    async fn write_order(&self, world: &World, id: u32, status: &str) {
        let statement = format!(
            "insert into orders values ({id}, '{status}') on conflict (id) do update set status = excluded.status"
        );
        self.run(world, &statement).await;
    }

    /// A change of an order nobody else changes is in the WAL, and is seen by nobody for as long as its commit waits for a
    /// standby.
    pub async fn hides(&self, world: &World, number: u32) {
        let statement = format!(
            "begin; set local synchronous_commit = on;
             insert into orders values ({HIDDEN_ORDER}, 'hidden {number}') on conflict (id) do update set status = excluded.status;
             commit"
        );
        // A session of its own, as others may be needed meanwhile. Where it is lost, so may be the change.
        let mut session = None;
        if let Some(client) = connected(world, &mut session).await {
            let _ = client.batch_execute(&statement).await;
        }
    }

    /// What is written now is confirmed.
    pub async fn slot_moves(&self, world: &World, when: &str) {
        let mut written: Option<PgLsn> = None;
        let what = format!("{when}, the slot moves");
        eventually(WITHIN, &what, async || {
            let mut session = self.0.lock().await;
            let client = connected(world, &mut session).await?;
            if written.is_none() {
                let message = "select pg_logical_emit_message(true, 'walsift.test', '')";
                written = Some(client.query_one(message, &[]).await.ok()?.get(0));
            }
            let confirmed = "select confirmed_flush_lsn from pg_replication_slots where slot_name = $1";
            let row = client.query_opt(confirmed, &[&world.slot()]).await.ok()??;
            (row.get::<_, Option<PgLsn>>(0)? >= written?).then_some(())
        })
        .await;
    }

    /// There is a slot: what is written from now on is streamed. What was there before comes with the first load, which rests while
    /// the sink fails.
    pub async fn is_listened_to(&self, world: &World) {
        eventually(WITHIN, "a slot", async || {
            let mut session = self.0.lock().await;
            let client = connected(world, &mut session).await?;
            let slot = "select from pg_replication_slots where slot_name = $1 and confirmed_flush_lsn is not null";
            client.query_opt(slot, &[&world.slot()]).await.ok()?.map(drop)
        })
        .await;
    }

    /// Again and again until it is done.
    pub async fn run(&self, world: &World, statement: &str) {
        eventually(WITHIN, statement, async || {
            let mut session = self.0.lock().await;
            let client = connected(world, &mut session).await?;
            client.batch_execute(statement).await.ok()
        })
        .await;
    }
}

async fn connected<'a>(world: &World, session: &'a mut Option<Client>) -> Option<&'a Client> {
    if session.as_ref().is_none_or(Client::is_closed) {
        let (client, connection) = tokio_postgres::connect(&world.url(), NoTls).await.ok()?;
        tokio::spawn(connection);
        *session = Some(client);
    }
    session.as_ref()
}

async fn arrives(world: &World, path: &str, wanted: &str, when: &str) {
    let held = |ledger: &walsift::demo::Ledger| ledger.body(path).is_some_and(|body| body.contains(wanted));
    if let Err(overdue) = world.receiver().wait_until(WITHIN, held).await {
        panic!("{when}, {path} does not become {wanted:?}: {overdue}");
    }
}
