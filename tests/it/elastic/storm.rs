//! Changes in a storm of faults, by chance: what the index holds in the end is what the database yields, no document ever
//! went back, and nothing was given up.

use std::time::Duration;

use fastrand::Rng;

use super::search::Search;
use super::server::{Behaviour, Fault, On, Product};

const ROUNDS: usize = 40;

/// So many subjects that changes of one meet, and so few that all of them are changed.
const THINGS: u32 = 60;

fn some(chance: &mut Rng) -> String {
    let from = chance.u32(1..=THINGS);
    let to = (from + chance.u32(0..20)).min(THINGS);
    format!("between {from} and {to}")
}

async fn change(search: &Search, chance: &mut Rng) {
    let these = some(chance);
    let statement = match chance.u8(0..4) {
        0 => format!("delete from things where id {these}"),
        1 => format!("update things set amount = {} where id {these}", chance.u16(..)),
        2 => format!(
            "insert into things select n, 'back ' || n, null from generate_series(1, {THINGS}) n where n {these}
             on conflict do nothing"
        ),
        _ => return to_and_fro(search, &these).await,
    };
    search.world.sql(&statement).await;
}

/// Back as soon as the server has heard of it: what was lost on the way must not stay.
async fn to_and_fro(search: &Search, these: &str) {
    let turn = format!(
        "with changed as (
             update things set name = case name when 'A' then 'B' else 'A' end where id {these} returning 1)
         select count(*) from changed"
    );
    let heard = search.elastic.look(|_, journal| journal.bulks().count());
    if search.world.value::<i64>(&turn).await > 0 {
        search.elastic.wait_for_bulks(heard + 1).await;
    }
    search.world.value::<i64>(&turn).await;
    search.converges().await;
}

fn misbehave(search: &Search, chance: &mut Rng) {
    let applied = |status, body: &str| Behaviour::ApplyThenAnswer {
        status,
        body: body.to_owned(),
    };
    let behaviour = match chance.u8(0..13) {
        0 => Behaviour::Cut,
        1 => Behaviour::ApplyThenCut,
        2 => Behaviour::Hang,
        3 => Behaviour::ApplyThenHang,
        4 => Behaviour::ApplyLate,
        5 => applied(200, "{\"took\":"),
        12 => applied(503, ""),
        6 => Behaviour::answer(503),
        7 => Behaviour::fault(&Fault::busy(Product::Elasticsearch)),
        8 => Behaviour::Slow(Duration::from_millis(100)),
        9 => return search.elastic.fail_items(5, None, Fault::no_shard()),
        10 => return search.elastic.apply_and_fail_items(5, None, Fault::no_shard()),
        _ => return search.elastic.fail_items(5, None, Fault::busy(Product::Elasticsearch)),
    };
    search.elastic.rule_for_next(1, On::Bulk, behaviour);
}

async fn storm(seed: u64) {
    println!("seed {seed}");
    let mut chance = Rng::with_seed(seed);
    let search = Search::with(THINGS).await;
    let sink = "timeout = '250ms'\nbatch = { max = 7 }
        retry = { attempts = 30, base = '5ms', max = '20ms' }
        breaker = { failures = 3, cooldown = '100ms' }";
    let config = search.config_with_mapping(sink);
    let mut engines = [search.world.engine(&config), search.world.engine(&config)];
    for _ in 0..ROUNDS {
        misbehave(&search, &mut chance);
        change(&search, &mut chance).await;
        match chance.u8(0..12) {
            0 => {
                let at = chance.usize(..engines.len());
                engines[at].kill9();
                engines[at] = search.world.engine(&config);
            }
            1 => {
                search.elastic.stop().await;
                let these = some(&mut chance);
                search
                    .world
                    .sql(&format!("update things set name = 'meanwhile' where id {these}"))
                    .await;
                search.elastic.start().await;
            }
            2 => search.elastic.catch_up(),
            3 => search.converges().await,
            _ => {}
        }
    }
    search.elastic.clear_rules();
    search.converges().await;
    // What the server gets to at last finds that it is too late.
    search.elastic.catch_up();
    search.converges().await;
    assert_eq!(search.given_up().await, [""; 0]);
}

#[tokio::test]
async fn g2_g4_g5_a_storm_of_faults_leaves_nothing_behind() {
    for seed in [1, 2, 3] {
        storm(seed).await;
    }
}
