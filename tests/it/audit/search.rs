//! Elasticsearch: by `_mget`, and a scroll for orphans.

use std::collections::BTreeMap;

use serde_json::json;

use super::{audit, missed, raw};
use crate::elastic::search::Search;
use crate::elastic::server::{Behaviour, Elastic, On, Product};

async fn planted(search: &Search, config: &std::path::Path) {
    search.elastic.change(|cluster| {
        let index = cluster.index_mut("things").unwrap();
        index.tamper("1", None);
        index.tamper("2", Some(&json!({ "id": 2, "name": "altered", "amount": "2" })));
        index.plant("77", &json!({ "id": 77 }));
        index.plant("no number", &json!({ "id": 0 }));
        index.plant("07", &json!({ "id": 7 }));
    });
    let statements = "update things set name = 'missed' where id = 3;
                      delete from things where id = 4;
                      insert into things values (50, 'new', '50')";
    missed(&search.world, config, "things", statements, 3).await;
}

#[tokio::test]
async fn planted_faults_of_each_kind_are_found_named_and_repaired() {
    for product in [Product::Elasticsearch, Product::OpenSearch] {
        let search = Search::at(Elastic::of(product).await, 9).await;
        let config = search.config("");
        let _engine = search.synced(&config).await;
        audit(&search.world, &config, "things", &[]).await.assert_clean();
        planted(&search, &config).await;

        let wanted = BTreeMap::from([
            ("changed", vec!["3"]),
            ("gone", vec!["4"]),
            ("new", vec!["50"]),
            ("missing", vec!["1", "50"]),
            ("stale", vec!["2", "3"]),
            ("orphaned", vec!["4", "77"]),
        ]);
        search
            .elastic
            .look(|_, journal| assert_eq!(journal.went_back(), [""; 0]));
        let said = audit(&search.world, &config, "things", &[]).await;
        assert_eq!(
            (said.code, said.faults()),
            (Some(1), wanted.clone()),
            "{}",
            said.document
        );
        let counts = ["subjects", "faulty", "in_order", "in_flight", "repaired", "strangers"];
        assert_eq!(
            counts.map(|name| said.count(name)),
            [11, 6, 5, 0, 0, 2],
            "{}",
            said.document
        );
        let stale = &said.document["sinks"][0]["faults"]["stale"]["samples"];
        assert!(stale.to_string().contains("/name changes"), "{stale}");
        assert_eq!(search.elastic.scrolls(), 0, "nothing is left behind");

        let said = audit(&search.world, &config, "things", &["--repair"]).await;
        assert_eq!((said.code, said.count("repaired")), (Some(1), 6), "{}", said.document);
        assert_eq!(said.faults(), wanted);
        search.world.settled().await;
        audit(&search.world, &config, "things", &[]).await.assert_clean();
        search.elastic.change(|cluster| {
            let index = cluster.index_mut("things").unwrap();
            assert!(index.get("no number", None).unwrap().is_some(), "it is none of ours");
            index.tamper("no number", None);
            index.tamper("07", None);
        });
        search.converges().await;
    }
}

#[tokio::test]
async fn people_read_what_is_wrong_and_what_was_left_out() {
    let search = Search::with(3).await;
    let config = search.config("");
    let mut engine = search.synced(&config).await;
    search.elastic.change(|cluster| {
        let index = cluster.index_mut("things").unwrap();
        index.tamper("1", None);
        index.tamper("2", Some(&json!({ "id": 2, "name": "thing 2", "amount": "3" })));
    });
    // Nobody has to be at work for that.
    engine.terminate();
    engine.wait_exit(crate::world::DEADLINE).await;
    let (code, out, err) = raw(&search.world, &config, "things", &[]).await;
    let wanted = "things → search\n  missing    1\n  stale      2  /amount changes\n3 subjects: 1 in order, 1 missing, 1 stale\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), wanted, ""));
}

#[tokio::test]
async fn documents_are_found_by_their_ids_and_routing_in_several_shards() {
    let search = Search::with(30).await;
    let config = search.config_with_mapping("id = 'thing-{id}'\nrouting = 'r{id}'");
    let _engine = search.world.synced(&config).await;
    audit(&search.world, &config, "things", &[]).await.assert_clean();
    search.elastic.change(|cluster| {
        let index = cluster.index_mut("things").unwrap();
        index.tamper("thing-7", None);
        index.plant("thing-99", &json!({ "id": 99 }));
        index.plant("other-8", &json!({ "id": 8 }));
    });
    let said = audit(&search.world, &config, "things", &[]).await;
    // Without its routing the last cannot be read.
    assert_eq!(said.faults().get("missing"), Some(&vec!["7"]), "{}", said.document);
    assert_eq!(said.count("strangers"), 1, "{}", said.document);
}

