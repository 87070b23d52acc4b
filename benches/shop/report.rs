//! The table that is printed.

use crate::meter::Cost;

pub fn head() {
    println!(
        "{:<34} {:>8} {:>10} {:>9} {:>9} {:>8} {:>9} {:>9} {:>7}  against",
        "workload", "time s", "a second", "Walsift s", "Postgres s", "WAL/doc", "stmts/doc", "docs/req", "MB"
    );
}

/// A measurement. `units`: documents, or rows where the work is to read them; `memory` in bytes.
pub fn line(name: &str, units: u64, cost: &Cost, memory: u64, against: &str) {
    let per_document = |whole: f64| match cost.documents {
        0 => "–".to_owned(),
        documents => format!("{:.3}", whole / documents as f64),
    };
    let wal = match cost.documents {
        0 => "–".to_owned(),
        documents => (cost.wal / documents).to_string(),
    };
    let together = match cost.requests {
        0 => "–".to_owned(),
        requests => format!("{:.1}", cost.documents as f64 / requests as f64),
    };
    println!(
        "{name:<34} {:>8.2} {:>10.0} {:>9.2} {:>10.2} {wal:>8} {:>9} {together:>9} {:>7.1}  {against}",
        cost.took.as_secs_f64(),
        units as f64 / cost.took.as_secs_f64(),
        cost.walsift,
        cost.postgres,
        per_document(cost.statements as f64),
        memory as f64 / 1e6,
    );
}
