//! `walsift init`: what it makes of a schema, and that `check` takes it as it stands.

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;

use crate::world::World;

const LIBRARY: &str = "
    create table authors (id bigint primary key, name text not null);
    create table books (id bigint primary key, title text not null, cover bytea);
    create table book_authors (
        book_id bigint references books (id), author_id bigint references authors (id),
        added_at timestamptz not null default now(), primary key (book_id, author_id));
    create index on book_authors (author_id);
    create table loans (id bigint primary key, book_id bigint not null references books (id), until date);
    create unique index loans_identity on loans (id, book_id);
    alter table loans replica identity using index loans_identity;
    create index on loans (book_id);
    create table ratings (book_id bigint primary key references books (id), stars integer);";

const PEOPLE: &str = r#"
    create table users (
        id bigint primary key, "Full Name" text, "user" text, password_hash text, "apiToken" text,
        manager_id bigint references users (id), team bigint, home bigint);
    create table teams (id bigint primary key, lead_id bigint references users (id), "order" integer);
    create schema geo;
    create table geo.places (country text, code bigint, name text, primary key (country, code));
    alter table users add country text, add foreign key (country, home) references geo.places;
    alter table users add foreign key (team) references teams (id);
    create table messages (
        id bigint primary key, sender_id bigint not null references users (id),
        recipient_id bigint not null references users (id), body text);
    create table friendships (
        user_id bigint references users (id), friend_id bigint references users (id), primary key (user_id, friend_id));
    create unlogged table visits (id bigint primary key, user_id bigint references users (id));"#;

async fn init(world: &World, arguments: &[&str]) -> String {
    let url = world.url();
    let output = world.walsift(&[&["init", "--url", &url], arguments].concat()).await;
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// As a file for this world.
fn file(world: &World, text: &str) -> PathBuf {
    let source = format!("url = \"{}\"\nslot = \"{}\"", world.url(), world.slot());
    let file = world.folder().join("drafted.toml");
    fs::write(&file, text.replace("url = \"${DATABASE_URL}\"", &source)).unwrap();
    file
}

async fn check(world: &World, text: &str) -> String {
    let file = file(world, text);
    let output = world
        .walsift(&["check", "--skip-sinks", "--config", file.to_str().unwrap()])
        .await;
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

const OK: &str = "ok: nothing stands in the way\n";

#[tokio::test]
async fn a_shop_becomes_orders_with_their_customer_and_lines() {
    let world = World::with_shop().await;
    let text = init(&world, &["--table", "orders"]).await;
    assert_snapshot!(text);
    assert_eq!(check(&world, &text).await, OK);
    assert_eq!(init(&world, &["--table", "orders"]).await, text);
}

#[tokio::test]
async fn a_table_that_only_connects_two_is_gone_through() {
    let world = World::new().await;
    world.sql(LIBRARY).await;
    let text = init(&world, &["--table", "books", "--sink", "http", "--name", "catalogue"]).await;
    assert_snapshot!(text);
    assert_eq!(check(&world, &text).await, OK);
}

#[tokio::test]
async fn several_foreign_keys_quoted_names_and_secrets_are_told_apart() {
    let world = World::new().await;
    world.sql(PEOPLE).await;
    assert_snapshot!(init(&world, &["--table", "public.users", "--depth", "1"]).await);
}

#[tokio::test]
async fn what_is_further_away_only_needs_its_comment_taken_away() {
    let world = World::with_shop().await;
    let text = init(&world, &["--table", "order_lines", "--depth", "0"]).await;
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
            _ => line,
        })
        .collect();
    let uncommented = uncommented.join("\n");
    assert!(
        uncommented.contains("\n[syncs.order_lines.one.order.document]\n"),
        "{uncommented}"
    );
    assert!(!text.contains("\n[syncs.order_lines.one"), "{text}");
    assert_eq!(check(&world, &text).await, OK);
    assert_eq!(check(&world, &uncommented).await, OK);
}

#[tokio::test]
async fn a_file_that_is_there_is_kept_unless_told_otherwise() {
    let world = World::with_shop().await;
    let (url, file) = (world.url(), world.folder().join("mine.toml"));
    let path = file.to_str().unwrap();
    let arguments = ["init", "--url", &url, "--table", "customers", "--output", path];
    fs::write(&file, "mine").unwrap();
    let refused = world.walsift(&arguments).await;
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let forced = world.walsift(&[&arguments[..], &["--force"]].concat()).await;
    assert_eq!(forced.status.code(), Some(0));
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        init(&world, &["--table", "customers"]).await
    );
}

#[tokio::test]
async fn what_no_document_can_be_made_of_is_refused() {
    let world = World::with_shop().await;
    world.sql("create view open_orders as select * from orders").await;
    let url = world.url();
    let mut said = String::new();
    for table in ["open_orders", "nothing", "a.b.c"] {
        let output = world.walsift(&["init", "--url", &url, "--table", table]).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        said += &String::from_utf8(output.stderr).unwrap();
    }
    assert_snapshot!(said);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let world = World::new().await;
    let url = "postgres://me:hunter2@127.0.0.1:1/shop";
    let output = world.walsift(&["init", "--url", url, "--table", "orders"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("127.0.0.1") && !said.contains("hunter2"), "{said}");
}
