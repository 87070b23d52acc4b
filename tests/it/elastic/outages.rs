//! A server that is busy, slow, lost or dead: all arrives in the end, once, and nothing is given up.

use std::time::Duration;

use super::search::{SHORT_LIVED, Search, open_is};
use super::server::{Behaviour, Block, Elastic, Fault, On, Product};

async fn nothing_was_given_up(search: &Search) {
    assert_eq!(search.given_up().await, [""; 0]);
}

#[tokio::test]
async fn documents_that_a_busy_server_puts_off_follow_the_others() {
    for product in [Product::Elasticsearch, Product::OpenSearch] {
        let search = Search::at(Elastic::of(product).await, 50).await;
        search.elastic.fail_items(2, Some(&["3", "4"]), Fault::busy(product));
        let _engine = search.synced(&search.config_with_mapping("")).await;
        nothing_was_given_up(&search).await;
        search.changed_once(50);
        let tries = "select count(*) from walsift.attempt where class = 'rate_limited' and certain and status = 429";
        assert_eq!(search.world.value::<i64>(tries).await, 2);
    }
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let search = Search::with(50).await;
    let busy = Fault::busy(Product::Elasticsearch).body().to_string();
    let behaviour = Behaviour::Answer {
        status: 429,
        headers: vec![("retry-after", "1".to_owned())],
        body: busy,
    };
    search.elastic.rule_for_next(1, On::Bulk, behaviour);
    let _engine = search.synced(&search.config_with_mapping("concurrency = 1")).await;
    nothing_was_given_up(&search).await;
    let reason = "select distinct message from walsift.attempt where class = 'rate_limited'";
    let reason: String = search.world.value(reason).await;
    assert!(reason.contains("es_rejected_execution_exception"), "{reason}");
}

