//! Logs: text on a terminal, JSON elsewhere, always to standard error.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Args)]
pub(super) struct LogOptions {
    /// How log lines are written; text on a terminal and JSON elsewhere by default
    #[arg(long, global = true, value_enum, env = "WALSIFT_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// Which log lines are written: error, warn, info, debug, trace, or by module
    #[arg(long, global = true, env = "WALSIFT_LOG", default_value = "info")]
    log_level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl LogOptions {
    pub fn init(&self) {
        let directives = format!("{},tokio_postgres=warn", self.log_level);
        let filter = EnvFilter::builder().parse_lossy(directives);
        let format = self.log_format.unwrap_or(if stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        });
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
        match format {
            LogFormat::Text => builder.with_target(false).with_ansi(super::color()).init(),
            LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).init(),
        }
    }
}
