//! G4: after a timeout, a broken connection, a 5xx or a crash in mid-delivery nobody knows what the sink holds, so the
//! next build is sent whatever its digest says.
//!
//! Document A is accepted. B is sent and applied, but the engine never hears so. The row goes back to A, which a naive
//! comparison finds equal, and B would stay out there for ever. Each of these tests comes with its counterpart, in which
//! the guard is off and just that happens.

use walsift::demo::{Behaviour, Ledger, Paths};

use super::journal::{assert_one_at_a_time, requests};
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World};

const ORDER: &str = "/orders/1";
const TO_A: &str = "update orders set status = 'A' where id = 1";
const TO_B: &str = "update orders set status = 'B' where id = 1";

const GUARDED: &[(&str, &str)] = &[];
const CERTAINTY_GUARD_OFF: &[(&str, &str)] = &[("FAILPOINTS", "certainty-guard=return")];
const UNCERTAINTY_GUARD_OFF: &[(&str, &str)] = &[("FAILPOINTS", "uncertainty-guard=return")];

/// One order, delivered as A, and the engine that did it.
async fn a_is_accepted(sink: &str, environment: &[(&str, &str)]) -> (World, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    world.sql(TO_A).await;
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\n{sink}"));
    let engine = world.engine_with(&config, environment);
    world.settled().await;
    assert!(holds(&world, "A"));
    (world, engine)
}

fn holds(world: &World, status: &str) -> bool {
    let body = world.receiver().body(ORDER).unwrap_or_default();
    serde_json::from_str(&body).is_ok_and(|document: serde_json::Value| document["order_status"] == status)
}

fn one_in_flight(ledger: &Ledger) -> bool {
    ledger.in_flight() == 1
}

async fn assert_a_was_sent_again(world: &World) {
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert!(holds(world, "A"));
    assert_one_at_a_time(world.receiver());
}

async fn assert_b_stays_for_ever(world: &World) {
    world.settled().await;
    assert!(world.divergence(SHOP_ORDERS, "/orders/").await.is_some());
    assert!(holds(world, "B"));
}

/// The row goes back to A while B's request hangs.
async fn b_times_out_after_it_was_applied(environment: &[(&str, &str)]) -> (World, Engine) {
    let sink = "timeout = \"1s\"\nretry = { base = \"10ms\" }";
    let (world, engine) = a_is_accepted(sink, environment).await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::ApplyThenHang);
    world.sql(TO_B).await;
    world.receiver().wait_until(DEADLINE, one_in_flight).await.unwrap();
    world.sql(TO_A).await;
    (world, engine)
}

#[tokio::test]
async fn g4_a_timeout_after_which_the_row_goes_back_is_made_good() {
    let (world, _engine) = b_times_out_after_it_was_applied(GUARDED).await;
    assert_a_was_sent_again(&world).await;
}

#[tokio::test]
async fn g4_a_timeout_taken_for_certain_leaves_the_sink_stale_for_ever() {
    let (world, _engine) = b_times_out_after_it_was_applied(CERTAINTY_GUARD_OFF).await;
    assert_b_stays_for_ever(&world).await;
}

/// The row goes back to A after the failure and before the next try, 1.5 s later at the earliest.
async fn b_fails_after_it_was_applied(how: Behaviour, environment: &[(&str, &str)]) -> (World, Engine) {
    let (world, engine) = a_is_accepted("retry = { base = \"3s\" }", environment).await;
    world.receiver().rule_for_next(1, Paths::All, how);
    world.sql(TO_B).await;
    world
        .wait_until_true("select coalesce(max(attempts), 0) = 1 from walsift.job")
        .await;
    assert!(holds(&world, "B"));
    world.sql(TO_A).await;
    (world, engine)
}

#[tokio::test]
async fn g4_a_cut_connection_after_which_the_row_goes_back_is_made_good() {
    let (world, _engine) = b_fails_after_it_was_applied(Behaviour::ApplyThenCut, GUARDED).await;
    assert_a_was_sent_again(&world).await;
}

#[tokio::test]
async fn g4_a_cut_connection_taken_for_certain_leaves_the_sink_stale_for_ever() {
    let (world, _engine) = b_fails_after_it_was_applied(Behaviour::ApplyThenCut, CERTAINTY_GUARD_OFF).await;
    assert_b_stays_for_ever(&world).await;
}

#[tokio::test]
async fn g4_a_5xx_after_which_the_row_goes_back_is_made_good() {
    let (world, _engine) = b_fails_after_it_was_applied(Behaviour::ApplyThenAnswer(502), GUARDED).await;
    assert_a_was_sent_again(&world).await;
}

#[tokio::test]
async fn g4_a_5xx_taken_for_certain_leaves_the_sink_stale_for_ever() {
    let (world, _engine) = b_fails_after_it_was_applied(Behaviour::ApplyThenAnswer(502), CERTAINTY_GUARD_OFF).await;
    assert_b_stays_for_ever(&world).await;
}