/// Applied, and nobody heard of it: the next try meets its own version.
#[tokio::test]
async fn g4_what_was_done_before_the_answer_was_lost_is_not_done_again() {
    let garbage = |body: &str| Behaviour::ApplyThenAnswer {
        status: 200,
        body: body.to_owned(),
    };
    let losses = [
        Behaviour::ApplyThenCut,
        Behaviour::ApplyThenHang,
        garbage("<html>It works!</html>"),
        garbage(r#"{"took":3,"errors":false,"items":[{"index":{"status":201}}]}"#),
        garbage(r#"{"took":3"#),
        Behaviour::ApplyThenAnswer {
            status: 502,
            body: String::new(),
        },
    ];
    for loss in losses {
        let search = Search::with(30).await;
        let _engine = {
            search.elastic.rule_for_next(1, On::Bulk, loss.clone());
            search
                .synced(&search.config_with_mapping("timeout = '1s'\nconcurrency = 1"))
                .await
        };
        nothing_was_given_up(&search).await;
        search.changed_once(30);
        let conflicts = search.elastic.look(|_, journal| {
            let conflicts = journal.items().iter().filter(|item| item.status == 409);
            conflicts.count()
        });
        assert!(conflicts > 0, "{loss:?}");
        let uncertain = "select count(*) from walsift.attempt where not certain and outcome = 'retry'";
        assert_eq!(
            search.world.value::<i64>(uncertain).await,
            i64::try_from(conflicts).unwrap()
        );
    }
}

/// A document that changed and changed back while nobody knew what the index held.
#[tokio::test]
async fn g4_what_was_lost_on_the_way_does_not_stay() {
    let search = Search::with(3).await;
    let _engine = search.synced(&search.config_with_mapping("timeout = '1s'")).await;
    search.elastic.rule_for_next(1, On::Bulk, Behaviour::ApplyThenHang);
    search.elastic.clear_journal();
    search.world.sql("update things set name = 'B' where id = 2").await;
    search.elastic.wait_for_bulks(1).await;
    search
        .world
        .sql("update things set name = 'thing 2' where id = 2")
        .await;
    search.converges().await;
    nothing_was_given_up(&search).await;
}

#[tokio::test]
async fn g4_a_delete_whose_answer_was_lost_is_done() {
    let search = Search::with(5).await;
    let _engine = search.synced(&search.config_with_mapping("")).await;
    search.elastic.rule_for_next(2, On::Bulk, Behaviour::ApplyThenCut);
    search.world.sql("delete from things where id < 4").await;
    search.converges().await;
    nothing_was_given_up(&search).await;
}

/// The client has long given up, and what came after has long been done.
#[tokio::test]
async fn g5_a_write_that_the_server_gets_to_late_takes_nothing_back() {
    for change in [
        "update things set name = 'C' where id = 2",
        "delete from things where id = 2",
    ] {
        let search = Search::with(3).await;
        let _engine = search.synced(&search.config_with_mapping("timeout = '300ms'")).await;
        search.elastic.clear_journal();
        search.elastic.rule_for_next(1, On::Bulk, Behaviour::ApplyLate);
        search.world.sql("update things set name = 'B' where id = 2").await;
        search.elastic.wait_for_bulks(1).await;
        search.world.sql(change).await;
        search.converges().await;
        search.elastic.catch_up();
        search.converges().await;
        search
            .elastic
            .look(|_, journal| assert_eq!(journal.items().last().unwrap().status, 409));
    }
}

#[tokio::test]
async fn shards_that_are_away_leave_their_documents_uncertain() {
    let search = Search::with(20).await;
    search.elastic.fail_items(1, Some(&["5"]), Fault::no_shard());
    search.elastic.apply_and_fail_items(1, Some(&["6"]), Fault::no_shard());
    let _engine = search.synced(&search.config_with_mapping("")).await;
    nothing_was_given_up(&search).await;
    search.changed_once(20);
    let uncertain = "select string_agg(j.key || ' ' || a.class, ', ' order by j.key) from walsift.attempt a
                       join walsift.finished_job j on j.id = a.job where not a.certain";
    assert_eq!(
        search.world.value::<String>(uncertain).await,
        "5 server_error, 6 server_error"
    );
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_load_and_comes_back_gets_the_rest() {
    let search = Search::with(3_000).await;
    let sink = format!("batch = {{ max = 100 }}\n{SHORT_LIVED}");
    let engine = search.world.engine(&search.config_with_mapping(&sink));
    search.elastic.wait_for_bulks(3).await;
    search.elastic.stop().await;
    open_is(&engine, 1).await;
    search
        .world
        .sql("update things set name = 'new' where id % 10 = 0")
        .await;
    search.world.sql("delete from things where id % 11 = 0").await;
    search.elastic.start().await;
    search.converges().await;
    nothing_was_given_up(&search).await;
    open_is(&engine, 0).await;
}

#[tokio::test]
async fn g1_a_process_that_is_killed_in_the_middle_of_a_load_loses_nothing_and_takes_nothing_back() {
    let search = Search::with(2_000).await;
    let config = search.config_with_mapping("batch = { max = 50 }\nconcurrency = 2");
    for round in 1..=3 {
        search.elastic.clear_rules();
        search
            .elastic
            .rule(On::Bulk, Behaviour::Slow(Duration::from_millis(10)));
        search.elastic.clear_journal();
        let mut engine = search.world.engine(&config);
        search.elastic.wait_for_bulks(3).await;
        engine.kill9();
        search
            .world
            .sql(&format!(
                "update things set name = 'round {round}' where id % 3 = {round} % 3"
            ))
            .await;
    }
    search.elastic.clear_rules();
    let _engine = search.synced(&config).await;
    nothing_was_given_up(&search).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time_and_tried_again() {
    let search = Search::with(20).await;
    search.elastic.rule(On::Bulk, Behaviour::Hang);
    let sink = format!("timeout = '300ms'\n{SHORT_LIVED}");
    let engine = search.world.engine(&search.config_with_mapping(&sink));
    open_is(&engine, 1).await;
    search.elastic.clear_rules();
    search.converges().await;
    nothing_was_given_up(&search).await;
    let timeouts = "select bool_and(class = 'timeout' and not certain) from walsift.attempt where outcome = 'retry'";
    assert!(search.world.value::<bool>(timeouts).await);
}

#[tokio::test]
async fn a_full_disk_puts_off_all_and_gives_up_none() {
    let search = Search::with(10).await;
    let engine = search.synced(&search.config_with_mapping(SHORT_LIVED)).await;
    search.elastic.block("things", Some(Block::FloodStage));
    search.world.sql("update things set name = 'late'").await;
    open_is(&engine, 1).await;
    search.elastic.block("things", None);
    search.converges().await;
    nothing_was_given_up(&search).await;
    let reason = "select min(message) from walsift.attempt where class = 'rate_limited'";
    let reason: String = search.world.value(reason).await;
    assert!(reason.contains("flood-stage watermark"), "{reason}");
}
