-- What the examples of docs/CONFIGURATION.md speak of, with the rows that their documents come from.

create schema crm;
create schema old;

create table customers (
    id         bigint primary key,
    first_name text not null,
    last_name  text not null,
    email      text,
    tier       text not null default 'plain',
    blocked    boolean not null default false
);

create table addresses (
    id     bigint primary key,
    street text not null,
    city   text not null
);

create table categories (
    id   bigint primary key,
    name text not null
);

create table products (
    id          bigint primary key,
    name        text not null,
    price       numeric(12, 2) not null,
    category_id bigint references categories (id)
);

create table stocks (
    product_id bigint primary key references products (id),
    pieces     integer not null
);

create table orders (
    id                  bigint primary key,
    status              text not null default 'new',
    customer_id         bigint not null references customers (id),
    shipping_address_id bigint references addresses (id),
    billing_address_id  bigint references addresses (id),
    currency            text not null default 'EUR',
    amount              numeric(12, 2) not null default 0,
    warehouse_code      text,
    updated_at          timestamptz,
    exported_at         timestamptz
);
create index on orders (customer_id);
create index on orders (shipping_address_id);
create index on orders (currency);

create table order_lines (
    id         bigint primary key,
    order_id   bigint not null references orders (id),
    product_id bigint not null references products (id),
    qty        integer not null default 1,
    price      numeric(12, 2) not null
);
create index on order_lines (order_id);
create index on order_lines (product_id);
create unique index order_lines_identity on order_lines (id, order_id);
alter table order_lines replica identity using index order_lines_identity;

create table order_tags (
    order_id bigint not null references orders (id),
    tag      text not null,
    primary key (order_id, tag)
);

create table exchange_rates (
    currency text primary key,
    rate     numeric not null
);

create table settings (
    name  text primary key,
    value text
);

create table old.notes (
    id       bigint primary key,
    order_id bigint not null,
    body     text
);
create index on old.notes (order_id);
create unique index notes_identity on old.notes (id, order_id);
alter table old.notes replica identity using index notes_identity;

create table books (
    id    bigint primary key,
    title text not null
);

create table authors (
    id         bigint primary key,
    first_name text not null,
    last_name  text not null
);

create table book_authors (
    book_id   bigint not null references books (id),
    author_id bigint not null references authors (id),
    primary key (book_id, author_id)
);
create index on book_authors (author_id);

create table people (
    id   bigint primary key,
    name text not null
);

-- Without foreign keys.
create table book_staff (
    book   bigint not null,
    person bigint not null,
    role   text not null,
    primary key (book, person, role)
);
create index on book_staff (person);

create table employees (
    id      bigint primary key,
    name    text not null,
    boss_id bigint references employees (id)
);
create index on employees (boss_id);
alter table employees replica identity full;

create table crm."Contacts" (
    id         uuid primary key,
    "fullName" text not null
);

create table readings (
    sensor   text not null,
    taken_at timestamptz not null,
    value    numeric,
    primary key (sensor, taken_at)
) partition by range (taken_at);
create table readings_2026 partition of readings for values from ('2026-01-01') to ('2027-01-01');

create table invoices (
    id     bigint primary key,
    number text not null
);

create table payments (
    id         bigint primary key,
    invoice_id bigint not null references invoices (id),
    amount     numeric(12, 2) not null
);
create index on payments (invoice_id);
create unique index payments_identity on payments (id, invoice_id);
alter table payments replica identity using index payments_identity;

insert into customers values (7, 'Ada', 'Lovelace', 'Ada@example.com', 'gold'), (8, 'Bob', 'Byron', null, 'plain');
insert into addresses values (1, '12 St James''s Square', 'London'), (2, 'Calle B', 'Lima');
insert into categories values (1, 'Drinks'), (2, 'Kitchen');
insert into products values (3, 'Tea', 3.50, 1), (4, 'Cups', 9.00, 2), (5, 'Vouchers', 50.00, null);
insert into stocks values (3, 100), (4, 5);
insert into orders (id, status, customer_id, shipping_address_id, billing_address_id, currency, amount)
values (42, 'paid', 7, 1, 2, 'USD', 16.00), (43, 'draft', 8, null, null, 'EUR', 0);
insert into order_lines values (1, 42, 3, 2, 3.50), (2, 42, 4, 1, 9.00), (3, 43, 5, 1, 50.00);
insert into order_tags values (42, 'rush'), (42, 'gift');
insert into exchange_rates values ('USD', 0.85), ('EUR', 1);
insert into settings values ('greeting', 'Hello');
insert into old.notes values (2, 42, 'Ring twice'), (1, 42, 'Call first'), (3, 43, 'Nothing');
insert into books values (1, 'Good Omens'), (2, 'Stardust');
insert into authors values (1, 'Terry', 'Pratchett'), (2, 'Neil', 'Gaiman');
insert into book_authors values (1, 1), (1, 2), (2, 2);
insert into people values (1, 'Malcolm'), (2, 'Nobody');
insert into book_staff values (1, 1, 'editor');
insert into employees values (1, 'Alice', null), (2, 'Bob', 1), (3, 'Carol', 2), (4, 'Dave', 2);
insert into crm."Contacts" values ('7d444840-9dc0-11d1-b245-5ffdce74fad2', 'Charles Babbage');
insert into readings values ('roof', '2026-05-01T12:00:00Z', 21.5);
insert into invoices values (1, '2026-001'), (2, '2026-002');
insert into payments values (1, 1, 10.00), (2, 1, 6.00);
