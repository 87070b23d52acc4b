-- The shop of the workloads. Every foreign key has an index; lines have their order in the key, so that every way from a changed
-- row to its orders is cheap, and a line that goes says whose it was.
create table customers (
    id    integer primary key,
    name  text    not null,
    email text    not null
);

create table products (
    id    integer        primary key,
    name  text           not null,
    price numeric(12, 2) not null
);

create table orders (
    id          integer     primary key,
    customer_id integer     not null references customers,
    status      text        not null,
    -- In no document.
    note        text        not null default ''
) with (fillfactor = 80);
create index on orders (customer_id);

create table order_lines (
    order_id   integer        not null references orders,
    line_no    smallint       not null,
    product_id integer        not null references products,
    qty        integer        not null,
    price      numeric(12, 2) not null,
    primary key (order_id, line_no)
) with (fillfactor = 80);
create index on order_lines (product_id);

-- Rows that are in no document.
create table filler (
    id   bigint generated always as identity primary key,
    name text    not null,
    size numeric not null,
    note text    not null
);

insert into customers select n, 'Customer number ' || n, 'c' || n || '@example.com' from generate_series(1, 20000) n;
insert into products select n, 'Product number ' || n, 1 + n % 100 + 0.95 from generate_series(1, 5000) n;
insert into orders select n, 1 + (n - 1) % 20000, 'new' from generate_series(1, 200000) n;
-- Product 1 is in every second order, the others are in about a hundred each.
insert into order_lines
select o, l, case when l = 1 and o % 2 = 0 then 1 else 2 + (o * 7 + l * 1009) % 4999 end, 1 + o % 4, 1 + o % 90 + 0.5
  from generate_series(1, 200000) o, generate_series(1, 3) l;
