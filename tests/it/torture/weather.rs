//! How the receiver misbehaves while a run goes on.

use std::time::{Duration, Instant};

use fastrand::Rng;
use walsift::demo::{Behaviour, Paths};

use super::canary::Canary;
use super::faults::{Faults, Kind};
use super::schema::SINKS;
use crate::world::World;

/// Most requests in a row that are treated the same.
const SPELL_MAX: usize = 12;

/// Between two spells.
const PAUSE: std::ops::Range<u64> = 50..600;

pub async fn until(world: &World, faults: &Faults, mut rng: Rng, canary: &Canary, end: Instant) {
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(rng.u64(PAUSE))).await;
        match rng.u8(..) {
            0..10 => sink_dies(world, faults, &mut rng, canary).await,
            10..24 => subjects_are_refused(world, faults, &mut rng, canary).await,
            _ => spell(world, &mut rng),
        }
    }
}

fn spell(world: &World, rng: &mut Rng) {
    let behaviour = match rng.u8(0..10) {
        0 | 1 => Behaviour::Slow(Duration::from_millis(rng.u64(20..400))),
        2 => put_off(rng),
        3 => Behaviour::answer([500, 502, 503, 408][rng.usize(..4)]),
        4 => Behaviour::Hang,
        5 | 6 => Behaviour::ApplyThenHang,
        7 => Behaviour::Cut,
        8 => Behaviour::ApplyThenCut,
        _ => Behaviour::ApplyThenAnswer([500, 504, 408][rng.usize(..3)]),
    };
    let paths = match rng.u8(0..3) {
        0 => Paths::All,
        _ => Paths::prefix(format!("/{}/", rng.choice(SINKS).expect("there are some"))),
    };
    world
        .receiver()
        .rule_for_next(rng.usize(1..=SPELL_MAX), paths, behaviour);
}

fn put_off(rng: &mut Rng) -> Behaviour {
    Behaviour::Answer {
        status: [429, 409, 425, 503][rng.usize(..4)],
        headers: vec![("Retry-After".to_owned(), rng.u8(0..2).to_string())],
        body: "later".to_owned(),
    }
}

/// One sink is dead for a time, with more to do for it than any channel holds: the others and the slot do not notice.
async fn sink_dies(world: &World, faults: &Faults, rng: &mut Rng, canary: &Canary) {
    let _begun = faults.begin(Kind::SinkDead);
    let number = rng.u32(..);
    let (dead, work) = if rng.u8(0..3) > 0 {
        (
            "mail",
            format!("update customers set name = 'dead {number}' where id < 900000"),
        )
    } else {
        (
            "orders",
            format!("update orders set status = 'dead {number}' where id % 3 = 0"),
        )
    };
    let when = format!("while {dead} is dead");
    let behaviour = if rng.bool() {
        Behaviour::Hang
    } else {
        Behaviour::answer(503)
    };
    world.receiver().rule(Paths::prefix(format!("/{dead}/")), behaviour);
    canary.run(world, &work).await;
    tokio::time::sleep(Duration::from_millis(rng.u64(500..2_000))).await;
    canary.sings(world, &when, number).await;
    canary.slot_moves(world, &when).await;
    world.receiver().clear_rules();
}

/// Some orders are refused for a time, most of them for good, and more of them than the sink has places: all others do not
/// notice.
async fn subjects_are_refused(world: &World, faults: &Faults, rng: &mut Rng, canary: &Canary) {
    let _begun = faults.begin(Kind::SubjectRefused);
    let number = rng.u32(..);
    let first = rng.u32(1..=200);
    let refused = first..first + rng.u32(60..100);
    for id in refused.clone() {
        let status = [422, 400, 403, 500][rng.usize(..4)];
        let path = Paths::exact(format!("/orders/{id}"));
        world.receiver().rule(path, Behaviour::answer(status));
    }
    let change = format!(
        "update orders set status = 'refused {number}' where id between {first} and {}",
        refused.end
    );
    canary.is_listened_to(world).await;
    canary.run(world, &change).await;
    tokio::time::sleep(Duration::from_millis(rng.u64(100..1_000))).await;
    canary
        .order_passes(world, "while other orders are refused", number)
        .await;
    world.receiver().clear_rules();
}
