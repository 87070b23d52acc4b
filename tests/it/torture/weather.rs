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

/// One sink is dead for a time: the others and the slot do not notice.
async fn sink_dies(world: &World, faults: &Faults, rng: &mut Rng, canary: &Canary) {
    let _begun = faults.begin(Kind::SinkDead);
    let dead = if rng.bool() { "mail" } else { "orders" };
    let prefix = Paths::prefix(format!("/{dead}/"));
    world.receiver().rule(
        prefix,
        if rng.bool() {
            Behaviour::Hang
        } else {
            Behaviour::answer(503)
        },
    );
    // Long enough for more jobs than any channel holds.
    tokio::time::sleep(Duration::from_millis(rng.u64(500..2_000))).await;
    let number = rng.u32(..);
    canary.sings(world, &format!("while {dead} is dead"), number).await;
    canary.slot_moves(world, &format!("while {dead} is dead")).await;
    world.receiver().clear_rules();
}

/// Some orders are refused for good for a time, and some are failed: all others do not notice.
async fn subjects_are_refused(world: &World, faults: &Faults, rng: &mut Rng, canary: &Canary) {
    let _begun = faults.begin(Kind::SubjectRefused);
    for _ in 0..rng.usize(1..=20) {
        let status = [422, 400, 403, 500][rng.usize(..4)];
        let path = format!("/orders/{}", rng.u32(1..=300));
        world.receiver().rule(Paths::exact(path), Behaviour::answer(status));
    }
    let number = rng.u32(..);
    canary
        .order_passes(world, "while other orders are refused", number)
        .await;
    world.receiver().clear_rules();
}
