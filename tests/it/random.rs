//! Writes by chance, from several sessions at once; whatever they were, the receiver ends up with what they left behind.

use fastrand::Rng;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::world::World;

/// Three deep on one side, two on the other; customers have names twice over.
const SCHEMA: &str = "
    create table regions (id int primary key, name text not null);
    create table customers (id int primary key, name text not null, region_id int references regions);
    create table orders (id int primary key, status text not null, customer_id int references customers, unread int);
    create table lines (id int primary key, order_id int references orders on delete cascade on update cascade, qty int not null, unread int);
    create table parts (id int, line_id int not null references lines on delete cascade, name text, primary key (line_id, id));
    create table notes (order_id int primary key references orders on delete cascade on update cascade, body text);
    create index on customers (region_id); create index on orders (customer_id); create index on lines (order_id);
    create unique index lines_identity on lines (id, order_id);
    alter table lines replica identity full;
    insert into regions select n, 'region ' || n from generate_series(1, 4) n;
    insert into customers select n, 'customer ' || n, 1 + n % 4 from generate_series(1, 12) n;
    insert into orders select n, 'new', 1 + n % 12 from generate_series(1, 40) n;
    insert into lines select n, 1 + n % 40, n from generate_series(1, 100) n;
    insert into parts select n % 3, 1 + n % 100, 'part ' || n from generate_series(1, 200) n on conflict do nothing";

const SYNC: &str = r#"
[syncs.orders]
table = "orders"
sink = "shop_api"
where = "status <> 'hidden'"
document = { id = "id", status = "status", region = "region.name", note = "note.body" }
[syncs.orders.one.customer]
table = "customers"
document = { name = "name" }
[syncs.orders.one.customer.one.region]
table = "regions"
[syncs.orders.one.note]
table = "notes"
[syncs.orders.many.lines]
document = { qty = "qty" }
order_by = "qty desc"
aggregate = { quantity = "sum(qty)" }
[syncs.orders.many.lines.many.parts]
document = "name"
"#;

const ORACLE: &str = "
    select '/orders/' || o.id,
           jsonb_build_object('id', o.id, 'status', o.status, 'note', (select body from notes where order_id = o.id),
               'region', (select r.name from customers c, regions r where c.id = o.customer_id and r.id = c.region_id),
               'customer', (select jsonb_build_object('name', name) from customers where id = o.customer_id),
               'quantity', (select sum(qty) from lines where order_id = o.id),
               'lines', array(select jsonb_build_object('qty', qty, 'parts',
                                         array(select name from parts where line_id = l.id order by line_id, id))
                                from lines l where order_id = o.id order by qty desc, id))
      from orders o where status <> 'hidden'";

const SESSIONS: u64 = 3;

/// Of each session, in each round.
const TRANSACTIONS: usize = 10;

/// Each round uses some kinds of statements only, and is looked at when it is over: a rename of everything would hide
/// what the others have left undone.
const ROUNDS: usize = 15;
const KINDS: usize = 22;
const KINDS_OF_A_ROUND: usize = 5;

#[tokio::test]
async fn random_writes_converge_first_seed() {
    converge(20_260_101, "").await;
}

#[tokio::test]
async fn random_writes_converge_second_seed() {
    converge(8_128, "").await;
}

#[tokio::test]
async fn random_writes_converge_third_seed_in_tiny_batches_and_little_memory() {
    converge(42, "[engine]\nbatch = 3\nmemory = \"1MiB\"\nworkers = 1").await;
}

async fn converge(seed: u64, engine: &str) {
    let _told = Told(seed);
    let world = World::new().await;
    world.sql(SCHEMA).await;
    // The first round runs beside the first visits.
    let _engine = world.engine(&world.config(&format!("{SYNC}{engine}")));
    let mut rng = Rng::with_seed(seed);
    let mut writers = Vec::new();
    for _ in 0..SESSIONS {
        writers.push(Writer::new(world.connect().await, rng.fork()));
    }
    let mut committed = 0;
    for round in 0..ROUNDS {
        let kinds = rng.choose_multiple(0..KINDS, KINDS_OF_A_ROUND);
        eprintln!("round {round}: statements of kinds {kinds:?}");
        let sessions = writers.iter_mut().map(|writer| writer.transactions(&kinds));
        committed += futures_util::future::join_all(sessions).await.iter().sum::<usize>();
        world.settled().await;
        world.assert_converged(ORACLE, "/orders/").await;
    }
    assert!(committed > 300, "only {committed} transactions were committed");
    world.receiver().look(|ledger| {
        let overlapped: Vec<_> = ledger.journal().iter().filter(|request| request.overlapped).collect();
        assert!(overlapped.is_empty(), "two at a time: {overlapped:?}");
    });
}

