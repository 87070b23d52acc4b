//! The file as written → the configuration as the rest of the program uses it.
//!
//! Nothing stops at the first problem: where a value is missing or wrong a stand-in takes its place, so that all the
//! others are looked at too. A configuration with an error in its [`Report`] is never handed out.

mod changes;
mod claims;
mod ignore;
mod names;
mod settings;
mod sinks;
mod syncs;
mod tree;

pub use names::is_label;

use super::raw::RawConfig;
use super::{Config, Place, Problem, Report};

/// Whether the configuration may be used is for the report to say.
pub fn check(raw: RawConfig, report: &mut Report) -> Config {
    let source = settings::source(raw.source, report);
    let state = settings::state(raw.state, &source, report);
    let engine = settings::engine(raw.engine, report);
    let retention = settings::retention(raw.retention);
    let admin = settings::admin(&raw.admin, report);
    // A sink with an error of its own is a sink all the same to those who name it.
    let sink_names: Vec<_> = raw.sinks.iter().map(|sink| sink.name.clone()).collect();
    let syncs: Vec<_> = raw
        .syncs
        .into_iter()
        .map(|raw| syncs::sync(raw, &sink_names, report))
        .collect();
    let sinks = raw
        .sinks
        .into_iter()
        .filter_map(|raw| sinks::sink(raw, &engine, report))
        .collect();
    if syncs.is_empty() {
        let problem = Problem::at(&Place::absent("syncs"), "there is no sync, so there is nothing to do");
        report.push(problem.help("add one: [syncs.NAME] with `table` and `sink`"));
    }
    for name in &sink_names {
        if !syncs.iter().any(|sync| sync.sinks.contains(&name.value)) {
            let problem = Problem::at(&name.place, format!("no sync uses the sink `{}`", name.value));
            report.push(problem.warning());
        }
    }
    Config {
        source,
        state,
        engine,
        retention,
        admin,
        sinks,
        syncs,
    }
}
