//! Documents that the index does not take, and those that came with them (G8).

use super::search::{Search, THINGS};
use super::server::{Elastic, Product};

/// Held but for these.
fn but(ids: &str) -> String {
    format!("{THINGS} where id not in ({ids})")
}

#[tokio::test]
async fn g8_a_value_that_the_mapping_does_not_take_fails_its_job_and_no_other() {
    let kinds = [
        (Product::Elasticsearch, "document_parsing_exception: [1:1] "),
        (Product::OpenSearch, "mapper_parsing_exception: "),
    ];
    for (product, kind) in kinds {
        let search = Search::at(Elastic::of(product).await, 30).await;
        search
            .world
            .sql("update things set amount = 'a lot' where id in (7, 20)")
            .await;
        let _engine = search.world.engine(&search.config_with_mapping(""));
        search.world.settled().await;
        search.assert_holds("things", &but("7, 20")).await;
        let wanted = ["20 failed refused certain", "7 failed refused certain"];
        assert_eq!(search.given_up().await, wanted);
        let wanted = format!(
            "400: {kind}failed to parse field [amount] of type [long] in document with id '7'. Preview of field's value: \
             'a lot': For input string: \"a lot\""
        );
        assert_eq!(search.reason("7").await, wanted);

        // What is true now is sent, and closes the old job.
        search.world.sql("update things set amount = '7' where id = 7").await;
        search.world.settled().await;
        search.assert_holds("things", &but("20")).await;
    }
}

#[tokio::test]
async fn g8_a_field_that_the_mapping_does_not_have_is_refused() {
    let search = Search::with(10).await;
    let mapping = r#"{ "mappings": { "dynamic": "strict", "properties": { "id": { "type": "long" }, "more": {} } } }"#;
    let mapping = search.file("strict.json", mapping);
    let more = "case when id = 4 then jsonb_build_object('amount', amount) else jsonb_build_object() end";
    let sync =
        format!("[syncs.things]\ntable = 'things'\nsink = 'search'\ndocument = {{ id = 'id', more = \"{more}\" }}");
    let config = search.config_of(&sync, &format!("mapping = '{}'", mapping.display()));
    let _engine = search.world.engine(&config);
    search.world.settled().await;
    let wanted =
        "select id::text, jsonb_build_object('id', id, 'more', jsonb_build_object()) from things where id <> 4";
    search.assert_holds("things", wanted).await;
    assert_eq!(search.given_up().await, ["4 failed refused certain"]);
    let wanted = "400: strict_dynamic_mapping_exception: [1:1] mapping set to strict, dynamic introduction of [amount] within [more] \
                  is not allowed";
    assert_eq!(search.reason("4").await, wanted);
}

#[tokio::test]
async fn g8_a_document_that_is_too_large_for_the_server_fails_alone() {
    let search = Search::with(200).await;
    search
        .world
        .sql("update things set name = repeat('x', 60000) where id in (11, 150)")
        .await;
    search.elastic.limit(40_000, false);
    let _engine = search.world.engine(&search.config(""));
    search.world.settled().await;
    search.assert_holds("things", &but("11, 150")).await;
    let wanted = ["11 failed refused certain", "150 failed refused certain"];
    assert_eq!(search.given_up().await, wanted);
    assert!(search.reason("11").await.starts_with("413 Payload Too Large"));
}

/// Newer servers close the connection before they have read what is too large, and not every client gets to see why.
#[tokio::test]
async fn g8_a_server_that_hangs_up_on_what_is_too_large_takes_the_rest() {
    let search = Search::with(200).await;
    search
        .world
        .sql("update things set name = repeat('x', 6000000) where id in (11, 150)")
        .await;
    search.elastic.limit(400_000, true);
    let retry = "retry = { attempts = 4, base = '10ms', max = '20ms' }";
    let _engine = search.world.engine(&search.config(retry));
    search.world.settled().await;
    search.assert_holds("things", &but("11, 150")).await;
    let given_up = search.given_up().await;
    let keys: Vec<&str> = given_up.iter().filter_map(|job| job.split(' ').next()).collect();
    assert_eq!(keys, ["11", "150"], "{given_up:?}");
}