/// The engine dies with B applied; the row goes back to A before the next one starts.
async fn a_crash_after_b_was_applied(environment: &[(&str, &str)]) -> (World, Engine) {
    let (world, mut engine) = a_is_accepted("", &[("FAILPOINTS", "publish-after-send=1*off->return")]).await;
    world.sql(TO_B).await;
    engine.wait_exit(DEADLINE).await;
    assert!(holds(&world, "B"));
    world.sql(TO_A).await;
    let config = world.config(SHOP);
    let engine = world.engine_with(&config, environment);
    (world, engine)
}

#[tokio::test]
async fn g4_a_crash_in_mid_delivery_after_which_the_row_goes_back_is_made_good() {
    let (world, _engine) = a_crash_after_b_was_applied(GUARDED).await;
    assert_a_was_sent_again(&world).await;
}

#[tokio::test]
async fn g4_a_crash_in_mid_delivery_taken_for_certain_leaves_the_sink_stale_for_ever() {
    let (world, _engine) = a_crash_after_b_was_applied(UNCERTAINTY_GUARD_OFF).await;
    assert_b_stays_for_ever(&world).await;
}

/// A sound delivery afterwards makes the digest count again.
#[tokio::test]
async fn g4_an_uncertainty_that_was_made_good_is_over() {
    let (world, _engine) = b_times_out_after_it_was_applied(GUARDED).await;
    assert_a_was_sent_again(&world).await;
    world.receiver().clear_journal();

    world.sql(TO_A).await;
    world.settled().await;

    assert_eq!(world.receiver().request_count(), 0);
}

async fn a_first_delivery_hangs_and_its_row_goes(environment: &[(&str, &str)]) -> (World, Engine) {
    let sink = "timeout = \"1s\"\nretry = { base = \"10ms\" }";
    let (world, engine) = a_is_accepted(sink, environment).await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::ApplyThenHang);
    world.sql("insert into orders (id, customer_id) values (7, 1)").await;
    world.receiver().wait_until(DEADLINE, one_in_flight).await.unwrap();
    world.sql("delete from orders where id = 7").await;
    world.settled().await;
    (world, engine)
}

#[tokio::test]
async fn g4_an_uncertain_first_delivery_whose_row_goes_is_deleted() {
    let (world, _engine) = a_first_delivery_hangs_and_its_row_goes(GUARDED).await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let methods: Vec<String> = requests(world.receiver(), "/orders/7")
        .iter()
        .map(|request| request.method.to_string())
        .collect();
    assert_eq!(methods, ["PUT", "DELETE"]);
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g4_an_uncertain_first_delivery_taken_for_certain_is_left_over() {
    let (world, _engine) = a_first_delivery_hangs_and_its_row_goes(CERTAINTY_GUARD_OFF).await;
    let divergence = world.divergence(SHOP_ORDERS, "/orders/").await.unwrap();
    assert!(divergence.contains("left over (1)"), "{divergence}");
}

#[tokio::test]
async fn g4_a_crash_in_a_first_delivery_whose_row_goes_is_deleted() {
    let (world, mut engine) = a_is_accepted("", &[("FAILPOINTS", "publish-after-send=1*off->return")]).await;
    world.sql("insert into orders (id, customer_id) values (7, 1)").await;
    engine.wait_exit(DEADLINE).await;
    assert!(world.receiver().body("/orders/7").is_some());
    world.sql("delete from orders where id = 7").await;

    let _engine = world.engine(&world.config(SHOP));
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// B's only try is uncertain: a dead letter.
async fn b_is_a_dead_letter(environment: &[(&str, &str)]) -> (World, Engine) {
    let (world, engine) = a_is_accepted("retry = { attempts = 1 }", environment).await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::ApplyThenCut);
    world.sql(TO_B).await;
    world
        .wait_until_true("select count(*) = 1 from walsift.finished_job where state = 'dead'")
        .await;
    world.sql(TO_A).await;
    (world, engine)
}

#[tokio::test]
async fn g4_an_uncertain_dead_letter_whose_row_goes_back_is_made_good() {
    let (world, _engine) = b_is_a_dead_letter(GUARDED).await;
    assert_a_was_sent_again(&world).await;
}

#[tokio::test]
async fn g4_a_dead_letter_taken_for_certain_leaves_the_sink_stale_for_ever() {
    let (world, _engine) = b_is_a_dead_letter(CERTAINTY_GUARD_OFF).await;
    assert_b_stays_for_ever(&world).await;
}

/// The uncertainty of a crash outlives deliveries that fail for certain.
#[tokio::test]
async fn g4_a_crash_followed_by_certain_refusals_is_still_uncertain() {
    let (world, mut engine) = a_is_accepted("", &[("FAILPOINTS", "publish-after-send=1*off->return")]).await;
    world.sql(TO_B).await;
    engine.wait_exit(DEADLINE).await;
    world.sql(TO_A).await;
    world.receiver().rule_for_next(2, Paths::All, Behaviour::answer(429));

    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\nretry = {{ base = \"10ms\" }}"));
    let _engine = world.engine(&config);

    assert_a_was_sent_again(&world).await;
}
