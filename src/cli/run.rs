//! `walsift run`.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{ConfigFile, Exit};
use crate::api::{self, Shown};
use crate::config::{Config, File, Report};
use crate::metrics;
use crate::pipeline::{self, Assessment, Databases, Ground, Health, PrepareError, Prepared};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
}

/// Between tries to reach a source that was never reached yet.
const REACH_PERIOD: Duration = Duration::from_secs(2);

pub(super) async fn run(options: &Options) -> Exit {
    let loaded = match options.file.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let databases = match Databases::open(&loaded.config) {
        Ok(databases) => databases,
        Err(problem) => return refuse(&loaded.file, *problem),
    };
    let stop = CancellationToken::new();
    if let Err(error) = stop_on_signals(stop.clone()) {
        tracing::error!(error = error.to_string(), "cannot listen for signals");
        return Exit::Failed;
    }
    let health = Arc::new(Health::waiting_for("setup"));
    let admin = match start_admin(&loaded.config, health.clone(), stop.clone()).await {
        Ok(admin) => admin,
        Err(exit) => return exit,
    };
    let exit = match reach(&loaded.config, &databases, &health, &stop).await {
        Some((prepared, None)) => refuse_all(&loaded.file, prepared),
        Some((prepared, Some(assessment))) => {
            for problem in prepared.problems.iter().filter(|problem| problem.warning) {
                tracing::warn!(sql = problem.sql, "{}", problem.summary);
            }
            let ground = Ground::new(loaded.config, prepared.sinks, databases, health, stop.clone());
            deliver(ground, assessment).await
        }
        None => Exit::Done,
    };
    stop.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(1), admin).await;
    tracing::info!("stopped");
    exit
}

async fn deliver(ground: Ground, assessment: Assessment) -> Exit {
    match pipeline::run(ground, assessment).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            tracing::error!(error = error.to_string(), "leaving");
            Exit::Failed
        }
    }
}

/// Waits for a source that is not there yet: a container may be up before its database. `None` if stopped before; within,
/// no assessment if the configuration is refused.
async fn reach(
    config: &Config,
    databases: &Databases,
    health: &Health,
    stop: &CancellationToken,
) -> Option<(Prepared, Option<Assessment>)> {
    let look = async || {
        let prepared = pipeline::prepare(config, &databases.source).await?;
        let assessment = pipeline::begin(config, &prepared, databases).await?;
        Ok((prepared, assessment))
    };
    loop {
        let reached: Result<_, PrepareError> = tokio::select! {
            () = stop.cancelled() => return None,
            reached = look() => reached,
        };
        match reached {
            Ok(reached) => return Some(reached),
            Err(error) => say_unreachable(health, &error),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(REACH_PERIOD) => {}
        }
    }
}

fn say_unreachable(health: &Health, error: &PrepareError) {
    let reason = pipeline::chain(error);
    if health.ill("setup", reason.clone()) {
        tracing::error!(error = reason, "the databases cannot be asked; trying again");
    }
}

async fn start_admin(
    config: &Config,
    health: Arc<Health>,
    stop: CancellationToken,
) -> Result<tokio::task::JoinHandle<()>, Exit> {
    let metrics = metrics::install().map_err(|error| {
        tracing::error!(error = error.to_string(), "cannot record metrics");
        Exit::Failed
    })?;
    let listener = TcpListener::bind(config.admin.listen).await.map_err(|error| {
        tracing::error!(error = error.to_string(), address = %config.admin.listen, "cannot listen for admin requests");
        Exit::NotReady
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(address = %address, "admin listening");
    }
    let token = config.admin.token.clone().map(Arc::new);
    Ok(tokio::spawn(api::serve(
        listener,
        Shown { health, metrics, token },
        stop,
    )))
}

/// The first SIGTERM or SIGINT stops in good order, the second leaves at once.
fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let first = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        stop.cancel();
        tracing::info!(signal = first, "stopping: what is in flight is finished first");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: leaving at once");
        std::process::exit(1);
    });
    Ok(())
}

fn refuse(file: &File, problem: crate::config::Problem) -> Exit {
    let mut report = Report::default();
    report.push(problem);
    eprint!("{}", report.render(file, super::color()));
    Exit::Refused
}

fn refuse_all(file: &File, prepared: Prepared) -> Exit {
    let report = Report {
        problems: prepared.problems,
    };
    eprint!("{}", report.render(file, super::color()));
    Exit::Refused
}
