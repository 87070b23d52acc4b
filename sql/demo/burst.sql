-- One step of the burst: a bit of all that happens in a shop, spread over its rows but the one that the proofs use.
-- $1 int step, from 1
with paid as (
    update orders set status = 'paid in step ' || $1::int where id % 40 = $1 % 40 and id <> 420
), renamed as (
    update customers set last_name = last_name || '-' || $1 where $1 % 25 = 0 and id = $1 / 25
), moved as (
    update order_lines set order_id = 100 + $1 where $1 % 5 = 0 and id = $1
), cancelled as (
    delete from orders where $1 % 10 = 3 and id = 301 + $1 / 10
), placed as (
    insert into orders (status, customer_id, warehouse_code) values ('new', 1 + $1 % 60, 'W0') returning id
)
insert into order_lines (order_id, product_id, qty, price)
select placed.id, p.id, 1, p.price
  from placed, products p
 where p.id <= $1 % 4
