//! `walsift plan --against running`: what it says that a changed configuration does, and that it is what it does.

use insta::assert_snapshot;
use serde_json::Value;

use crate::world::{DEADLINE, SHOP, World};

/// Exit status, standard output, standard error.
async fn compare(world: &World, config: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = world.config(config);
    let verb = ["plan", "--against", "running", "--config", file.to_str().unwrap()];
    let output = world.walsift(&[&verb, arguments].concat()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A shop of which every order has been sent, by an engine that is gone.
async fn sent() -> World {
    let world = World::with_shop().await;
    world.stock_shop(20, 100).await;
    world.sql("analyze").await;
    let mut engine = world.synced(&world.config(SHOP)).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world
}

/// Another name for the customer, one member more, and orders that no longer count.
fn changed() -> String {
    SHOP.replace(
        "customer.first_name || ' ' || customer.last_name",
        "case when id <= 30 then upper(customer.last_name) else customer.first_name || ' ' || customer.last_name end",
    )
    .replace(
        "price = \"price\" }",
        "price = \"price\", id = \"case when qty = 2 and order_id > 90 then id end\" }",
    )
    .replace("table = \"orders\"\n", "table = \"orders\"\nwhere = \"id > 10\"\n")
}

#[tokio::test]
async fn nothing_to_compare_with_is_said_so() {
    let world = World::with_shop().await;
    let (status, _, said) = compare(&world, SHOP, &[]).await;
    assert_eq!(status, Some(3));
    assert_eq!(
        said,
        "there is no state yet: walsift has not run with this configuration\n"
    );
}

#[tokio::test]
async fn what_runs_as_it_is_configured_has_no_difference() {
    let world = sent().await;
    let (status, text, _) = compare(&world, SHOP, &[]).await;
    assert_eq!(
        (status, text.as_str()),
        (Some(0), "orders → shop_api\n  means     nothing has changed\n")
    );
}

#[tokio::test]
async fn a_changed_document_causes_the_requests_that_were_foretold() {
    let world = sent().await;
    let (status, text, _) = compare(&world, &changed(), &[]).await;
    assert_eq!(status, Some(1));
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert_snapshot!(text);
    let (_, facts, _) = compare(&world, &changed(), &["--json"]).await;
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let foretold = facts["syncs"][0]["cost"]["requests"].as_u64().unwrap();
    // Looking has changed nothing.
    world.receiver().clear_journal();
    let _engine = world.synced(&world.config(&changed())).await;
    assert_eq!(world.requests().len() as u64, foretold);
}

#[tokio::test]
async fn a_sample_stands_for_the_whole_table() {
    let world = World::with_shop().await;
    world.stock_shop(20, 100).await;
    let mut engine = world.synced(&world.config(SHOP)).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let everyone = SHOP.replace("order_status       = \"status\"", "order_status = \"upper(status)\"");
    let (_, facts, _) = compare(&world, &everyone, &["--json", "--sample", "10"]).await;
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let orders = &facts["syncs"][0];
    assert_eq!(
        (&orders["sample"]["size"], &orders["sample"]["changed"]),
        (&10.into(), &10.into())
    );
    assert_eq!(orders["cost"]["requests"], 100);
    assert_eq!(orders["sample"]["differences"][0]["path"], "/order_status");
}

#[tokio::test]
async fn new_syncs_gone_syncs_and_other_keys_are_told_apart() {
    let world = sent().await;
    let config = format!(
        "{}
[syncs.people]
table = \"customers\"
sink = \"shop_api\"
document = {{ id = \"id\", name = \"last_name\" }}",
        SHOP.replace("[syncs.orders", "[syncs.purchases")
    );
    let (status, text, _) = compare(&world, &config, &[]).await;
    assert_eq!(status, Some(1));
    assert_snapshot!("told_apart", text);

    world
        .sql("alter table orders add number uuid not null unique default gen_random_uuid()")
        .await;
    let config = SHOP.replace("table = \"orders\"", "table = \"orders\"\nkey = [\"number\"]");
    let (status, text, said) = compare(
        &world,
        &config.replace(
            "[syncs.orders.document]",
            "[syncs.orders.document]\nnumber = \"number\"",
        ),
        &[],
    )
    .await;
    assert_eq!(status, Some(1), "{said}");
    assert!(text.contains("its key is another one than before"), "{text}");
}

#[tokio::test]
async fn what_runs_may_no_longer_work() {
    let world = sent().await;
    world.sql("alter table customers rename last_name to family_name").await;
    let (status, text, _) = compare(&world, &SHOP.replace("customer.last_name", "customer.family_name"), &[]).await;
    assert_eq!(status, Some(1));
    assert_snapshot!(text);
}

#[tokio::test]
async fn what_is_left_out_of_the_comparison_is_no_difference() {
    let world = World::with_shop().await;
    world.stock_shop(5, 10).await;
    let ignoring = SHOP.replace(
        "sink  = \"shop_api\"\n",
        "sink  = \"shop_api\"\nignore = [\"/order_status\"]\n",
    );
    let mut engine = world.synced(&world.config(&ignoring)).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let other = ignoring.replace("\"status\"", "\"upper(status)\"");
    let (_, facts, _) = compare(&world, &other, &["--json"]).await;
    let facts: Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(facts["syncs"][0]["sample"]["equal"], 10, "{facts}");
    assert_eq!(facts["syncs"][0]["cost"]["requests"], 0);
    // Compared again, it is a difference that the sink must hear of.
    let (_, facts, _) = compare(&world, SHOP, &["--json"]).await;
    let facts: Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(facts["syncs"][0]["cost"]["requests"], 10, "{facts}");
    world.receiver().clear_journal();
    let _engine = world.synced(&world.config(SHOP)).await;
    assert_eq!(world.requests().len(), 10);
}
