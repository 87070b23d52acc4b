//! Children of children, of either kind.

use super::{Mirror, NOTHING};

#[tokio::test]
async fn a_one_of_a_one_of_a_one_is_followed_from_every_table() {
    let people = Mirror::open(
        "create table countries (id int primary key, name text not null);
         create table cities (id int primary key, name text not null, country_id int references countries);
         create table offices (id int primary key, street text not null, city_id int not null references cities);
         create table people (id int primary key, name text, office_id int references offices);
         create index on cities (country_id); create index on offices (city_id); create index on people (office_id);
         insert into countries values (1, 'France'), (2, 'Peru');
         insert into cities values (1, 'Paris', 1), (2, 'Lima', 2), (3, 'Atlantis', null);
         insert into offices values (1, 'Rue A', 1), (2, 'Calle B', 2), (3, 'Wave C', 3);
         insert into people values (1, 'Ada', 1), (2, 'Bob', 1), (3, 'Cleo', 2), (4, 'Dan', 3), (5, 'Eve', null)",
        r#"
table = "people"
document = { id = "id", address = "office.street || ', ' || city.name || ', ' || country.name" }
[syncs.d.one.office]
table = "offices"
document = { street = "street", land = "country.name" }
[syncs.d.one.office.one.city]
table = "cities"
document = "upper(name)"
[syncs.d.one.office.one.city.one.country]
table = "countries"
"#,
        "select p.id::text, json_build_object(
                'id', p.id,
                'address', (select o.street || ', ' || c.name || ', ' || l.name from offices o, cities c, countries l
                             where o.id = p.office_id and c.id = o.city_id and l.id = c.country_id),
                'office', (select json_build_object('street', o.street, 'land',
                                  (select l.name from cities c join countries l on l.id = c.country_id where c.id = o.city_id),
                                  'city', (select upper(c.name) from cities c where c.id = o.city_id))
                             from offices o where o.id = p.office_id))
           from people p",
    )
    .await;
    assert_eq!(
        people
            .after("update countries set name = 'Frankreich' where id = 1")
            .await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        people.after("update cities set name = 'Cuzco' where id = 2").await,
        ["PUT 3"]
    );
    assert_eq!(
        people.after("update cities set country_id = 2 where id = 3").await,
        ["PUT 4"]
    );
    assert_eq!(
        people.after("update offices set city_id = 2 where id = 1").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        people.after("update people set office_id = null where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(
        people.after("update offices set street = 'Rue Z' where id = 1").await,
        ["PUT 2"]
    );
    assert_eq!(
        people.after("update people set office_id = 3 where id = 5").await,
        ["PUT 5"]
    );
    assert_eq!(
        people.after("update cities set country_id = null where id = 3").await,
        ["PUT 4", "PUT 5"]
    );
    assert_eq!(people.after("update people set name = 'Unread'").await, NOTHING);
}

