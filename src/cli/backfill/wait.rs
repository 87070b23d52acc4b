//! Stays until backfills are over: a bar for each on a terminal, a line now and then elsewhere.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::text;
use crate::cli::bars::{LINES_PERIOD, style};
use crate::cli::jobs::{Trouble, print_json};
use crate::cli::{Exit, print};
use crate::operate::{self, BackfillStatus};
use crate::pipeline::Databases;
use crate::queue::{BackfillId, RouteId};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

pub(super) async fn wait(
    databases: &Databases,
    routes: &[RouteId],
    ids: &[BackfillId],
    as_json: bool,
) -> Result<Exit, Trouble> {
    let ended = tokio::select! {
        biased;
        ended = over(databases, routes, ids) => ended?,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("it goes on without this command: `walsift backfill list` shows how, `walsift backfill cancel` ends it");
            return Ok(Exit::Failed);
        }
    };
    if as_json {
        print_json(&json!({ "backfills": ended }));
    } else {
        for backfill in &ended {
            print(&text::line(backfill));
        }
    }
    let is_done = ended.iter().all(|backfill| backfill.state == "done");
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}

async fn over(databases: &Databases, routes: &[RouteId], ids: &[BackfillId]) -> Result<Vec<BackfillStatus>, Trouble> {
    let mut bars = Bars::new(ids.len());
    let most = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    loop {
        let state = databases.state.get().await?;
        let mut backfills = operate::backfills(&state, routes, true, Some(ids), most).await?;
        drop(state);
        backfills.reverse();
        bars.show(&backfills);
        if backfills.iter().all(BackfillStatus::is_over) {
            bars.clear();
            return Ok(backfills);
        }
        sleep(PERIOD).await;
    }
}

/// On standard error.
struct Bars {
    each: Vec<ProgressBar>,
    is_terminal: bool,
    told_at: Option<Instant>,
}

impl Bars {
    fn new(count: usize) -> Self {
        let target = ProgressDrawTarget::stderr();
        let is_terminal = !target.is_hidden();
        let all = MultiProgress::with_draw_target(target);
        let bar = |_| all.add(ProgressBar::new(0).with_style(style()));
        Self {
            each: (0..count).map(bar).collect(),
            is_terminal,
            told_at: None,
        }
    }

    fn show(&mut self, backfills: &[BackfillStatus]) {
        for (bar, backfill) in self.each.iter().zip(backfills) {
            let visited = backfill.visited.unsigned_abs();
            bar.set_length(backfill.estimate.map_or(visited, i64::unsigned_abs).max(visited));
            bar.set_position(visited);
            bar.set_prefix(format!("{} → {}", backfill.sync, backfill.sink));
            bar.set_message(format!("{}: {}", backfill.state, text::progress(backfill)));
        }
        let is_time = self.told_at.is_none_or(|told_at| told_at.elapsed() >= LINES_PERIOD);
        if !self.is_terminal && is_time {
            self.told_at = Some(Instant::now());
            for backfill in backfills {
                eprint!("{}", text::line(backfill));
            }
        }
    }

    fn clear(&self) {
        for bar in &self.each {
            bar.finish_and_clear();
        }
    }
}
