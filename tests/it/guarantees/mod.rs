//! What must always hold: a file for each guarantee of the design, its tests named after it.

mod burst;
mod g10_the_source_is_safe;
mod g11_a_lost_slot;
mod g11_another_server;
mod g12_a_bad_configuration;
mod g13_secrets;
mod g1_no_change_is_lost;
mod g2_it_converges;
mod g3_only_real_differences;
mod g4_uncertain_deliveries;
mod g5_one_at_a_time;
mod g6_a_build_sees_its_change;
mod g7_a_dead_sink;
mod g8_one_bad_subject;
mod g9_memory;
mod health;
pub mod journal;
mod records;
mod retry;
mod stop;

use crate::world::{DEADLINE, SHOP, World, eventually};

/// The shop, into a sink that gives up soon and tries again soon, for ever.
fn brisk_shop() -> String {
    let retry = r#"retry = { attempts = 10000, base = "10ms", max = "200ms" }"#;
    format!("{SHOP}\n[sinks.shop_api]\ntimeout = \"5s\"\n{retry}\n")
}

/// Lets the requests go on that the receiver holds, and waits until it has answered.
pub async fn let_go(world: &World) {
    let none_is_left = async || {
        // One that has only just arrived may not be listening yet.
        world.receiver().release();
        world.receiver().look(|ledger| ledger.in_flight() == 0).then_some(())
    };
    eventually(DEADLINE, "an answer to every request", none_is_left).await;
}
