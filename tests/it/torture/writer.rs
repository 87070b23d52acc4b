//! Sessions that write by chance, and come back after every crash.

use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::world::{DEADLINE, World, eventually};

/// Between two transactions.
const PAUSE: std::ops::Range<u64> = 5..60;

/// Classes and codes of errors that sessions get when they are in each other's way, or the server goes.
const EXPECTED: [&str; 7] = ["08", "23", "40P01", "40001", "55P03", "55006", "57P"];

/// One of so many transactions is large.
const LARGE_ONE_IN: u32 = 250;
const LARGE_ROWS: u32 = 20_000;

/// One of so many empties a table.
const TRUNCATE_ONE_IN: u32 = 150;

/// One of so many adds a column that nobody reads, or drops it.
const DDL_ONE_IN: u32 = 60;

/// What a session has done.
#[derive(Debug, Default, Clone, Copy)]
pub struct Written {
    pub transactions: usize,
    pub rows: u64,
}

pub struct Writer {
    client: Option<Client>,
    rng: Rng,
}

impl Writer {
    pub fn new(rng: Rng) -> Writer {
        Writer { client: None, rng }
    }

    pub async fn until(&mut self, world: &World, end: Instant) -> Written {
        let mut written = Written::default();
        while Instant::now() < end {
            for batch in self.next() {
                if let Some(rows) = self.run(world, &batch).await {
                    written.transactions += 1;
                    written.rows += rows;
                }
                tokio::time::sleep(Duration::from_millis(self.rng.u64(PAUSE))).await;
            }
        }
        written
    }

    /// How many rows were written, if it was committed.
    async fn run(&mut self, world: &World, batch: &str) -> Option<u64> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = Some(eventually(DEADLINE, "a session", || connect(world)).await);
        }
        let client = self.client.as_ref().expect("it was made where it was missing");
        match client.simple_query(batch).await {
            Ok(answers) if batch.ends_with("commit") => Some(
                answers
                    .iter()
                    .map(|answer| match answer {
                        SimpleQueryMessage::CommandComplete(rows) => *rows,
                        _ => 0,
                    })
                    .sum(),
            ),
            Ok(_) => None,
            Err(error) => {
                let code = error.code().map(|code| code.code().to_owned());
                let expected = code.is_none_or(|code| EXPECTED.iter().any(|expected| code.starts_with(expected)));
                assert!(expected, "a writer is refused: {error:?} in: {batch}");
                // Where the connection is gone, so is the transaction.
                let _ = client.batch_execute("rollback").await;
                None
            }
        }
    }

    /// Transactions that belong together, mostly one.
    fn next(&mut self) -> Vec<String> {
        let rng = &mut self.rng;
        if rng.u32(..LARGE_ONE_IN) == 0 {
            return large(rng);
        }
        if rng.u32(..12) == 0 {
            return there_and_back(rng);
        }
        let mut statements = vec!["begin".to_owned()];
        if rng.u8(..) < 60 {
            // Not seen by others before somebody else has it, where somebody else is waited for.
            statements.push("set local synchronous_commit = on".to_owned());
        }
        if rng.u32(..TRUNCATE_ONE_IN) == 0 {
            statements.push(truncate(rng));
        }
        if rng.u32(..DDL_ONE_IN) == 0 {
            statements.push(ddl(rng));
        }
        for _ in 0..rng.usize(1..=4) {
            if rng.u8(..) < 50 {
                statements.push("savepoint s".to_owned());
                statements.push(statement(rng));
                statements.push(statement(rng));
                statements.push(if rng.bool() { "rollback to s" } else { "release s" }.to_owned());
            } else {
                statements.push(statement(rng));
            }
        }
        statements.push(if rng.u8(..) < 30 { "rollback" } else { "commit" }.to_owned());
        vec![statements.join("; ")]
    }
}

async fn connect(world: &World) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(&world.url(), NoTls).await.ok()?;
    tokio::spawn(connection);
    client.batch_execute("set deadlock_timeout = '50ms'").await.ok()?;
    Some(client)
}

/// A subject becomes what it was before; whoever is in doubt about what came between must say so again.
fn there_and_back(rng: &mut Rng) -> Vec<String> {
    let set = match rng.u8(0..3) {
        0 => format!("update products set name = 'word %' where id = {}", rng.u32(1..=60)),
        1 => format!("update customers set name = 'word %' where id = {}", rng.u32(1..=40)),
        _ => format!("update orders set status = 'word %' where id = {}", rng.u32(1..=300)),
    };
    ["1", "2", "1"]
        .map(|word| format!("begin; {}; commit", set.replace('%', word)))
        .to_vec()
}

