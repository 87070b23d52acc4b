//! The demo from beginning to end.

use std::path::Path;
use std::time::Instant;

use super::scenes::{self, Failure};
use super::shop;
use super::stage::Stage;
use super::story::{Story, line, thousands};
use crate::pipeline;

/// Shows Walsift at work, with `program` as the engine. Tells everything on standard output, a failure too.
///
/// Dropped before its end, it takes everything along that it has started.
pub async fn play(program: &Path, color: bool) -> Result<(), Failure> {
    let mut story = Story::new(color);
    let started = Instant::now();
    line("Walsift between a throwaway Postgres, with a small shop in it, and a receiver of documents.");
    let mut stage = Stage::set(program)
        .await
        .inspect_err(|error| story.failed(pipeline::chain(error)))?;
    line(&format!(
        "{} orders, their customers and lines; config.toml, as it ships, says what is sent of them.",
        shop::ORDERS
    ));
    if let Err(error) = scenes::play(&mut stage, &mut story).await {
        story.failed(pipeline::chain(&error));
        if let Some(report) = stage.engine_report() {
            line(&format!("\n{report}"));
        }
        return Err(error);
    }
    let requests = stage.receiver.request_count();
    stage.strike()?;
    line(&format!(
        "\nAll {} scenes as they must be, {} requests, {:.0} s; nothing is left behind.",
        story.scenes(),
        thousands(requests as u64),
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}
