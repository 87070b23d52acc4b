-- The documents as a statement that nothing else depends on: what `psql` needs for them is what Postgres needs.
select json_build_object(
           'id', o.id, 'status', o.status, 'customer', c.name,
           'lines', json_agg(json_build_object('line', l.line_no, 'product', p.name, 'qty', l.qty, 'price', l.price) order by l.line_no),
           'total', sum(l.qty * l.price))
  from orders o
  join customers c on c.id = o.customer_id
  join order_lines l on l.order_id = o.id
  join products p on p.id = l.product_id
 group by o.id, o.status, c.name