fn large(rng: &mut Rng) -> Vec<String> {
    let insert = format!(
        "insert into lines select n, o.id, null, n % 9
           from (select id, row_number() over () - 1 as at, count(*) over () as orders from orders) o,
                generate_series(1000000, {}) n
          where n % orders = at",
        1_000_000 + LARGE_ROWS
    );
    let update = "update lines set unread = unread + 1, qty = qty where id >= 1000000";
    let delete = "delete from lines where id >= 1000000";
    match rng.u8(0..4) {
        // Nothing is left of it.
        0 => vec![format!("begin; {delete}; {insert}; {update}; {delete}; commit")],
        1 => vec![format!(
            "begin; {delete}; {insert}; savepoint s; {update}; rollback to s; rollback"
        )],
        2 => vec![format!(
            "begin; insert into diary (text) select repeat('x', 1000) from generate_series(1, 3000); commit"
        )],
        _ => vec![
            format!("begin; {delete}; {insert}; commit"),
            format!("begin; {update}; {delete}; commit"),
        ],
    }
}

fn truncate(rng: &mut Rng) -> String {
    let link = "insert into product_categories
                select p.id, c.id from products p, categories c where p.id % 6 = c.id % 6 on conflict do nothing";
    match rng.u8(0..3) {
        0 => format!("truncate product_categories; {link}"),
        1 => format!(
            "truncate categories cascade; insert into categories select n, 'category ' || n, nullif(n / 2, 0) from generate_series(1, 12) n; {link}"
        ),
        _ => "truncate lines; insert into lines select o.id, o.id, (select min(id) from products where id > o.id % 60), o.id % 9
              from orders o where o.id < 900000"
            .to_owned(),
    }
}

fn ddl(rng: &mut Rng) -> String {
    let tables = [
        "regions",
        "customers",
        "orders",
        "categories",
        "products",
        "product_categories",
        "lines",
    ];
    let (table, column) = (tables[rng.usize(..tables.len())], rng.u8(1..=3));
    if rng.bool() {
        format!("alter table {table} add column if not exists unrelated_{column} text default 'x'")
    } else {
        format!("alter table {table} drop column if exists unrelated_{column}")
    }
}

/// Some ids are of rows whose keys have changed.
fn id(rng: &mut Rng, most: u32) -> u32 {
    let moved = if rng.u8(..) < 25 { 1_000 } else { 0 };
    rng.u32(1..=most) + moved
}

fn statement(rng: &mut Rng) -> String {
    let (order, customer, product) = (id(rng, 300), id(rng, 40), id(rng, 60));
    let (category, region, line) = (rng.u32(1..=12), rng.u32(1..=4), rng.u32(1..=900));
    let word = rng.u32(1..4);
    match rng.u8(0..32) {
        0 | 1 => format!("insert into orders values ({order}, 'word {word}', (select min(id) from customers where id >= {customer})) on conflict do nothing"),
        2 => format!("delete from orders where id = {order}"),
        3 => format!("delete from orders where id = {order}; insert into orders values ({order}, 'again', null)"),
        4..=6 => format!("update orders set status = 'word {word}' where id = {order}"),
        7 => format!("update orders set status = case status when 'hidden' then 'seen' else 'hidden' end where id = {order}"),
        8 => format!("update orders set customer_id = (select min(id) from customers where id >= {customer}) where id = {order}"),
        9 => format!("update orders set id = {} where id = {order} and not exists (select from orders where id = {})", moved(order), moved(order)),
        10 => format!("update orders set unread = {word} where id = {order}; update lines set unread = {word} where order_id = {order}"),
        11 | 12 => format!("update customers set name = 'word {word}' where id = {customer}"),
        13 => format!("update customers set region_id = {region} where id = {customer}"),
        14 => format!("update customers set id = {} where id = {customer}", moved(customer)),
        15 => format!("update regions set name = 'word {word}' where id = {region}"),
        16..=18 => format!(
            "insert into lines select {line}, o.id, (select min(id) from products where id >= {product}), {word} from orders o where id = {order}
             on conflict (id) do update set qty = excluded.qty, product_id = excluded.product_id"
        ),
        19 | 20 => format!("update lines set order_id = (select min(id) from orders where id >= {order}) where id = {line} and exists (select from orders where id >= {order})"),
        21 => format!("delete from lines where id = {line}"),
        22 => format!("update lines set id = {line} + 2000 where id = {line}; update lines set id = {line} where id = {line} + 2000"),
        23 => format!("update products set name = 'word {word}' where id = {product}"),
        24 => format!("update products set price = {word} where id = {product}"),
        25 => format!("update products set id = {} where id = {product}", moved(product)),
        26 => format!("delete from products where id = {product}; insert into products values ({product}, 'again', 1)"),
        27 => format!("insert into product_categories select p.id, c.id from products p, categories c where p.id = {product} and c.id = {category} on conflict do nothing"),
        28 => format!("delete from product_categories where category_id = {category} and product_id = {product}"),
        29 => format!("update product_categories set category_id = {category} where product_id = {product} and category_id = (select max(category_id) from product_categories where product_id = {product} having count(*) filter (where category_id = {category}) = 0)"),
        30 => format!("update categories set name = 'word {word}' where id = {category}"),
        _ => format!("update categories set parent_id = nullif({}, {category}) where id = {category}", rng.u32(1..=12)),
    }
}

/// Keys go to and fro.
fn moved(id: u32) -> u32 {
    if id > 1_000 { id - 1_000 } else { id + 1_000 }
}
