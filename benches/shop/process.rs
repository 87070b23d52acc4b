//! What processes have used, as Linux shows it.

use std::collections::HashMap;
use std::fs;

use tokio_postgres::Client;

/// `sysconf(_SC_CLK_TCK)` wherever Linux runs.
const TICKS: f64 = 100.0;

/// CPU seconds so far.
pub fn cpu(process: u32) -> f64 {
    stat(process).map_or(0.0, |stat| stat.own)
}

/// CPU seconds of the processes that this one has waited for.
pub fn cpu_of_ended(process: u32) -> f64 {
    stat(process).map_or(0.0, |stat| stat.ended)
}

/// Of all processes of a server, those that have ended as well.
pub fn cpu_of_postgres(postmaster: u32) -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats: HashMap<u32, Stat> = numbers.filter_map(|number| Some((number, stat(number)?))).collect();
    let own = stats.get(&postmaster).map_or(0.0, |stat| stat.own + stat.ended);
    let children = stats.values().filter(|stat| stat.parent == postmaster);
    own + children.map(|stat| stat.own + stat.ended).sum::<f64>()
}

/// The most memory that a process has had, in bytes.
pub fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The first process of a server.
pub async fn postmaster(client: &Client) -> u32 {
    let file = client.query_one("select pg_read_file('postmaster.pid')", &[]).await;
    let file = file.unwrap().get::<_, String>(0);
    file.lines().next().unwrap().parse().unwrap()
}

struct Stat {
    parent: u32,
    own: f64,
    /// Of its children that it has waited for.
    ended: f64,
}

/// `None`: there is no such process.
fn stat(process: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap_or(0.0) / TICKS;
    Some(Stat {
        parent: fields[1].parse().ok()?,
        own: ticks(11) + ticks(12),
        ended: ticks(13) + ticks(14),
    })
}
