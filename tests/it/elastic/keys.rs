//! How documents are named, and where they are put.

use super::search::Search;

const SHELVES: &str = "create table shelves (shop text, place text, name text, primary key (shop, place))";

/// Postgres takes all of these for keys; in JSON and on a line of their own they must not be mistaken for anything else.
const AWKWARD: [&str; 9] = [
    "a:b",
    "a\\b",
    "a/b c",
    "ü ñ 🦀",
    "\"quoted\"",
    "line\nbreak",
    "tab\tand\r\n",
    "{index}",
    "%2F?x=1&y",
];

async fn shelves(search: &Search) {
    search.world.sql(SHELVES).await;
    for (n, name) in AWKWARD.iter().enumerate() {
        for shop in [name.to_string(), format!("shop {}", n % 2)] {
            search
                .world
                .query("insert into shelves values ($1, $2, 'x')", &[&shop, name])
                .await;
        }
    }
}

const SYNC: &str = "[syncs.shelves]\ntable = 'shelves'\nsink = 'search'";

#[tokio::test]
async fn composite_and_awkward_keys_are_ids() {
    let search = Search::with(0).await;
    shelves(&search).await;
    let _engine = search.world.engine(&search.config_of(SYNC, ""));
    let escaped = |column: &str| format!(r"replace(replace({column}, '\', '\\'), ':', '\:')");
    let wanted = format!(
        "select {} || ':' || {}, to_jsonb(s) from shelves s",
        escaped("shop"),
        escaped("place")
    );
    search.world.settled().await;
    search.assert_holds("things", &wanted).await;
    search.changed_once(2 * AWKWARD.len());
    search
        .world
        .sql("update shelves set name = 'y' where shop like 'shop%'")
        .await;
    search
        .world
        .sql("delete from shelves where shop not like 'shop%'")
        .await;
    search.world.settled().await;
    search.assert_holds("things", &wanted).await;
    assert_eq!(search.given_up().await, [""; 0]);
}

#[tokio::test]
async fn ids_and_routing_by_template_hold_for_writes_and_deletes() {
    let search = Search::with(0).await;
    shelves(&search).await;
    let mapping = r#"{ "settings": { "number_of_shards": 5 }, "mappings": { "_routing": { "required": true } } }"#;
    let mapping = search.file("shelves.json", mapping);
    let sink = format!(
        "mapping = '{}'\nid = '{{shop}}/{{place}}'\nrouting = '{{shop}}'",
        mapping.display()
    );
    let _engine = search.world.engine(&search.config_of(SYNC, &sink));
    // What stands between placeholders is encoded in their values, so that no two subjects have one id.
    let part = |column: &str| format!("replace(replace({column}, '%', '%25'), '/', '%2F')");
    let wanted = format!(
        "select {} || '/' || {}, to_jsonb(s) from shelves s",
        part("shop"),
        part("place")
    );
    for step in [
        "",
        "update shelves set name = 'y'",
        "delete from shelves where shop like 'shop%'",
    ] {
        search.world.sql(step).await;
        search.world.settled().await;
        search.assert_holds("things", &wanted).await;
    }
    assert_eq!(search.given_up().await, [""; 0]);
    search.elastic.look(|cluster, _| {
        let index = cluster.index("things").unwrap();
        for (id, document) in index.documents() {
            let shop = document.routing.as_deref().unwrap();
            let shop = shop.replace('%', "%25").replace('/', "%2F");
            assert!(id.starts_with(&format!("{shop}/")), "{id}");
        }
    });
}

#[tokio::test]
async fn an_id_that_is_too_long_is_given_up_alone() {
    let search = Search::with(0).await;
    let world = &search.world;
    world.sql("create table names (name text primary key)").await;
    world
        .sql("insert into names select repeat('é', n) from generate_series(250, 260) n")
        .await;
    let sync = "[syncs.names]\ntable = 'names'\nsink = 'search'";
    let _engine = world.engine(&search.config_of(sync, ""));
    world.settled().await;
    search
        .assert_holds(
            "things",
            "select name, to_jsonb(n) from names n where length(name) <= 256",
        )
        .await;
    let given_up = search.given_up().await;
    assert_eq!(given_up.len(), 4, "{given_up:?}");
    assert!(
        given_up
            .iter()
            .all(|job| job.ends_with(" failed configuration certain"))
    );
    let reason = search.reason(&"é".repeat(257)).await;
    assert_eq!(reason, "the id of this subject has 514 bytes; wanted are 1 to 512");
}
