//! What statements cause, and nothing else.

use std::path::Path;

use super::{Engine, World};

impl World {
    /// Starts an engine and waits until it has published what there is.
    pub async fn synced(&self, config: &Path) -> Engine {
        let engine = self.engine(config);
        self.settled().await;
        engine
    }

    /// Runs statements, in one transaction where there are several, and waits until all they cause has been published.
    /// Answers with the requests that came meanwhile, as `PUT /orders/1`, sorted; the engine must have been settled before.
    pub async fn caused_by(&self, statements: &str) -> Vec<String> {
        self.receiver().clear_journal();
        self.sql(statements).await;
        self.settled().await;
        self.requests()
    }

    /// Every request since the journal was cleared, as `PUT /orders/1`, sorted.
    pub fn requests(&self) -> Vec<String> {
        let mut requests: Vec<String> = self.receiver().look(|ledger| {
            let requests = ledger.journal().iter();
            requests
                .map(|request| format!("{} {}", request.method, request.path))
                .collect()
        });
        requests.sort();
        requests
    }
}

impl Engine {
    /// One of its metrics, summed up over everything whose labels are these.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let (status, text) = self.admin("/metrics").await;
        assert_eq!(status, 200, "{text}");
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .map(|line| {
                let value = line.rsplit(' ').next().unwrap_or_default();
                value
                    .parse::<u64>()
                    .unwrap_or_else(|_| panic!("no whole number: {line}"))
            })
            .sum()
    }
}
