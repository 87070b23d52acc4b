//! How a throwaway server is set up.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// What a test or a demo may want otherwise; the defaults suit both.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// Off: a killed *process* loses nothing by it, only a crash of the machine does.
    pub fsync: bool,
    /// On: without it a killed server forgets commits that it had reported.
    pub synchronous_commit: bool,
    pub max_connections: u32,
    pub max_wal_senders: u32,
    pub max_replication_slots: u32,
    /// As Postgres writes it (`64MB`); `None` is no limit.
    pub max_slot_wal_keep_size: Option<String>,
    /// Further settings, name and value; they win over the above.
    pub extra: Vec<(String, String)>,
    /// How long `initdb`, a start, or the recovery after a crash may take.
    pub start_within: Duration,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        ClusterSettings {
            fsync: false,
            synchronous_commit: true,
            max_connections: 200,
            max_wal_senders: 64,
            max_replication_slots: 64,
            max_slot_wal_keep_size: None,
            extra: Vec::new(),
            start_within: Duration::from_mins(1),
        }
    }
}

impl ClusterSettings {
    /// One more setting, as in `postgresql.conf`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The text of a file for `postgresql.conf` to include.
    pub(super) fn file(&self, port: u16, sockets: &Path) -> String {
        let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
        let ours = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("unix_socket_directories", sockets.display().to_string()),
            ("wal_level", "logical".to_owned()),
            ("fsync", on_off(self.fsync)),
            ("synchronous_commit", on_off(self.synchronous_commit)),
            ("max_connections", self.max_connections.to_string()),
            ("max_wal_senders", self.max_wal_senders.to_string()),
            ("max_replication_slots", self.max_replication_slots.to_string()),
            (
                "max_slot_wal_keep_size",
                self.max_slot_wal_keep_size.clone().unwrap_or_else(|| "-1".to_owned()),
            ),
            // In the folder, so that it goes with the folder.
            ("dynamic_shared_memory_type", "mmap".to_owned()),
            // Small enough that many of these fit beside each other.
            ("shared_buffers", "32MB".to_owned()),
            ("min_wal_size", "32MB".to_owned()),
            ("max_wal_size", "256MB".to_owned()),
        ];
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.clone()));
        ours.into_iter()
            .chain(extra)
            .fold(String::new(), |mut text, (name, value)| {
                let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
                text
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_settings_come_last_and_quotes_are_doubled() {
        let settings = ClusterSettings::default()
            .with("fsync", "on")
            .with("cluster_name", "it's");
        let text = settings.file(20_000, Path::new("/tmp/x"));
        assert!(
            text.starts_with("listen_addresses = '127.0.0.1'\nport = '20000'\n"),
            "{text}"
        );
        assert!(text.ends_with("fsync = 'on'\ncluster_name = 'it''s'\n"), "{text}");
    }
}
