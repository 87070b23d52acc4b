//! `walsift demo`.

use std::io::{self, IsTerminal, stdout};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use crate::demo::{self, ClusterError, Failure};

#[derive(Debug, Args)]
pub(super) struct Options {}

pub(super) async fn demo(_options: &Options) -> Exit {
    let (program, interrupted) = match (std::env::current_exe(), interrupted()) {
        (Ok(program), Ok(interrupted)) => (program, interrupted),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("cannot start: {error}");
            return Exit::Failed;
        }
    };
    let played = tokio::select! {
        played = demo::play(&program, color()) => played,
        // What was started goes with the play.
        () = interrupted => {
            eprintln!("\nStopped; nothing is left behind.");
            return Exit::Failed;
        }
    };
    match played {
        Ok(()) => Exit::Done,
        Err(Failure::Cluster(ClusterError::ProgramsMissing { .. } | ClusterError::NoAccount)) => Exit::NotReady,
        Err(_) => Exit::Failed,
    }
}

/// Until somebody wants it to end. From here on none of these signals ends the process by itself.
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Whether standard output is a terminal that takes colors.
fn color() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