/// Says which seed it was when a test fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the seed was {}", self.0);
        }
    }
}

/// One session.
struct Writer {
    client: Client,
    rng: Rng,
}

impl Writer {
    fn new(client: Client, rng: Rng) -> Writer {
        Writer { client, rng }
    }

    /// How many were committed.
    async fn transactions(&mut self, kinds: &[usize]) -> usize {
        let mut committed = 0;
        for _ in 0..TRANSACTIONS {
            committed += usize::from(self.transaction(kinds).await);
        }
        committed
    }

    /// Whether it was committed.
    async fn transaction(&mut self, kinds: &[usize]) -> bool {
        let mut statements = Vec::new();
        for _ in 0..self.rng.usize(1..=3) {
            if self.rng.u8(..) < 40 {
                statements.push("savepoint s".to_owned());
                statements.push(self.statement(kinds));
                if self.rng.bool() {
                    statements.push(self.statement(kinds));
                }
                statements.push(if self.rng.bool() { "rollback to s" } else { "release s" }.to_owned());
            } else {
                statements.push(self.statement(kinds));
            }
        }
        let end = if self.rng.u8(..) < 30 { "rollback" } else { "commit" };
        let batch = format!("begin; {}; {end}", statements.join("; "));
        if let Err(error) = self.client.batch_execute(&batch).await {
            // Sessions get in each other's way: a deadlock, a key that is taken, an order that is gone.
            let expected = [
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::UNIQUE_VIOLATION,
                SqlState::FOREIGN_KEY_VIOLATION,
            ];
            assert!(
                error.code().is_some_and(|code| expected.contains(code)),
                "{error:?} in: {batch}"
            );
            self.client.batch_execute("rollback").await.unwrap();
            return false;
        }
        end == "commit"
    }

    fn statement(&mut self, kinds: &[usize]) -> String {
        let rng = &mut self.rng;
        let (order, other) = (rng.u32(1..=50), rng.u32(1..=50));
        let (customer, region) = (rng.u32(1..=12), rng.u32(1..=4));
        let (line, part, word) = (rng.u32(1..=130), rng.u32(0..4), rng.u32(1..6));
        match kinds[rng.usize(..kinds.len())] {
            0 | 1 => format!("insert into orders values ({order}, 'new {word}', {customer}) on conflict do nothing"),
            2 => format!("delete from orders where id = {order}"),
            3 => format!("delete from orders where id = {order}; insert into orders values ({order}, 'again', {customer})"),
            4 | 5 => format!("update orders set status = 'status {word}' where id = {order}"),
            6 => format!("update orders set status = case status when 'hidden' then 'seen' else 'hidden' end where id = {order}"),
            7 => format!("update orders set customer_id = {} where id = {order}", or_null(rng, customer)),
            8 => format!("update orders set id = {other} where id = {order} and not exists (select from orders where id = {other})"),
            9 => format!("update orders set unread = {word}; update lines set unread = {word} where order_id = {order}"),
            10 => format!("update customers set name = 'name {word}' where id = {customer}"),
            11 => format!("update customers set region_id = {} where id = {customer}", or_null(rng, region)),
            12 => format!("update regions set name = 'region {word}' where id = {region}"),
            13 | 14 => format!(
                "insert into lines select {line}, id, {word} from orders where id = {order} on conflict (id) do update set qty = excluded.qty"
            ),
            15 => format!("update lines set order_id = (select min(id) from orders where id >= {order}) where id = {line}"),
            16 => format!("delete from lines where id = {line}"),
            17 => format!("insert into parts select {part}, id, 'part {word}' from lines where id = {line} on conflict do nothing"),
            18 => format!(
                "update parts set line_id = (select min(id) from lines where id > {line}), id = id + 10 where line_id = {line} and id = {part}
                 and exists (select from lines where id > {line})"
            ),
            19 => format!("delete from parts where line_id = {line} and id = {part}"),
            20 => format!(
                "insert into notes select id, 'note {word}' from orders where id = {order} on conflict (order_id) do update set body = excluded.body"
            ),
            _ => format!("delete from notes where order_id = {order}"),
        }
    }
}

fn or_null(rng: &mut Rng, id: u32) -> String {
    if rng.u8(..) < 40 {
        "null".to_owned()
    } else {
        id.to_string()
    }
}
