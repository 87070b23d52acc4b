-- What the receiver must hold. Written by hand, on purpose unlike anything that the engine would come up with: the demo
-- would prove nothing if it compared the engine with itself.
-- Result: path, document
select '/orders/' || o.id as path,
       jsonb_build_object(
           'id', o.id,
           'order_status', o.status,
           'customer_full_name', (select c.first_name || ' ' || c.last_name from customers c where c.id = o.customer_id),
           'lines', array(select jsonb_build_object('product', p.name, 'qty', l.qty, 'price', l.price)
                            from order_lines l, products p
                           where l.order_id = o.id and p.id = l.product_id
                           order by l.id),
           'total', (select sum(l.qty * l.price) from order_lines l where l.order_id = o.id),
           'line_count', (select count(*) from order_lines l where l.order_id = o.id)
       )::text as document
  from orders o
