//! What is measured.

use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use crate::Result;
use crate::load;
use crate::meter::{Cost, Meter};
use crate::process::{cpu, cpu_of_ended, cpu_of_postgres};
use crate::receiver::MARK;
use crate::report;
use crate::stage::{Stage, Walsift, Way};

const ORDERS: u32 = 200_000;

/// Another status for each order in turn, so that neighbours are far apart.
const EACH_ORDER: &str = "update orders set status = 's' || $i || txid_current() where id = 1 + ($i * 7919) % 200000";

/// The same for what is in no document.
const EACH_NOTE: &str = "update orders set note = 'n' || $i || txid_current() where id = 1 + ($i * 7919) % 200000";

const FILLER: &str =
    "insert into filler (name, size, note) values ('Tea ' || $i, $i + 0.5, 'a note of some forty characters ' || $i)";

/// All orders from nothing.
pub async fn backfill(stage: &Stage, way: Way) -> Result<()> {
    forget(stage, way).await?;
    let bare = stage.psql(include_str!("bare.sql")).await?;
    let before = stage.receiver.documents();
    let meter = Meter::begin(stage, None).await?;
    let walsift = stage.start(way, false).await?;
    stage.receiver.reaches(before + u64::from(ORDERS)).await?;
    let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
    let ratio = bare.as_secs_f64() / cost.took.as_secs_f64();
    let against = format!("{ratio:.2} × the bare statement, {:.2} s", bare.as_secs_f64());
    line(&format!("backfill, {}", way.name()), ORDERS, &cost, &walsift, &against);
    stage.settled(way).await?;
    walsift.stop().await
}

/// Rows that touch no document.
pub async fn decode(stage: &Stage) -> Result<()> {
    let rows = 500_000;
    for turns in [1, 100] {
        for over_socket in [false, true] {
            at_rest(stage, Way::Bulk).await?;
            stage.write(FILLER, rows / turns, turns).await?;
            let bare = Bare::read(stage, over_socket).await?;
            let meter = Meter::begin(stage, None).await?;
            let walsift = stage.start(Way::Bulk, over_socket).await?;
            stage.receiver.reaches(meter.documents() + 1).await?;
            let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
            let by = if over_socket { "socket" } else { "TCP" };
            let name = format!("decode, {turns} a transaction, {by}");
            line(&name, rows, &cost, &walsift, &bare.against(&cost));
            walsift.stop().await?;
        }
    }
    Ok(())
}

/// Every order changed while Walsift was stopped.
pub async fn backlog(stage: &Stage, way: Way) -> Result<()> {
    for turns in [1, 100] {
        at_rest(stage, way).await?;
        stage.write(EACH_ORDER, ORDERS / turns, turns).await?;
        let meter = Meter::begin(stage, None).await?;
        let walsift = stage.start(way, false).await?;
        stage.receiver.reaches(meter.documents() + u64::from(ORDERS)).await?;
        let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
        let name = format!("backlog, {}, {turns} a transaction", way.name());
        line(&name, ORDERS, &cost, &walsift, "");
        stage.settled(way).await?;
        walsift.stop().await?;
    }
    Ok(())
}

/// Every order changed in a way that no document shows.
pub async fn redundant(stage: &Stage) -> Result<()> {
    for (name, identity) in [("known", "full"), ("not known", "default")] {
        at_rest(stage, Way::Bulk).await?;
        let alter = format!("alter table orders replica identity {identity}");
        stage.client.batch_execute(&alter).await?;
        stage.write(EACH_NOTE, ORDERS, 1).await?;
        let bare = Bare::read(stage, false).await?;
        let meter = Meter::begin(stage, None).await?;
        let walsift = stage.start(Way::Bulk, false).await?;
        stage.receiver.reaches(meter.documents() + 1).await?;
        stage.settled(Way::Bulk).await?;
        let cost = meter.end(stage, walsift.process(), Instant::now()).await?;
        line(
            &format!("redundant, old row {name}"),
            ORDERS,
            &cost,
            &walsift,
            &bare.against(&cost),
        );
        walsift.stop().await?;
    }
    stage
        .client
        .batch_execute("alter table orders replica identity default")
        .await?;
    Ok(())
}

/// Four clients that change orders as fast as they can.
pub async fn live(stage: &Stage) -> Result<()> {
    at_rest(stage, Way::Bulk).await?;
    let alone = stage.pgbench(ORDERS / 4).await?;
    at_rest(stage, Way::Bulk).await?;
    stage.copy_slot("walsift_bulk").await?;
    let reader = stage.recvlogical(false, None)?;
    let beside = stage.pgbench(ORDERS / 4).await?;
    load::end(reader).await?;
    stage.drop_copy().await?;
    at_rest(stage, Way::Bulk).await?;
    let walsift = running(stage, Way::Bulk).await?;
    let meter = Meter::begin(stage, Some(walsift.process())).await?;
    let took = stage.pgbench(ORDERS / 4).await?;
    let over = Instant::now();
    stage.settled(Way::Bulk).await?;
    let lag = stage.receiver.last().saturating_duration_since(over);
    let cost = meter
        .end(stage, walsift.process(), over.max(stage.receiver.last()))
        .await?;
    let against = format!(
        "pgbench {:.1} s; alone {:.1}, beside pg_recvlogical {:.1}: {:.2} × that; lag at the end {} ms",
        took.as_secs_f64(),
        alone.as_secs_f64(),
        beside.as_secs_f64(),
        took.as_secs_f64() / beside.as_secs_f64(),
        lag.as_millis()
    );
    line("live, 4 clients", ORDERS, &cost, &walsift, &against);
    walsift.stop().await
}

