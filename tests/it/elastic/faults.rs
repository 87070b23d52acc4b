//! Mistakes that are not a document's: nothing is sent in vain, nothing is given up, and once they are mended all arrives.


use super::search::{SHORT_LIVED, Search, open_is};
use super::server::{Behaviour, Fault, On};

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
async fn a_privilege_that_is_missing() {
    let search = Search::with(10).await;
    let breaks = |search: &Search| search.elastic.fail_items(usize::MAX, None, Fault::unauthorized());
    let mends = |search: &Search| search.elastic.clear_rules();
    is_mended(&search, "", "is unauthorized for API key id", breaks, mends).await;
    let breaks = |search: &Search| search.elastic.rule(On::Bulk, Behaviour::fault(&Fault::unauthorized()));
    let search = Search::with(10).await;
    is_mended(&search, "", "is unauthorized for API key id", breaks, mends).await;
}
