//! The sinks there are. A new one is a file or folder beside this one, a variant here, and one in the configuration.

use super::http::HttpSink;
use super::stdout::StdoutSink;
use super::{Delivery, Outcome};
use crate::config::{self, Retry, SinkKind};

/// A sink, ready for deliveries.
#[derive(Debug)]
pub enum Sink {
    Http(Box<HttpSink>),
    Stdout(StdoutSink),
}

/// A sink cannot be made from its configuration. Without secrets.
#[derive(Debug, thiserror::Error)]
#[error("sink `{sink}` cannot be used: {reason}")]
pub struct Unusable {
    pub sink: String,
    pub reason: String,
}

impl Sink {
    pub fn build(config: &config::Sink) -> Result<Self, Unusable> {
        Ok(match &config.kind {
            SinkKind::Http(http) => Sink::Http(Box::new(HttpSink::new(&config.name, http)?)),
            SinkKind::Stdout => Sink::Stdout(StdoutSink::new(&config.name)?),
        })
    }

    /// Sends one delivery, or answers why not. Answers before the delivery's deadline.
    pub async fn deliver(&self, delivery: &Delivery) -> Outcome {
        match self {
            Sink::Http(http) => http.deliver(delivery).await,
            Sink::Stdout(stdout) => stdout.deliver(delivery).await,
        }
    }

    /// Most deliveries that the caller may have under way at the same time; sinks don't count them.
    pub fn concurrency(&self) -> usize {
        match self {
            Sink::Http(http) => http.concurrency(),
            Sink::Stdout(stdout) => stdout.concurrency(),
        }
    }

    /// What must be known of a subject to reach it: key columns or members of its document.
    pub fn placeholders(&self) -> Vec<&str> {
        match self {
            Sink::Http(http) => http.placeholders(),
            Sink::Stdout(_) => Vec::new(),
        }
    }

    pub fn retry(&self) -> &Retry {
        match self {
            Sink::Http(http) => http.retry(),
            Sink::Stdout(stdout) => stdout.retry(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{HttpSink, Place};

    #[test]
    fn each_kind_of_the_configuration_has_its_sink() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let named = |kind| config::Sink {
            name: "shop".to_owned(),
            place: Place {
                path: "sinks.shop".to_owned(),
                span: 0..0,
            },
            kind,
        };
        let http = |url: &str| {
            SinkKind::Http(Box::new(HttpSink {
                url: url.to_owned().into(),
                method: "PUT".to_owned(),
                headers: vec![],
                timeout: Duration::from_secs(10),
                concurrency: 16,
                retry: Retry {
                    attempts: 3,
                    base: Duration::from_secs(1),
                    max: Duration::from_mins(1),
                },
            }))
        };
        let sink = Sink::build(&named(http("https://h/{id}"))).unwrap();
        assert!(matches!(sink, Sink::Http(_)));
        assert_eq!((sink.concurrency(), sink.retry().attempts), (16, 3));
        let sink = Sink::build(&named(SinkKind::Stdout)).unwrap();
        assert!(matches!(sink, Sink::Stdout(_)));
        assert_eq!((sink.concurrency(), sink.retry().attempts), (1, 10));
        let error = Sink::build(&named(http("h/{id}"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sink `shop` cannot be used: the url does not start with `http://` or `https://` and a host"
        );
    }
}
