//! The index itself: made, found, lost, and named by an alias.

use serde_json::json;

use super::search::{MAPPING, SHORT_LIVED, Search, THINGS, open_is};
use super::server::{Behaviour, On};
use crate::world::{DEADLINE, field};

#[tokio::test]
async fn a_mapping_that_is_wrong_is_said_and_gives_up_nothing() {
    let search = Search::with(10).await;
    let wrong = r#"{ "mappings": { "properties": { "name": { "type": "strange" } } } }"#;
    let wrong = search.file("wrong.json", wrong);
    let sink = |file: &std::path::Path| format!("mapping = '{}'\n{SHORT_LIVED}", file.display());
    let mut engine = search.world.engine(&search.config(&sink(&wrong)));
    open_is(&engine, 1).await;
    let tries = "select count(*) > 50 and max(number) > 4 from walsift.attempt";
    search.world.wait_until_true(tries).await;
    assert_eq!(search.given_up().await, [""; 0]);
    let reason = search.reason("1").await;
    assert!(reason.starts_with("making the index: 400 Bad Request"), "{reason}");
    assert!(
        reason.contains("The mapper type [strange] declared on field [name] does not exist"),
        "{reason}"
    );
    search.elastic.look(|_, journal| assert_eq!(journal.bulks().count(), 0));

    engine.kill9();
    let right = search.file("right.json", MAPPING);
    let _engine = search.synced(&search.config(&sink(&right))).await;
    assert_eq!(search.given_up().await, [""; 0]);
}

#[tokio::test]
async fn several_may_make_it_at_once() {
    let search = Search::with(20).await;
    search.elastic.create("things", &serde_json::from_str(MAPPING).unwrap());
    // Somebody else has made it since.
    search.elastic.rule_for_next(1, On::Look, Behaviour::answer(404));
    let _engine = search.synced(&search.config_with_mapping("")).await;
    assert_eq!(search.given_up().await, [""; 0]);
    search.changed_once(20);
    let made = search.elastic.look(|_, journal| {
        let made = journal
            .requests()
            .iter()
            .filter(|request| request.line == "PUT /things");
        made.filter_map(|request| request.status).collect::<Vec<_>>()
    });
    assert_eq!(made, [400]);
}

/// No document was sent, so it is known what became of it.
#[tokio::test]
async fn an_answer_that_is_lost_while_the_index_is_made_is_no_uncertain_delivery() {
    let losses = [
        (On::Make, Behaviour::ApplyThenCut),
        (On::Make, Behaviour::ApplyThenHang),
        (On::Make, Behaviour::Cut),
        (On::Look, Behaviour::Hang),
        (On::Look, Behaviour::answer(503)),
        (On::Make, Behaviour::answer(408)),
    ];
    for (on, loss) in losses {
        let search = Search::with(10).await;
        search.elastic.rule_for_next(1, on, loss.clone());
        let _engine = search
            .synced(&search.config_with_mapping("timeout = '500ms'\nconcurrency = 1"))
            .await;
        assert_eq!(search.given_up().await, [""; 0]);
        let failed = "select count(*) from walsift.attempt where outcome = 'retry'";
        assert!(search.world.value::<i64>(failed).await > 0, "{loss:?}");
        let uncertain = "select count(*) from walsift.attempt where not certain";
        assert_eq!(search.world.value::<i64>(uncertain).await, 0, "{loss:?}");
    }
}

#[tokio::test]
async fn an_index_that_is_deleted_behind_our_back_is_made_again() {
    let search = Search::with(10).await;
    search.elastic.change(|cluster| cluster.auto_create = false);
    let config = search.config_with_mapping("");
    let engine = search.synced(&config).await;
    search.elastic.change(|cluster| cluster.delete("things"));
    search.elastic.clear_journal();
    search
        .world
        .sql("update things set name = 'new', amount = '1' where id = 7")
        .await;
    search.world.settled().await;
    assert_eq!(search.given_up().await, [""; 0]);
    // What was in it is not: as far as is known, the index still holds it.
    search.assert_holds("things", &format!("{THINGS} where id = 7")).await;
    search.elastic.look(|_, journal| {
        let made = journal.requests().iter().any(|request| request.line == "PUT /things");
        assert!(made);
    });
    let gone = |line: &serde_json::Value| {
        field(line, "message").is_some_and(|message| message.starts_with("an index is gone"))
    };
    let line = engine.wait_for_log(DEADLINE, "the index is gone", gone).await;
    assert_eq!(field(&line, "index"), Some("things"));
    // Until it is asked for.
    search.world.sql("delete from things where id = 3").await;
    search.world.settled().await;
    let keys: Vec<String> = (1..=10).map(|id| format!("{id}\n")).collect();
    let keys = search.file("keys", &keys.concat());
    let (config, keys) = (config.to_str().unwrap(), keys.to_str().unwrap());
    let enqueue = [
        "jobs", "enqueue", "--sync", "things", "--sink", "search", "--keys", keys, "--force", "--config", config,
    ];
    let said = search.world.walsift(&enqueue).await;
    assert!(said.status.success(), "{said:?}");
    search.converges().await;
    // It has the mapping again.
    search
        .world
        .sql("update things set amount = 'a lot' where id = 7")
        .await;
    search.world.settled().await;
    assert_eq!(search.given_up().await, ["7 failed refused certain"]);
}

/// The server is quicker where it may make indexes by itself, and knows nothing of our mapping.
#[tokio::test]
async fn an_index_that_the_server_makes_again_is_not_ours() {
    let search = Search::with(10).await;
    let config = search.config_with_mapping("");
    let mut engine = search.synced(&config).await;
    search.elastic.change(|cluster| cluster.delete("things"));
    search
        .world
        .sql("update things set amount = 'a lot' where id = 7")
        .await;
    search.world.settled().await;
    search.assert_holds("things", &format!("{THINGS} where id = 7")).await;
    assert_eq!(search.given_up().await, [""; 0]);

    // Somebody takes it away once more, and then makes us look.
    engine.kill9();
    search.elastic.change(|cluster| cluster.delete("things"));
    let _engine = search.world.engine(&config);
    search
        .world
        .sql("update things set amount = 'too much' where id = 7")
        .await;
    search.world.settled().await;
    assert_eq!(search.given_up().await, ["7 failed refused certain"]);
}

#[tokio::test]
async fn an_alias_is_as_good_as_an_index() {
    let search = Search::with(10).await;
    search
        .elastic
        .create("things_1", &json!({ "aliases": { "things": {} } }));
    let _engine = {
        let engine = search.world.engine(&search.config_with_mapping(""));
        search.world.settled().await;
        engine
    };
    search.assert_holds("things_1", THINGS).await;
    search.elastic.create(
        "things_2",
        &json!({ "aliases": { "things": { "is_write_index": true } } }),
    );
    search.world.sql("update things set name = 'new' where id = 3").await;
    search.world.settled().await;
    search.assert_holds("things_2", &format!("{THINGS} where id = 3")).await;
    assert_eq!(search.given_up().await, [""; 0]);
}
