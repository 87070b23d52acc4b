//! What the runs are about: the tables, what is published of them, and what the receiver must hold then.

/// The tables, filled.
pub const SCHEMA: &str = include_str!("schema.sql");

pub const SYNCS: &str = r#"
[syncs.orders]
table = "orders"
sink = "orders"
where = "status <> 'hidden'"
document = { id = "id", status = "status", customer = "customer.name", region = "region.name" }
[syncs.orders.one.customer]
table = "customers"
[syncs.orders.one.customer.one.region]
table = "regions"
[syncs.orders.many.lines]
order_by = "id"
document = { qty = "qty" }
aggregate = { quantity = "sum(qty)" }
[syncs.orders.many.lines.one.product]
table = "products"
document = { name = "name" }
[syncs.orders.many.lines.one.product.many.categories]
through = "product_categories"
document = "name"

[syncs.customers]
table = "customers"
sinks = ["crm", "mail"]
document = { id = "id", name = "name" }
[syncs.customers.many.orders]
document = { id = "id", status = "status" }

[syncs.products]
table = "products"
sink = "catalog"
document = { id = "id", name = "name", price = "price" }
[syncs.products.many.categories]
through = "product_categories"
document = "name"
[syncs.products.many.lines]
aggregate = { sold = "sum(qty)", lines = "count(*)" }

[syncs.categories]
table = "categories"
sink = "tree"
document = { id = "id", name = "name", parent = "parent.name" }
[syncs.categories.one.parent]
table = "categories"
on = { id = "parent_id" }
[syncs.categories.many.children]
table = "categories"
on = { parent_id = "id" }
document = "name"
"#;

/// Each is the first part of the paths of its documents. As many as there are pairs of a sync and a sink.
pub const SINKS: [&str; 5] = ["orders", "crm", "mail", "catalog", "tree"];

const CUSTOMERS: &str = "
    jsonb_build_object('id', c.id, 'name', c.name, 'orders',
        array(select jsonb_build_object('id', id, 'status', status) from orders where customer_id = c.id order by id))
      from customers c";

/// For each sink a statement that yields path and document of all that it must hold; written by hand, unlike anything that the
/// engine would come up with.
pub fn oracles() -> [(&'static str, String); 5] {
    let orders = "
        select '/orders/' || o.id,
               jsonb_build_object('id', o.id, 'status', o.status,
                   'customer', (select name from customers where id = o.customer_id),
                   'region', (select r.name from customers c, regions r where c.id = o.customer_id and r.id = c.region_id),
                   'quantity', (select sum(qty) from lines where order_id = o.id),
                   'lines', array(select jsonb_build_object('qty', qty, 'product',
                       (select jsonb_build_object('name', p.name, 'categories',
                               array(select c.name from categories c, product_categories pc
                                      where pc.product_id = p.id and c.id = pc.category_id order by c.id))
                          from products p where p.id = product_id))
                       from lines where order_id = o.id order by lines.id))
          from orders o where status <> 'hidden'";
    let products = "
        select '/catalog/' || p.id,
               jsonb_build_object('id', p.id, 'name', p.name, 'price', p.price,
                   'categories', array(select c.name from categories c, product_categories pc
                                        where pc.product_id = p.id and c.id = pc.category_id order by c.id),
                   'sold', (select sum(qty) from lines where product_id = p.id),
                   'lines', (select count(*) from lines where product_id = p.id))
          from products p";
    let categories = "
        select '/tree/' || c.id,
               jsonb_build_object('id', c.id, 'name', c.name,
                   'parent', (select name from categories where id = c.parent_id),
                   'children', array(select name from categories where parent_id = c.id order by id))
          from categories c";
    [
        ("orders", orders.to_owned()),
        ("crm", format!("select '/crm/' || c.id, {CUSTOMERS}")),
        ("mail", format!("select '/mail/' || c.id, {CUSTOMERS}")),
        ("catalog", products.to_owned()),
        ("tree", categories.to_owned()),
    ]
}
