//! Mistakes that are not a document's: nothing is sent in vain, nothing is given up, and once they are mended all arrives.

use serde_json::json;

use super::search::{SHORT_LIVED, Search, open_is};
use super::server::{Behaviour, Block, Fault, On};

/// Begins with a fault; the sink is left alone until it is mended, and says meanwhile what is the matter.
async fn is_mended(
    search: &Search,
    sink: &str,
    reason: &str,
    breaks: impl FnOnce(&Search),
    mends: impl FnOnce(&Search),
) {
    const THINGS: i64 = 10;
    breaks(search);
    let engine = search.world.engine(&search.config(&format!("{sink}\n{SHORT_LIVED}")));
    open_is(&engine, 1).await;
    // More than a job may fail by itself.
    let tries = format!("select count(*) > 5 * {THINGS} and max(number) > 4 from walsift.attempt");
    search.world.wait_until_true(&tries).await;
    assert_eq!(search.given_up().await, [""; 0]);
    let odd = "select count(*) from walsift.attempt where class <> 'configuration' or not certain";
    assert_eq!(search.world.value::<i64>(odd).await, 0);
    let said = search.reason("1").await;
    assert!(said.contains(reason), "{said}");

    mends(search);
    search.converges().await;
    open_is(&engine, 0).await;
    assert_eq!(search.given_up().await, [""; 0]);
    search.changed_once(usize::try_from(THINGS).unwrap());
}

#[tokio::test]
async fn a_pipeline_that_is_missing() {
    let search = Search::with(10).await;
    let mends = |search: &Search| {
        search
            .elastic
            .change(|cluster| cluster.pipelines.insert("tidy".to_owned()));
    };
    let reason = "pipeline with id [tidy] does not exist";
    is_mended(&search, "pipeline = 'tidy'", reason, |_| {}, mends).await;
}

#[tokio::test]
async fn a_password_that_is_refused() {
    let search = Search::with(10).await;
    let sink = "auth = { basic = { user = 'walsift', password = 'x' } }";
    let breaks = |search: &Search| search.elastic.let_in(&[]);
    let mends = |search: &Search| search.elastic.let_in(&["Basic d2Fsc2lmdDp4"]);
    is_mended(&search, sink, "unable to authenticate user [walsift]", breaks, mends).await;
}

#[tokio::test]
async fn a_key_that_was_revoked() {
    let search = Search::with(10).await;
    let sink = "auth = { api_key = 'd2Fsc2lmdDp4' }";
    let breaks = |search: &Search| search.elastic.let_in(&[]);
    let mends = |search: &Search| search.elastic.let_in(&["ApiKey d2Fsc2lmdDp4"]);
    let reason = "unable to authenticate with provided credentials";
    is_mended(&search, sink, reason, breaks, mends).await;
}

#[tokio::test]
async fn a_privilege_that_is_missing() {
    let search = Search::with(10).await;
    let breaks = |search: &Search| search.elastic.fail_items(usize::MAX, None, Fault::unauthorized());
    let mends = |search: &Search| search.elastic.clear_rules();
    is_mended(&search, "", "is unauthorized for API key id", breaks, mends).await;
    let breaks = |search: &Search| search.elastic.rule(On::Bulk, Behaviour::fault(&Fault::unauthorized()));
    let search = Search::with(10).await;
    is_mended(&search, "", "is unauthorized for API key id", breaks, mends).await;
}

#[tokio::test]
async fn an_index_that_nobody_makes() {
    let search = Search::with(10).await;
    let breaks = |search: &Search| search.elastic.change(|cluster| cluster.auto_create = false);
    let mends = |search: &Search| search.elastic.create("things", &json!({}));
    is_mended(&search, "", "no such index [things]", breaks, mends).await;
}

#[tokio::test]
async fn an_index_that_is_closed_or_read_only() {
    for (block, reason) in [
        (Block::Closed, "index_closed_exception"),
        (Block::Write, "FORBIDDEN/8/index write (api)"),
    ] {
        let search = Search::with(10).await;
        let breaks = |search: &Search| {
            search.elastic.create("things", &json!({}));
            search.elastic.block("things", Some(block));
        };
        let mends = |search: &Search| search.elastic.block("things", None);
        is_mended(&search, "", reason, breaks, mends).await;
    }
}

#[tokio::test]
async fn an_alias_that_is_not_written_to() {
    let search = Search::with(10).await;
    let breaks = |search: &Search| {
        search
            .elastic
            .create("things_1", &json!({ "aliases": { "things": {} } }));
        search
            .elastic
            .create("things_2", &json!({ "aliases": { "things": {} } }));
    };
    // Somebody makes the alias into what it was to be in the first place.
    let mends = |search: &Search| {
        search.elastic.change(|cluster| {
            cluster.delete("things_1");
            cluster.delete("things_2");
        });
    };
    is_mended(
        &search,
        "",
        "no write index is defined for alias [things]",
        breaks,
        mends,
    )
    .await;
}

#[tokio::test]
async fn a_data_stream() {
    let search = Search::with(10).await;
    let breaks = |search: &Search| {
        search
            .elastic
            .change(|cluster| cluster.data_streams.insert("things".to_owned()));
    };
    let mends = |search: &Search| {
        search.elastic.change(|cluster| cluster.data_streams.remove("things"));
    };
    let reason = "only write ops with an op_type of create are allowed in data streams";
    is_mended(&search, "", reason, breaks, mends).await;
}

#[tokio::test]
async fn routing_that_the_index_asks_for() {
    let search = Search::with(10).await;
    let breaks = |search: &Search| {
        let mapping = json!({ "mappings": { "_routing": { "required": true } } });
        search.elastic.create("things", &mapping);
    };
    let mends = |search: &Search| search.elastic.change(|cluster| cluster.delete("things"));
    is_mended(&search, "", "routing is required for [things]/[1]", breaks, mends).await;
}

#[tokio::test]
async fn a_server_of_another_kind() {
    for (status, reason) in [
        (404, "404 Not Found"),
        (405, "405 Method Not Allowed"),
        (301, "301 Moved Permanently"),
    ] {
        let search = Search::with(10).await;
        let breaks = |search: &Search| search.elastic.rule(On::Bulk, Behaviour::answer(status));
        let mends = |search: &Search| search.elastic.clear_rules();
        is_mended(&search, "", reason, breaks, mends).await;
    }
}
