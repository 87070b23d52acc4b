//! Changes that must arrive although something else cannot.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::types::PgLsn;
use tokio_postgres::{Client, NoTls};

use crate::world::{World, eventually};

/// For what normally takes milliseconds: there may be a crash of Postgres, a lease that must run out, and a crowd before it.
const WITHIN: Duration = Duration::from_secs(90);

/// Rows that no writer touches.
pub const CUSTOMER: u32 = 900_001;
pub const ORDER: u32 = 900_001;

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
        let statement = format!(
            "insert into orders values ({ORDER}, '{status}') on conflict (id) do update set status = excluded.status"
        );
        self.run(world, &statement).await;
        arrives(world, &format!("/orders/{ORDER}"), &status, when).await;
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