#[tokio::test]
async fn many_in_many_follows_rows_through_the_middle() {
    let authors = Mirror::open(
        "create table authors (id int primary key, name text);
         create table books (id int primary key, author_id int not null references authors on delete cascade, title text);
         create table chapters (id int primary key, book_id int not null references books on delete cascade, title text, pages int);
         create index on books (author_id); create index on chapters (book_id);
         alter table books replica identity full; alter table chapters replica identity full;
         insert into authors select n, 'author ' || n from generate_series(1, 4) n;
         insert into books select n, 1 + n % 3, 'book ' || n from generate_series(1, 9) n;
         insert into chapters select n, 1 + n % 8, 'chapter ' || n, n from generate_series(1, 30) n",
        r#"
table = "authors"
document = { name = "name" }
[syncs.d.many.books]
document = { title = "title" }
aggregate = { book_count = "count(*)" }
[syncs.d.many.books.many.chapters]
document = "title"
order_by = "pages desc"
aggregate = { pages = "sum(pages)", longest = "max(pages)" }
"#,
        "select a.id::text, json_build_object('name', a.name, 'book_count', (select count(*) from books where author_id = a.id),
                'books', array(select json_build_object('title', b.title,
                    'chapters', array(select c.title from chapters c where c.book_id = b.id order by c.pages desc),
                    'pages', (select sum(pages) from chapters where book_id = b.id),
                    'longest', (select max(pages) from chapters where book_id = b.id))
                  from books b where b.author_id = a.id order by b.id))
           from authors a",
    )
    .await;
    // Books 3, 6 and 9 are author 1's, books 1, 4 and 7 author 2's; chapters 1, 9, 17 and 25 are in book 2, author 3's.
    assert_eq!(
        authors.after("update chapters set title = 'new' where id = 1").await,
        ["PUT 3"]
    );
    assert_eq!(
        authors.after("update chapters set book_id = 3 where id = 1").await,
        ["PUT 1", "PUT 3"]
    );
    assert_eq!(
        authors.after("update books set author_id = 4 where id = 2").await,
        ["PUT 3", "PUT 4"]
    );
    assert_eq!(authors.after("delete from chapters where id = 9").await, ["PUT 4"]);
    assert_eq!(authors.after("delete from books where id = 2").await, ["PUT 4"]);
    // A chapter leaves its book while the book leaves its author.
    let requests = authors
        .after("update chapters set book_id = 1 where id = 1; update books set author_id = 4 where id = 3")
        .await;
    assert_eq!(requests, ["PUT 1", "PUT 2", "PUT 4"]);
    let requests = authors
        .after("insert into books values (50, 4, 'b'); insert into chapters values (50, 50, 'c', 1), (51, 50, 'd', 1)")
        .await;
    assert_eq!(requests, ["PUT 4"]);
    assert_eq!(authors.after("delete from authors where id = 2").await, ["DELETE 2"]);
    assert_eq!(authors.after("truncate chapters").await, ["PUT 1", "PUT 3", "PUT 4"]);
}

#[tokio::test]
async fn a_many_under_a_one_shows_the_siblings() {
    let books = Mirror::open(
        "create table authors (id int primary key, name text);
         create table books (id int primary key, author_id int references authors, title text);
         create index on books (author_id);
         alter table books replica identity full;
         insert into authors select n, 'author ' || n from generate_series(1, 3) n;
         insert into books select n, case when n < 8 then 1 + n % 3 end, 'book ' || n from generate_series(1, 8) n",
        r#"
table = "books"
document = { title = "title" }
[syncs.d.one.author]
table = "authors"
document = { name = "name" }
[syncs.d.one.author.many.works]
table = "books"
document = "title"
order_by = "title desc"
aggregate = { work_count = "count(*)" }
"#,
        "select b.id::text, json_build_object('title', b.title, 'author',
                (select json_build_object('name', a.name,
                        'works', array(select title from books w where w.author_id = a.id order by title desc),
                        'work_count', (select count(*) from books w where w.author_id = a.id))
                   from authors a where a.id = b.author_id))
           from books b",
    )
    .await;
    assert_eq!(
        books.after("update books set title = 'first' where id = 1").await,
        ["PUT 1", "PUT 4", "PUT 7"]
    );
    let moved = books.after("update books set author_id = 3 where id = 7").await;
    assert_eq!(moved, ["PUT 1", "PUT 2", "PUT 4", "PUT 5", "PUT 7"]);
    assert_eq!(
        books.after("update books set author_id = 2 where id = 8").await,
        ["PUT 1", "PUT 4", "PUT 8"]
    );
    assert_eq!(
        books.after("update books set author_id = null where id = 8").await,
        ["PUT 1", "PUT 4", "PUT 8"]
    );
    assert_eq!(
        books.after("delete from books where id = 4").await,
        ["DELETE 4", "PUT 1"]
    );
}