/// One row that is in many documents.
pub async fn fan_out(stage: &Stage) -> Result<()> {
    let walsift = running(stage, Way::Bulk).await?;
    let works = [
        (
            "fan-out, 500 customers",
            5_000,
            "update customers set name = name || '.' where id <= 500",
        ),
        (
            "fan-out, one product",
            100_000,
            "update products set name = name || '.' where id = 1",
        ),
    ];
    for (name, orders, statement) in works {
        let meter = Meter::begin(stage, Some(walsift.process())).await?;
        stage.client.batch_execute(statement).await?;
        stage.receiver.reaches(meter.documents() + u64::from(orders)).await?;
        let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
        line(name, orders, &cost, &walsift, "");
        stage.settled(Way::Bulk).await?;
    }
    walsift.stop().await
}

/// From commit to arrival.
pub async fn latency(stage: &Stage) -> Result<()> {
    let seconds = crate::setting("WALSIFT_BENCH_SECONDS", 60);
    let walsift = running(stage, Way::Bulk).await?;
    for rate in [50, 500] {
        let meter = Meter::begin(stage, Some(walsift.process())).await?;
        let mut latencies = one_by_one(stage, rate, rate * seconds).await?;
        let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
        latencies.sort_unstable();
        let at = |part: usize| {
            let place = (latencies.len() - 1) * part / 100;
            format!("{:.1}", latencies[place].as_secs_f64() * 1000.0)
        };
        let against = format!("p50 {}, p95 {}, p99 {}, max {} ms", at(50), at(95), at(99), at(100));
        line(
            &format!("latency, {rate} a second"),
            rate * seconds,
            &cost,
            &walsift,
            &against,
        );
        stage.settled(Way::Bulk).await?;
    }
    // And nothing at all.
    let (before, postgres, begun) = (
        cpu(walsift.process()),
        cpu_of_postgres(stage.postmaster),
        Instant::now(),
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    let share = |used: f64| used / begun.elapsed().as_secs_f64() * 100.0;
    println!(
        "{:<34} {:.1} % of a core in Walsift, {:.1} % in Postgres",
        "idle",
        share(cpu(walsift.process()) - before),
        share(cpu_of_postgres(stage.postmaster) - postgres),
    );
    walsift.stop().await
}

/// Changes at equal intervals, each with a mark; how long after its commit each was there. Four sessions, so that a slow commit is
/// waited for by nobody else.
async fn one_by_one(stage: &Stage, rate: u32, changes: u32) -> Result<Vec<Duration>> {
    const SESSIONS: u32 = 4;
    stage.receiver.watch();
    let begun = Instant::now();
    let mut sessions = Vec::new();
    for session in 0..SESSIONS {
        let (client, connection) = tokio_postgres::connect(&stage.cluster.socket_url("shop"), NoTls).await?;
        tokio::spawn(connection);
        sessions.push(tokio::spawn(async move {
            let update = client.prepare("update orders set status = $1 where id = $2").await?;
            let mut committed = Vec::new();
            for number in (session..changes).step_by(SESSIONS as usize) {
                let due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
                tokio::time::sleep_until(due.into()).await;
                let status = format!("{MARK}{number}-{rate}");
                let order = i32::try_from(1 + number * 7919 % ORDERS).unwrap_or(1);
                client.execute(&update, &[&status, &order]).await?;
                committed.push((u64::from(number), Instant::now()));
            }
            Ok::<_, tokio_postgres::Error>(committed)
        }));
    }
    let mut committed = Vec::new();
    for session in sessions {
        committed.extend(session.await??);
    }
    stage.settled(Way::Bulk).await?;
    let arrived: std::collections::HashMap<u64, Instant> = stage.receiver.watched().into_iter().collect();
    let latency = |(number, at): (u64, Instant)| Some(arrived.get(&number)?.saturating_duration_since(at));
    let latencies: Vec<Duration> = committed.into_iter().filter_map(latency).collect();
    assert_eq!(latencies.len(), changes as usize, "some never came");
    Ok(latencies)
}

/// Transactions that are larger than memory is to be.
pub async fn big(stage: &Stage) -> Result<()> {
    let filler = crate::setting("WALSIFT_BENCH_FILLER", 10_000_000);
    let walsift = running(stage, Way::Bulk).await?;
    let meter = Meter::begin(stage, Some(walsift.process())).await?;
    stage
        .client
        .batch_execute("update order_lines set qty = qty % 9 + 1")
        .await?;
    stage.receiver.reaches(meter.documents() + u64::from(ORDERS)).await?;
    let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
    line("big, 600000 lines", 600_000, &cost, &walsift, "");
    stage.settled(Way::Bulk).await?;
    let meter = Meter::begin(stage, Some(walsift.process())).await?;
    let insert = format!(
        "insert into filler (name, size, note) select 'Tea ' || n, n, 'a note' from generate_series(1, {filler}) n"
    );
    stage.client.batch_execute(&insert).await?;
    stage.mark().await?;
    stage.receiver.reaches(meter.documents() + 1).await?;
    let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
    line(&format!("big, {filler} of filler"), filler, &cost, &walsift, "");
    stage.client.batch_execute("truncate filler").await?;
    walsift.stop().await
}

/// The other side turns everything away for a while.
pub async fn outage(stage: &Stage) -> Result<()> {
    let (seconds, rate) = (crate::setting("WALSIFT_BENCH_SECONDS", 60), 500);
    let walsift = running(stage, Way::Bulk).await?;
    let meter = Meter::begin(stage, Some(walsift.process())).await?;
    stage.receiver.be_away(true);
    stage.receiver.watch();
    let begun = Instant::now();
    for number in 0..rate * seconds {
        let due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        tokio::time::sleep_until(due.into()).await;
        let status = format!("{MARK}{number}-");
        let order = i32::try_from(1 + number * 7919 % ORDERS)?;
        let update = "update orders set status = $1 where id = $2";
        stage.client.execute(update, &[&status, &order]).await?;
    }
    let look = "select (select count(*) from bulk.job),
                       (select (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint
                          from pg_replication_slots where slot_name = 'walsift_bulk')";
    let row = stage.client.query_one(look, &[]).await?;
    let (jobs, lag): (i64, i64) = (row.get(0), row.get(1));
    stage.receiver.be_away(false);
    let back = Instant::now();
    stage.receiver.reaches(meter.documents() + jobs.unsigned_abs()).await?;
    stage.settled(Way::Bulk).await?;
    let caught_up = stage.receiver.last().duration_since(back);
    let cost = meter.end(stage, walsift.process(), stage.receiver.last()).await?;
    let against = format!(
        "{jobs} jobs and {:.1} MB of slot lag at the end of it, all delivered {:.1} s after it",
        lag as f64 / 1e6,
        caught_up.as_secs_f64()
    );
    line(
        &format!("outage of {seconds} s, {rate} a second"),
        rate * seconds,
        &cost,
        &walsift,
        &against,
    );
    stage.receiver.watched();
    walsift.stop().await
}

/// With the state that there is.
pub async fn start(stage: &Stage) -> Result<()> {
    at_rest(stage, Way::Bulk).await?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let walsift = stage.start(Way::Bulk, false).await?;
        times.push(walsift.ready().await?.as_millis());
        walsift.stop().await?;
    }
    times.sort_unstable();
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_walsift"))?.len();
    println!(
        "{:<34} ready after {} ms (of five: {times:?}), the program has {:.1} MB",
        "start",
        times[2],
        size as f64 / 1e6
    );
    Ok(())
}

/// `pg_recvlogical` over the same WAL.
struct Bare {
    took: Duration,
    cpu: f64,
}

impl Bare {
    async fn read(stage: &Stage, over_socket: bool) -> Result<Self> {
        let end = stage.mark().await?;
        stage.copy_slot("walsift_bulk").await?;
        let (own, begun) = (cpu_of_ended(std::process::id()), Instant::now());
        stage.recvlogical(over_socket, Some(end))?.wait().await?;
        let bare = Self {
            took: begun.elapsed(),
            cpu: cpu_of_ended(std::process::id()) - own,
        };
        stage.drop_copy().await?;
        Ok(bare)
    }

    fn against(&self, cost: &Cost) -> String {
        format!(
            "{:.2} × pg_recvlogical, {:.2} s, its CPU {:.2} s",
            self.took.as_secs_f64() / cost.took.as_secs_f64(),
            self.took.as_secs_f64(),
            self.cpu
        )
    }
}

fn line(name: &str, units: u32, cost: &Cost, walsift: &Walsift, against: &str) {
    report::line(name, units.into(), cost, walsift.peak_memory(), against);
}

/// Walsift at work with nothing left to do.
async fn running(stage: &Stage, way: Way) -> Result<Walsift> {
    let walsift = stage.start(way, false).await?;
    walsift.ready().await?;
    stage.settled(way).await?;
    Ok(walsift)
}

/// All has been delivered, and Walsift is stopped.
async fn at_rest(stage: &Stage, way: Way) -> Result<()> {
    running(stage, way).await?.stop().await
}

/// As if it had never run.
async fn forget(stage: &Stage, way: Way) -> Result<()> {
    let name = way.name();
    stage
        .client
        .batch_execute(&format!(
            "drop schema if exists {name} cascade;
             select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'walsift_{name}';
             checkpoint"
        ))
        .await?;
    Ok(())
}
