//! Relations of many to many, through a table between.

use super::{Mirror, NOTHING};

const BOOKS: &str = "create table books (id int primary key, title text);
     create table authors (id bigint primary key, name text, born int);
     create table book_authors (book_id int references books on delete cascade, author_id bigint references authors on delete cascade,
                                share numeric, primary key (book_id, author_id));
     create index on book_authors (author_id);
     insert into books select n, 'book ' || n from generate_series(1, 5) n;
     insert into authors select n, 'author ' || n, 1900 + n from generate_series(1, 6) n;
     insert into book_authors select b, a, 1 from generate_series(1, 4) b, generate_series(1, 6) a where (b + a) % 3 = 0";

#[tokio::test]
async fn through_a_table_between_rows_find_each_other() {
    let books = Mirror::open(
        BOOKS,
        r#"
table = "books"
document = { title = "title" }
[syncs.d.many.authors]
through = "book_authors"
where = "born > 1901"
order_by = "name desc"
document = "name"
aggregate = { author_count = "count(*)", oldest = "min(born)" }
"#,
        "select b.id::text, json_build_object('title', b.title,
                'authors', array(select a.name from authors a join book_authors x on x.author_id = a.id
                                  where x.book_id = b.id and a.born > 1901 order by a.name desc),
                'author_count', (select count(*) from authors a join book_authors x on x.author_id = a.id
                                  where x.book_id = b.id and a.born > 1901),
                'oldest', (select min(a.born) from authors a join book_authors x on x.author_id = a.id
                                  where x.book_id = b.id and a.born > 1901))
           from books b",
    )
    .await;
    assert_eq!(
        books.after("update authors set name = 'x' where id = 2").await,
        ["PUT 1", "PUT 4"]
    );
    assert_eq!(
        books
            .after("insert into book_authors values (5, 2, 1), (5, 1, 1)")
            .await,
        ["PUT 5"]
    );
    assert_eq!(
        books
            .after("update book_authors set book_id = 3 where book_id = 5")
            .await,
        ["PUT 3", "PUT 5"]
    );
    assert_eq!(
        books
            .after("update book_authors set author_id = 5 where book_id = 3 and author_id = 2")
            .await,
        ["PUT 3"]
    );
    // What only the table between has is no part of the document.
    assert_eq!(books.after("update book_authors set share = 2").await, NOTHING);
    assert_eq!(
        books.after("delete from authors where id = 5").await,
        ["PUT 1", "PUT 3", "PUT 4"]
    );
    assert_eq!(books.after("delete from books where id = 4").await, ["DELETE 4"]);
    assert_eq!(books.after("truncate book_authors").await, ["PUT 1", "PUT 2", "PUT 3"]);
}

#[tokio::test]
async fn both_sides_may_be_one_table_with_links_written_out() {
    let people = Mirror::open(
        "create table people (id int primary key, name text, mother_id int);
         create table friends (one int references people, other int references people, since int, primary key (one, other));
         create index on friends (other);
         insert into people select n, 'p' || n from generate_series(1, 5) n;
         update people set mother_id = 5 where id < 3;
         create index on people (mother_id);
         insert into friends values (1, 2, 0), (2, 3, 0), (1, 4, 0), (3, 1, 0)",
        r#"
table = "people"
document = { name = "name" }
[syncs.d.many.friends]
table = "people"
through = { table = "friends", on = { one = "id" }, to = { other = "id" } }
document = { name = "name", mother = "mother.name" }
[syncs.d.many.friends.one.mother]
table = "people"
on = { id = "mother_id" }
[syncs.d.many.admirers]
table = "people"
through = { table = "friends", on = { other = "id" }, to = { one = "id" } }
document = "name"
"#,
        "select p.id::text, json_build_object('name', p.name,
                'friends', array(select json_build_object('name', f.name, 'mother', m.name)
                                   from friends x join people f on f.id = x.other left join people m on m.id = f.mother_id
                                  where x.one = p.id order by f.id),
                'admirers', array(select f.name from friends x join people f on f.id = x.one where x.other = p.id order by f.id))
           from people p",
    )
    .await;
    assert_eq!(
        people.after("update people set name = 'mum' where id = 5").await,
        // Herself, and those whose friends she bore.
        ["PUT 1", "PUT 2", "PUT 3", "PUT 5"]
            .into_iter()
            .filter(|r| *r != "PUT 2")
            .collect::<Vec<_>>()
    );
    assert_eq!(
        people.after("insert into friends values (4, 5, 0)").await,
        ["PUT 4", "PUT 5"]
    );
    assert_eq!(
        people.after("update friends set other = 3 where one = 4").await,
        ["PUT 3", "PUT 4", "PUT 5"]
    );
    assert_eq!(
        people.after("delete from friends where one = 2").await,
        ["PUT 2", "PUT 3"]
    );
}

