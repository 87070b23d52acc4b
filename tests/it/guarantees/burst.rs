//! Writers who keep the shop busy.

use std::convert::Infallible;

use tokio_postgres::NoTls;

use crate::world::{DEADLINE, World, eventually};

/// Transactions of all sorts, the same for the same seed: rows come, change, move from one order to another, and go.
pub struct Burst {
    random: fastrand::Rng,
    customers: u32,
    /// Ids that there have been.
    orders: u32,
}

impl Burst {
    /// On a shop that was stocked with so many.
    pub fn new(seed: u64, customers: u32, orders: u32) -> Burst {
        Burst {
            random: fastrand::Rng::with_seed(seed),
            customers,
            orders,
        }
    }

    pub async fn transactions(&mut self, world: &World, count: usize) {
        for _ in 0..count {
            world.sql(&self.transaction()).await;
        }
    }

    /// Until it is dropped.
    pub async fn for_ever(&mut self, world: &World) -> Infallible {
        loop {
            world.sql(&self.transaction()).await;
        }
    }

    /// Until it is dropped; goes on when a server is back that went away.
    pub async fn whatever_happens(&mut self, world: &World) -> Infallible {
        loop {
            let client = eventually(DEADLINE, "a session", async || {
                let (client, connection) = tokio_postgres::connect(&world.url(), NoTls).await.ok()?;
                tokio::spawn(connection);
                Some(client)
            });
            let client = client.await;
            while client.batch_execute(&self.transaction()).await.is_ok() {}
        }
    }

    fn transaction(&mut self) -> String {
        let statements: Vec<String> = (0..self.random.u32(1..=4)).map(|_| self.statement()).collect();
        statements.join(";\n")
    }

    fn statement(&mut self) -> String {
        let (order, other) = (self.order(), self.order());
        let customer = self.random.u32(1..=self.customers);
        let number = self.random.u32(..);
        let a_line = format!("(select min(id) from order_lines where order_id = {order})");
        match self.random.u32(0..12) {
            0 | 1 => format!("update orders set status = 'status {number}' where id = {order}"),
            2 => format!("update customers set last_name = 'name {number}' where id = {customer}"),
            3 => format!("update products set name = 'tea {number}' where id = {customer}"),
            4 => format!("update orders set customer_id = {customer} where id = {order}"),
            5 => format!("update order_lines set qty = qty + 1 where order_id = {order}"),
            6 | 7 => format!(
                "update order_lines set order_id = {other}
                  where id = {a_line} and exists (select from orders where id = {other})"
            ),
            8 => format!("delete from order_lines where id = {a_line}"),
            9 => format!("delete from orders where id = {order}"),
            _ => {
                self.orders += 1;
                format!(
                    "with o as (insert into orders (customer_id) values ({customer}) returning id)
                     insert into order_lines (order_id, product_id, qty, price)
                     select o.id, {customer}, n, 2.50 from o, generate_series(1, 2) n"
                )
            }
        }
    }

    fn order(&mut self) -> u32 {
        self.random.u32(1..=self.orders)
    }
}