#[tokio::test]
async fn a_one_on_the_childs_side_comes_moves_and_goes() {
    let books = Mirror::open(
        "create table books (id int primary key, title text);
         create table ratings (id int primary key, book_id int not null unique references books, stars int);
         alter table ratings replica identity using index ratings_book_id_key;
         insert into books select n, 'book ' || n from generate_series(1, 5) n;
         insert into ratings values (1, 1, 5), (2, 2, 3)",
        r#"
table = "books"
document = { title = "title", stars = "coalesce(rating.stars, 0)" }
[syncs.d.one.rating]
table = "ratings"
document = { id = "id", stars = "stars" }
"#,
        "select b.id::text, json_build_object('title', b.title,
                'stars', coalesce((select stars from ratings where book_id = b.id), 0),
                'rating', (select json_build_object('id', id, 'stars', stars) from ratings where book_id = b.id))
           from books b",
    )
    .await;
    assert_eq!(
        books.after("update ratings set stars = 4 where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(books.after("insert into ratings values (3, 3, 1)").await, ["PUT 3"]);
    assert_eq!(
        books.after("update ratings set book_id = 4 where id = 3").await,
        ["PUT 3", "PUT 4"]
    );
    assert_eq!(books.after("delete from ratings where id = 3").await, ["PUT 4"]);
    let swapped = "update ratings set book_id = 5 where id = 1; update ratings set book_id = 1 where id = 2;
                   update ratings set book_id = 2 where id = 1";
    assert_eq!(books.after(swapped).await, ["PUT 1", "PUT 2"]);
}

#[tokio::test]
async fn a_table_that_refers_to_itself_stands_in_its_own_tree() {
    let employees = Mirror::open(
        "create table employees (id int primary key, name text, manager_id int references employees);
         create index on employees (manager_id);
         alter table employees replica identity full;
         insert into employees values (1, 'Ann', null), (2, 'Ben', 1), (3, 'Cyd', 1), (4, 'Dee', 2), (5, 'Eli', 4)",
        r#"
table = "employees"
document = { name = "name", boss = "manager.name", chain = "concat_ws(' < ', name, manager.name, grand.name)" }
[syncs.d.one.manager]
table = "employees"
on = { id = "manager_id" }
document = { id = "id" }
[syncs.d.one.manager.one.grand]
table = "employees"
on = { id = "manager_id" }
document = { name = "name" }
[syncs.d.many.reports]
table = "employees"
on = { manager_id = "id" }
document = { name = "name" }
[syncs.d.many.reports.many.reports]
table = "employees"
on = { manager_id = "id" }
document = "name"
"#,
        "select e.id::text, json_build_object('name', e.name, 'boss', m.name, 'chain', concat_ws(' < ', e.name, m.name, g.name),
                'manager', case when m.id is not null then json_build_object('id', m.id, 'grand',
                    case when g.id is not null then json_build_object('name', g.name) end) end,
                'reports', array(select json_build_object('name', r.name, 'reports',
                                        array(select name from employees where manager_id = r.id order by id))
                                   from employees r where r.manager_id = e.id order by r.id))
           from employees e left join employees m on m.id = e.manager_id left join employees g on g.id = m.manager_id",
    )
    .await;
    // Of those above him two, of those below him one and hers.
    assert_eq!(
        employees.after("update employees set name = 'Bob' where id = 2").await,
        ["PUT 1", "PUT 2", "PUT 4", "PUT 5"]
    );
    assert_eq!(
        employees.after("update employees set name = 'Eve' where id = 5").await,
        ["PUT 2", "PUT 4", "PUT 5"]
    );
    let moved = employees
        .after("update employees set manager_id = 3 where id = 4")
        .await;
    assert_eq!(moved, ["PUT 1", "PUT 2", "PUT 3", "PUT 4", "PUT 5"]);
    assert_eq!(
        employees
            .after("update employees set manager_id = null where id = 2")
            .await,
        ["PUT 1", "PUT 2"]
    );
    // One may be one's own manager.
    assert_eq!(
        employees
            .after("update employees set manager_id = 2 where id = 2")
            .await,
        ["PUT 2"]
    );
}
