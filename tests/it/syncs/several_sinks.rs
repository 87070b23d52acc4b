//! `sinks`: each has its own state, jobs and failures, but a subject is built once for all of them.

use std::collections::BTreeMap;

use serde_json::Value;
use walsift::demo::{Behaviour, Ledger, Paths, Receiver};

use crate::guarantees::journal::{assert_one_at_a_time, requests};
use crate::guarantees::let_go;
use crate::world::{DEADLINE, Engine, World, eventually};

const ORDERS: &str = "
    select '/orders/' || id, jsonb_build_object('id', id, 'status', status, 'note', note) from orders";

/// The orders into the world's receiver, and into another one that is beyond reproach.
struct Pair {
    world: World,
    sound: Receiver,
}

impl Pair {
    async fn new(orders: u32) -> Pair {
        let world = World::with_shop().await;
        world.stock_shop(1, orders).await;
        let sound = Receiver::new().await.unwrap();
        Pair { world, sound }
    }

    /// An engine that has nothing left to do.
    async fn synced(&self, more: &str) -> Engine {
        let config = self.world.config(&format!(
            "[syncs.orders]
             table    = \"orders\"
             sinks    = [\"shop_api\", \"sound\"]
             document = {{ id = \"id\", status = \"status\", note = \"note\" }}
             [sinks.sound]
             type = \"http\"
             url  = \"{}/orders/{{id}}\"
             {more}",
            self.sound.url()
        ));
        self.world.synced(&config).await
    }

    async fn assert_converged(&self) {
        self.world.assert_converged(ORDERS, "/orders/").await;
        assert_eq!(held(&self.sound), held(self.world.receiver()));
        assert_one_at_a_time(self.world.receiver());
        assert_one_at_a_time(&self.sound);
    }
}

fn held(receiver: &Receiver) -> BTreeMap<String, Value> {
    receiver.look(|ledger| {
        let held = ledger.held().iter();
        held.map(|(path, held)| (path.clone(), serde_json::from_str(&held.body).unwrap()))
            .collect()
    })
}

async fn built(engine: &Engine) -> u64 {
    engine
        .metric("walsift_subjects_built_total", &[("sync", "orders")])
        .await
}

fn hold_status(ledger: &Ledger, status: &str, count: usize) -> bool {
    let bodies = ledger.held().values();
    bodies.filter(|held| held.body.contains(status)).count() == count
}

#[tokio::test]
async fn two_sinks_cost_one_build() {
    const COUNT: u32 = 400;
    let pair = Pair::new(COUNT).await;
    let engine = pair.synced("").await;
    let before = built(&engine).await;

    pair.world.sql("update orders set status = 'paid'").await;
    pair.world.settled().await;

    pair.assert_converged().await;
    let built = built(&engine).await - before;
    assert!(built < u64::from(COUNT) * 5 / 4, "{built} builds of {COUNT} changes");
}

#[tokio::test]
async fn a_sink_that_holds_its_requests_leaves_the_flow_of_the_other_alone() {
    const COUNT: usize = 1_000;
    let pair = Pair::new(1_000).await;
    let _engine = pair.synced("[engine]\nbatch = 20").await;
    pair.world.receiver().rule(Paths::All, Behaviour::Hold);
    for status in ["packed", "sent"] {
        pair.world.sql(&format!("update orders set status = '{status}'")).await;
        let all = |ledger: &Ledger| hold_status(ledger, status, COUNT);
        pair.sound.wait_until(DEADLINE, all).await.unwrap();
    }
    let in_flight = pair.world.receiver().look(Ledger::in_flight);
    assert!(in_flight > 0, "nothing was held");
    let of_the_sound_one =
        "select count(*) = 0 from walsift.job j join walsift.route r on r.id = j.route where r.sink = 'sound'";
    pair.world.wait_until_true(of_the_sound_one).await;

    pair.world.receiver().clear_rules();
    let_go(&pair.world).await;
    pair.world.settled().await;
    pair.assert_converged().await;
}

/// One sink's documents, held for longer than there is room for them, do not keep out the other's.
#[tokio::test]
async fn a_sink_that_uses_up_its_memory_leaves_the_flow_of_the_other_alone() {
    const COUNT: usize = 60;
    let pair = Pair::new(60).await;
    let sink = "[sinks.shop_api]\nconcurrency = 1\ntimeout = \"60s\"";
    let _engine = pair.synced(&format!("[engine]\nmemory = \"16MiB\"\n{sink}")).await;
    pair.world.receiver().rule(Paths::All, Behaviour::Hold);
    for status in ["packed", "sent"] {
        let change = format!("update orders set status = '{status}', note = repeat('{status} ', 20000)");
        pair.world.sql(&change).await;
        let all = |ledger: &Ledger| hold_status(ledger, status, COUNT);
        pair.sound.wait_until(DEADLINE, all).await.unwrap();
    }
    assert_eq!(pair.world.receiver().look(Ledger::in_flight), 1);

    pair.world.receiver().clear_rules();
    let_go(&pair.world).await;
    pair.world.settled().await;
    pair.assert_converged().await;
}

#[tokio::test]
async fn sinks_with_different_histories_converge_by_themselves() {
    let pair = Pair::new(3).await;
    let sink = "[sinks.shop_api]\nretry = { attempts = 3, base = \"10ms\", max = \"20ms\" }";
    let _engine = pair.synced(sink).await;
    // The first goes through in the end, the second is given up, the third is not noticed to have been applied.
    let receiver = pair.world.receiver();
    receiver.clear_journal();
    pair.sound.clear_journal();
    receiver.rule_for_next(2, Paths::exact("/orders/1"), Behaviour::answer(429));
    receiver.rule_for_next(1, Paths::exact("/orders/2"), Behaviour::answer(422));
    receiver.rule_for_next(3, Paths::exact("/orders/3"), Behaviour::ApplyThenCut);
    pair.world.sql("update orders set status = 'paid'").await;
    pair.world.settled().await;

    let count = |receiver: &Receiver, order: u32| requests(receiver, &format!("/orders/{order}")).len();
    let counts = |receiver: &Receiver| [1, 2, 3].map(|order| count(receiver, order));
    assert_eq!((counts(receiver), counts(&pair.sound)), ([3, 1, 3], [1, 1, 1]));
    let given_up = "select count(*) = 2 from walsift.finished_job where state in ('failed', 'dead')";
    pair.world.wait_until_true(given_up).await;

    // Back to what the sound one does not have to hear of twice.
    pair.world.sql("update orders set status = 'paid!'").await;
    pair.world.settled().await;
    pair.world.sql("update orders set status = 'paid'").await;
    pair.world.settled().await;
    pair.assert_converged().await;
}

#[tokio::test]
async fn a_sink_that_is_down_catches_up_by_itself() {
    let pair = Pair::new(30).await;
    let engine = pair.synced("").await;
    pair.world.receiver().stop().await;
    pair.world.sql("update orders set status = 'paid'").await;
    let all = |ledger: &Ledger| hold_status(ledger, "paid", 30);
    pair.sound.wait_until(DEADLINE, all).await.unwrap();
    let heard = pair.sound.request_count();
    let failed = async || {
        let failed = engine
            .metric("walsift_attempts_failed_total", &[("sink", "shop_api")])
            .await;
        (failed > 0).then_some(())
    };
    eventually(DEADLINE, "a delivery that failed", failed).await;

    pair.world.receiver().start().await.unwrap();
    pair.world.settled().await;
    pair.world.assert_converged(ORDERS, "/orders/").await;
    assert_eq!(pair.sound.request_count(), heard, "the sound one heard of it again");
}
