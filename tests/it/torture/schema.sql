-- A shop, three deep and more: orders have lines, lines products, products categories, and categories each other.
-- What can move from one parent to another carries its old row.

create table regions (id int primary key, name text not null);
create table customers (
    id int primary key, name text not null,
    region_id int references regions on update cascade on delete set null
);
create table orders (
    id int primary key, status text not null,
    customer_id int references customers on update cascade on delete set null, unread int
);
create table categories (
    id int primary key, name text not null,
    parent_id int references categories on update cascade on delete set null
);
create table products (id int primary key, name text not null, price numeric(12, 2) not null);
create table product_categories (
    product_id int references products on update cascade on delete cascade,
    category_id int references categories on update cascade on delete cascade,
    primary key (product_id, category_id)
);
create table lines (
    id int primary key, order_id int not null references orders on update cascade on delete cascade,
    product_id int references products on update cascade on delete set null, qty int not null, unread int
);
create index on customers (region_id);
create index on orders (customer_id);
create index on categories (parent_id);
create index on product_categories (category_id);
create index on lines (order_id);
create index on lines (product_id);
alter table orders replica identity full;
alter table categories replica identity full;
alter table lines replica identity full;

insert into regions select n, 'region ' || n from generate_series(1, 4) n;
insert into customers select n, 'customer ' || n, 1 + n % 4 from generate_series(1, 120) n;
insert into orders select n, 'new', 1 + n % 40 from generate_series(1, 300) n;
insert into categories select n, 'category ' || n, nullif(n / 2, 0) from generate_series(1, 12) n;
insert into products select n, 'product ' || n, n from generate_series(1, 60) n;
insert into product_categories select n, 1 + n * step % 12 from generate_series(1, 60) n, generate_series(1, 2) step
    on conflict do nothing;
insert into lines select n, 1 + n % 300, 1 + n * 7 % 60, n from generate_series(1, 600) n;

-- Nobody publishes this one.
create table diary (id bigint generated always as identity, text text);
