//! What should be in the index is in it, and nothing is sent that need not be.

use super::search::{Search, THINGS};
use super::server::{Elastic, Product};

#[tokio::test]
async fn a_missing_index_is_made_from_its_mapping_and_filled_in_bulk() {
    for product in [Product::Elasticsearch, Product::OpenSearch] {
        let search = Search::at(Elastic::of(product).await, 300).await;
        search.elastic.change(|cluster| cluster.auto_create = false);
        let config = search.config_with_mapping("batch = { max = 50 }");
        let _engine = search.synced(&config).await;
        search.changed_once(300);
        search.elastic.look(|_, journal| {
            let requests: Vec<&str> = journal.requests().iter().map(|request| request.line.as_str()).collect();
            assert_eq!(requests[0], "HEAD /things");
            assert!(requests.contains(&"PUT /things"), "{requests:?}");
            let bulks = journal.bulks().count();
            assert!((6..150).contains(&bulks), "{bulks} requests for 300 documents");
        });
    }
}

#[tokio::test]
async fn changes_deletes_and_what_comes_back_follow() {
    let search = Search::with(40).await;
    let _engine = search.synced(&search.config_with_mapping("")).await;
    let steps = [
        "update things set name = 'other' where id % 2 = 0",
        "delete from things where id % 3 = 0",
        "insert into things select n, 'again ' || n, null from generate_series(3, 39, 3) n",
        "delete from things where id = 3; insert into things values (3, 'at once', '3')",
        "delete from things",
    ];
    for step in steps {
        search.world.sql(step).await;
        search.converges().await;
    }
    assert_eq!(search.held("things").len(), 0);
    assert_eq!(search.given_up().await, [""; 0]);
    search.elastic.look(|_, journal| {
        assert!(journal.items().iter().all(|item| item.error.is_none()));
        assert!(journal.items().iter().any(|item| item.is_delete));
    });
}

#[tokio::test]
async fn g3_what_changes_no_document_sends_nothing() {
    let search = Search::with(20).await;
    let _engine = search.synced(&search.config("")).await;
    search.elastic.clear_journal();
    search
        .world
        .sql("update things set name = name; update things set name = 'x' where id = 7; update things set name = 'thing 7' where id = 7")
        .await;
    search.converges().await;
    search.elastic.look(|_, journal| {
        let ids: Vec<&str> = journal.items().iter().map(|item| item.id.as_str()).collect();
        assert!(ids.iter().all(|&id| id == "7"), "{ids:?}");
    });
    search.elastic.clear_journal();
    search.world.sql("update things set name = name").await;
    search.converges().await;
    search
        .elastic
        .look(|_, journal| assert_eq!(journal.requests().len(), 0));
}

#[tokio::test]
async fn bodies_are_compressed() {
    let search = Search::with(200).await;
    let _engine = search.synced(&search.config_with_mapping("gzip = true")).await;
    search.elastic.look(|_, journal| {
        let is_packed = |encoding: Option<&String>| encoding.is_some_and(|encoding| encoding == "gzip");
        assert!(
            journal
                .bulks()
                .any(|request| is_packed(request.headers.get("content-encoding")))
        );
    });
}

#[tokio::test]
async fn two_processes_share_the_work() {
    let search = Search::with(600).await;
    let config = search.config_with_mapping("batch = { max = 20 }\nconcurrency = 2");
    let _engines = [search.world.engine(&config), search.world.engine(&config)];
    search.elastic.wait_for_bulks(3).await;
    search
        .world
        .sql("update things set name = 'new ' || id where id % 5 = 0")
        .await;
    search.world.sql("delete from things where id % 7 = 0").await;
    search.converges().await;
    search.assert_holds("things", THINGS).await;
    assert_eq!(search.given_up().await, [""; 0]);
}