#[tokio::test]
async fn keys_of_several_columns_link_through_a_table_between() {
    let rooms = Mirror::open_at(
        "{house}/{no}",
        r#"create schema "My Hotel";
         create type "My Hotel"."Size" as enum ('s', 'm', 'l');
         create table "My Hotel"."Rooms" (house uuid, no "My Hotel"."Size", label text, primary key (house, no));
         create table "My Hotel".guests (born date, name text, vip boolean, primary key (born, name));
         create table "My Hotel"."Stays" (house uuid, no "My Hotel"."Size", born date, guest text, nights int,
             foreign key (house, no) references "My Hotel"."Rooms", foreign key (born, guest) references "My Hotel".guests,
             primary key (house, no, born, guest));
         create index on "My Hotel"."Stays" (born, guest);
         insert into "My Hotel"."Rooms" select ('00000000-0000-0000-0000-00000000000' || n)::uuid, s, 'room' from generate_series(1, 2) n,
             unnest(enum_range(null::"My Hotel"."Size")) s;
         insert into "My Hotel".guests values ('1990-01-02', 'Ann: B\C', true), ('1991-01-02', 'Bob', false);
         insert into "My Hotel"."Stays" select house, no, g.born, g.name, 1 from "My Hotel"."Rooms" r, "My Hotel".guests g where no <> 'l'"#,
        r#"
table = "My Hotel.Rooms"
document = { label = "label" }
[syncs.d.many.guests]
table = "My Hotel.guests"
through = "My Hotel.Stays"
document = { name = "name", vip = "vip" }
"#,
        r#"select r.house || '/' || r.no, json_build_object('label', label, 'guests',
                  array(select json_build_object('name', g.name, 'vip', g.vip) from "My Hotel"."Stays" s
                          join "My Hotel".guests g on g.born = s.born and g.name = s.guest
                         where s.house = r.house and s.no = r.no order by g.born))
             from "My Hotel"."Rooms" r"#,
    )
    .await;
    let (one, two) = (
        "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-000000000002",
    );
    let put = |house: &str, no: &str| format!("PUT {house}/{no}");
    assert_eq!(
        rooms
            .after(r#"update "My Hotel".guests set vip = false where name like 'Ann%'"#)
            .await,
        [put(one, "m"), put(one, "s"), put(two, "m"), put(two, "s")]
    );
    assert_eq!(
        rooms
            .after(&format!(
                r#"delete from "My Hotel"."Stays" where house = '{one}' and no = 's'"#
            ))
            .await,
        [put(one, "s")]
    );
}

#[tokio::test]
async fn a_limit_takes_the_first_elements_and_aggregates_count_all() {
    let products = Mirror::open(
        "create table products (id int primary key, name text);
         create table reviews (id int primary key, product_id int references products, stars int, body text, shown boolean default true);
         create index on reviews (product_id);
         alter table reviews replica identity full;
         insert into products select n, 'p' || n from generate_series(1, 3) n;
         insert into reviews select n, 1 + n % 2, n % 5, 'text ' || n from generate_series(1, 12) n",
        r#"
table = "products"
document = { name = "name" }
[syncs.d.many.reviews]
where = "shown"
order_by = "stars desc, id"
limit = 2
document = { body = "body", stars = "stars" }
aggregate = { review_count = "count(*)", stars = "avg(stars)::float8", named = "count(product.name)" }
[syncs.d.many.reviews.one.product]
table = "products"
"#,
        "select p.id::text, json_build_object('name', p.name, 'reviews',
                array(select json_build_object('body', body, 'stars', r.stars) from reviews r
                       where r.product_id = p.id and shown order by r.stars desc, r.id limit 2),
                'review_count', (select count(*) from reviews r where r.product_id = p.id and shown),
                'named', (select count(*) from reviews r where r.product_id = p.id and shown),
                'stars', (select avg(stars)::float8 from reviews r where r.product_id = p.id and shown))
           from products p",
    )
    .await;
    // One that is not among the first changes nothing but the sums.
    assert_eq!(
        products.after("update reviews set body = 'x' where stars = 0").await,
        NOTHING
    );
    assert_eq!(
        products.after("update reviews set stars = 9 where id = 10").await,
        ["PUT 1"]
    );
    assert_eq!(
        products.after("insert into reviews values (50, 3, 1, 'first')").await,
        ["PUT 3"]
    );
    assert_eq!(
        products.after("update reviews set shown = false where id = 10").await,
        ["PUT 1"]
    );
}
