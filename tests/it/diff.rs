//! `walsift diff`: what would be sent now, and why.

use std::path::Path;

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};

use crate::world::{DEADLINE, SHOP, World};

/// Status, what differs, and the counts, of `walsift diff orders --json`.
async fn diff(world: &World, config: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    let (code, out, err) = raw(world, config, &[arguments, &["--json"]].concat()).await;
    let mut lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counts = lines.pop().unwrap_or_else(|| panic!("nothing was said: {err}"));
    (code, lines, counts["counts"].clone())
}

async fn raw(world: &World, config: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let start = ["diff", "orders", "--config", config.to_str().unwrap()];
    let output = world.walsift(&[&start[..], arguments].concat()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Key and finding of each, in the order of the keys.
fn found(lines: &[Value]) -> Vec<(&str, &str)> {
    let mut found: Vec<_> = lines
        .iter()
        .map(|line| (line["key"].as_str().unwrap(), line["found"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    found
}

/// A shop that was in step until just now; nobody is at work any more.
async fn out_of_step(keys: &str) -> (World, std::path::PathBuf) {
    let world = World::with_shop().await;
    world.stock_shop(2, 6).await;
    let config = world.config(&SHOP.replacen("[syncs.orders]", &format!("[syncs.orders]\n{keys}"), 1));
    let mut engine = world.synced(&config).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world.receiver().clear_journal();
    let changes = "update orders set status = 'changed' where id = 2;
                   delete from orders where id = 3;
                   insert into orders (id, customer_id, status) values (77, 1, 'new');
                   update walsift.state set digest = null where key = '4'";
    world.sql(changes).await;
    (world, config)
}

#[tokio::test]
async fn what_is_in_step_does_not_differ() {
    let world = World::with_shop().await;
    world.stock_shop(2, 10).await;
    let config = world.config(SHOP);
    let _engine = world.synced(&config).await;
    for arguments in [&["--all"][..], &[], &["--sample", "10"], &["--key", "1"]] {
        let (code, lines, counts) = diff(&world, &config, arguments).await;
        assert_eq!((code, lines.len()), (Some(0), 0), "{lines:?}");
        assert_eq!(counts["subjects"], counts["unchanged"]);
        let subjects = if arguments.contains(&"--key") { 1 } else { 10 };
        assert_eq!(counts["subjects"], json!(subjects), "{arguments:?}");
    }
}

#[tokio::test]
async fn each_way_to_differ_is_told_apart_and_nothing_is_sent_or_written() {
    let (world, config) = out_of_step("keep_document = true").await;
    let rows = "select string_agg(s::text, ',' order by key) from walsift.state s";
    let before: String = world.value(rows).await;

    let (code, lines, counts) = diff(&world, &config, &["--all"]).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        found(&lines),
        [("2", "changed"), ("3", "gone"), ("4", "unknown"), ("77", "new")]
    );
    let counted = ["subjects", "unchanged", "changed", "gone", "unknown", "new", "failed"].map(|name| &counts[name]);
    assert_eq!(counted, [7, 3, 1, 1, 1, 1, 0].map(|count| json!(count)).each_ref());
    let changed = lines.iter().find(|line| line["key"] == "2").unwrap();
    assert_eq!(
        changed["differences"],
        json!([{ "path": "/order_status", "change": "changed" }])
    );

    let (_, text, _) = raw(&world, &config, &["--key", "2", "--key", "3"]).await;
    assert_eq!(
        text,
        "orders → shop_api\n  changed  2  /order_status changes\n  gone     3\n2 subjects: 0 unchanged, 1 changed, 1 gone\n"
    );
    // The source no longer has what is gone.
    let (_, lines, _) = diff(&world, &config, &["--sample", "100"]).await;
    assert_eq!(found(&lines), [("2", "changed"), ("4", "unknown"), ("77", "new")]);

    assert_eq!(world.value::<String>(rows).await, before);
    assert_eq!(world.receiver().look(|ledger| ledger.journal().len()), 0);
}

#[tokio::test]
async fn without_the_document_it_is_only_known_that_it_differs() {
    let (world, config) = out_of_step("").await;
    assert_eq!(
        world
            .value::<i64>("select count(*) from walsift.state where document is not null")
            .await,
        0
    );
    let (_, lines, _) = diff(&world, &config, &["--key", "2"]).await;
    assert_eq!(
        (found(&lines), &lines[0]["differences"]),
        (vec![("2", "changed")], &Value::Null)
    );
}

#[tokio::test]
async fn the_document_that_is_kept_is_the_one_that_was_accepted() {
    let (world, config) = out_of_step("keep_document = true").await;
    let _engine = world.synced(&config).await;
    // Of what nobody knows something is sent with the next change.
    world.sql("update orders set status = 'paid' where id = 4").await;
    world.settled().await;
    let (code, ..) = diff(&world, &config, &["--all"]).await;
    assert_eq!(code, Some(0));
    // A document that was refused is none that the sink has.
    world.receiver().rule(Paths::exact("/orders/2"), Behaviour::answer(422));
    world.sql("update orders set status = 'refused' where id = 2").await;
    world.settled().await;
    let (_, lines, _) = diff(&world, &config, &["--all"]).await;
    assert_eq!(found(&lines), [("2", "changed")]);
    assert_eq!(lines[0]["differences"][0]["path"], "/order_status");
}

#[tokio::test]
async fn a_subject_whose_job_waits_says_so() {
    let (world, config) = out_of_step("").await;
    world.receiver().rule(Paths::All, Behaviour::Hold);
    let _engine = world.engine(&config);
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    world.wait_until_true("select count(*) = 3 from walsift.job").await;
    let (_, lines, counts) = diff(&world, &config, &["--all"]).await;
    let with_jobs = lines.iter().filter(|line| line["job"].is_i64()).count();
    assert_eq!((with_jobs, &counts["with_jobs"]), (3, &json!(3)), "{lines:?}");
}

#[tokio::test]
async fn more_subjects_than_fit_a_page_are_all_compared_once() {
    let world = World::new().await;
    world
        .sql(
            "create table things (area text, id int, name text, primary key (area, id));
             insert into things select 'area ' || n % 7, n, 'thing' from generate_series(1, 1300) n",
        )
        .await;
    let sink = "[sinks.shop_api]\nurl = '{URL}/things/{area}/{id}'".replace("{URL}", &world.receiver().url());
    let config = world.config(&format!("[syncs.orders]\ntable = 'things'\nsink = 'shop_api'\n{sink}"));
    let mut engine = world.synced(&config).await;
    engine.kill9();
    world
        .sql(
            "update things set name = 'other' where id % 100 = 0;
             delete from things where id % 100 = 1;
             insert into things select 'area new', n, 'thing' from generate_series(2001, 2700) n",
        )
        .await;
    let (_, lines, counts) = diff(&world, &config, &["--all"]).await;
    let counted = ["subjects", "changed", "gone", "new"].map(|name| counts[name].as_u64().unwrap());
    assert_eq!(counted, [2000, 13, 13, 700]);
    let mut keys: Vec<&str> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 726);
}

#[tokio::test]
async fn it_says_why_it_cannot_compare() {
    let world = World::with_shop().await;
    let config = world.config(SHOP);
    let (code, _, err) = raw(&world, &config, &[]).await;
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("walsift has not run"), "{err}");
    let _engine = world.synced(&config).await;
    let (code, _, err) = raw(&world, &config, &["--key", "no number"]).await;
    assert_eq!(code, Some(2), "{err}");
    let (code, _, err) = raw(&world, &config, &["--sink", "other"]).await;
    assert_eq!(code, Some(2), "{err}");
}