#[tokio::test]
async fn more_documents_than_fit_a_page_are_read_and_scanned_once() {
    let search = Search::with(1_234).await;
    let config = search.config("");
    let _engine = search.synced(&config).await;
    search.elastic.change(|cluster| {
        let index = cluster.index_mut("things").unwrap();
        (2_001..2_021).for_each(|id| index.plant(&id.to_string(), &json!({ "id": id })));
    });
    search
        .world
        .sql("update walsift.state set digest = null where key = '1000'")
        .await;
    let said = audit(&search.world, &config, "things", &[]).await;
    assert_eq!(said.count("subjects"), 1_254);
    assert_eq!(
        said.faults().get("orphaned").map(Vec::len),
        Some(20),
        "{}",
        said.document
    );
    assert_eq!(said.faults().get("unknown"), Some(&vec!["1000"]));
    assert_eq!(said.count("faulty"), 21);
}

#[tokio::test]
async fn where_documents_go_through_a_pipeline_only_their_presence_counts() {
    let search = Search::with(3).await;
    search
        .elastic
        .change(|cluster| cluster.pipelines.insert("tidy".to_owned()));
    let config = search.config("pipeline = 'tidy'");
    let _engine = search.synced(&config).await;
    search.elastic.change(|cluster| {
        let index = cluster.index_mut("things").unwrap();
        index.tamper("1", None);
        index.tamper("2", Some(&json!({ "tidy": true })));
    });
    let said = audit(&search.world, &config, "things", &[]).await;
    assert_eq!(said.faults(), BTreeMap::from([("missing", vec!["1"])]));
    assert!(
        said.document["sinks"][0]["notes"][0]
            .as_str()
            .unwrap()
            .contains("pipeline")
    );
}

#[tokio::test]
async fn an_index_that_is_gone_holds_nothing_and_is_filled_again() {
    let search = Search::with(5).await;
    let config = search.config("");
    let _engine = search.synced(&config).await;
    search.elastic.change(|cluster| cluster.delete("things"));
    let said = audit(&search.world, &config, "things", &["--repair"]).await;
    assert_eq!(said.faults().get("missing").map(Vec::len), Some(5), "{}", said.document);
    search.converges().await;
    audit(&search.world, &config, "things", &[]).await.assert_clean();
}

#[tokio::test]
async fn a_server_that_is_away_or_refuses_leaves_no_verdict() {
    let search = Search::with(3).await;
    let config = search.config("auth = { api_key = 'hunter2' }");
    let _engine = search.synced(&config).await;
    // It may be back in a moment.
    search.elastic.rule_for_next(2, On::Read, Behaviour::answer(503));
    audit(&search.world, &config, "things", &[]).await.assert_clean();

    search.elastic.let_in(&[]);
    let (code, out, err) = raw(&search.world, &config, "things", &["--json"]).await;
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(
        err.contains("the sink cannot be read at present: _mget: 401") && !err.contains("hunter2"),
        "{err}"
    );
    search.elastic.stop().await;
    let (code, _, err) = raw(&search.world, &config, "things", &[]).await;
    assert!(code == Some(3) && err.contains("could not connect"), "{err}");
}

#[tokio::test]
async fn one_index_for_two_syncs_has_no_orphans_that_could_be_told_apart() {
    let search = Search::with(3).await;
    search
        .world
        .sql("create table others (id int primary key); insert into others values (100)")
        .await;
    let syncs = "[syncs.things]\ntable = 'things'\nsink = 'search'\n[syncs.others]\ntable = 'others'\nsink = 'search'";
    let config = search.config_of(syncs, "");
    let _engine = search.world.synced(&config).await;
    let said = audit(&search.world, &config, "things", &["--repair"]).await;
    said.assert_clean();
    assert!(
        said.document["sinks"][0]["notes"][0]
            .as_str()
            .unwrap()
            .contains("other syncs go to the same place")
    );
}
