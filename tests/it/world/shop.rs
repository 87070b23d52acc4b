//! The shop that most tests are about.

use super::World;

/// For [`World::config`]: the sync `orders`, to the sink `shop_api`.
pub const SHOP: &str = r#"
[syncs.orders]
table = "orders"
sink  = "shop_api"

[syncs.orders.document]
id                 = "id"
order_status       = "status"
customer_full_name = "customer.first_name || ' ' || customer.last_name"

[syncs.orders.one.customer]
table = "customers"

[syncs.orders.many.lines]
table     = "order_lines"
order_by  = "id"
document  = { product = "product.name", qty = "qty", price = "price" }
aggregate = { total = "sum(qty * price)", line_count = "count(*)" }

[syncs.orders.many.lines.one.product]
table = "products"
"#;

/// What the receiver must hold for [`SHOP`], for [`World::assert_converged`]. Written by hand, on purpose unlike
/// anything the engine would come up with.
pub const SHOP_ORDERS: &str = "
    select '/orders/' || o.id,
           jsonb_build_object(
               'id', o.id,
               'order_status', o.status,
               'customer_full_name', (select c.first_name || ' ' || c.last_name from customers c where c.id = o.customer_id),
               'lines', array(select jsonb_build_object('product', p.name, 'qty', l.qty, 'price', l.price)
                                from order_lines l, products p
                               where l.order_id = o.id and p.id = l.product_id order by l.id),
               'total', (select sum(l.qty * l.price) from order_lines l where l.order_id = o.id),
               'line_count', (select count(*) from order_lines l where l.order_id = o.id))
      from orders o";

impl World {
    /// A world with the empty tables of the shop.
    pub async fn with_shop() -> World {
        let world = World::new().await;
        world.shop().await;
        world
    }

    /// Makes the tables of the shop.
    pub async fn shop(&self) {
        self.sql(include_str!("shop.sql")).await;
    }

    /// Adds customers, as many products, and orders with two lines each, all with ids from 1.
    pub async fn stock_shop(&self, customers: u32, orders: u32) {
        self.sql(&format!(
            "insert into customers (first_name, last_name) select 'Ada ' || n, 'Byron' from generate_series(1, {customers}) n;
             insert into products (name, price) select 'Tea ' || n, n + 0.5 from generate_series(1, {customers}) n;
             insert into orders (customer_id, warehouse_code) select 1 + n % {customers}, 'W1' from generate_series(1, {orders}) n;
             insert into order_lines (order_id, product_id, qty, price)
             select o.id, 1 + (o.id + line) % {customers}, line, 3.50 from orders o, generate_series(1, 2) line order by 1, 3;"
        ))
        .await;
    }
}
