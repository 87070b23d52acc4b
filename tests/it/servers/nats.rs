//! `nats-server`.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::Server;
use crate::world::{DEADLINE, eventually};

/// What it logs once it has read its configuration again.
const RELOADED: &str = "Reloaded server configuration";

impl Server {
    /// A NATS with `JetStream`, which writes to disk before it acknowledges. `configuration` in its own language: what is
    /// not here already, such as `max_payload: 1MB`.
    pub async fn nats(configuration: &str) -> Server {
        let configuration = configuration.to_owned();
        Server::start("nats-server", <[u8]>::is_empty, move |port, folder| {
            let file = configure(port, folder, &configuration);
            vec!["--config".to_owned(), file.display().to_string()]
        })
        .await
    }

    /// Another configuration for a NATS that runs, until it is killed.
    pub async fn reconfigure(&self, configuration: &str) {
        configure(self.port, self.folder.path(), configuration);
        let process = self.process.as_ref().expect("it runs");
        let reloads = || process.log().iter().filter(|line| line.contains(RELOADED)).count();
        let before = reloads();
        // Ours until it is dropped.
        let id = i32::try_from(process.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
        eventually(DEADLINE, RELOADED, async || (reloads() > before).then_some(())).await;
    }
}

fn configure(port: u16, folder: &Path, configuration: &str) -> PathBuf {
    let file = folder.join("nats.conf");
    let store = folder.join("store");
    let text = format!(
        "host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: \"{}\" }}\n{configuration}\n",
        store.display()
    );
    fs::write(&file, text).unwrap();
    file
}

#[tokio::test]
async fn a_nats_says_who_it_is_also_after_it_was_killed() {
    use tokio::io::{AsyncBufReadExt, BufReader};

    let mut server = Server::nats("max_payload: 4096").await;
    for _ in 0..2 {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        assert!(line.starts_with("INFO {"), "{line}");
        assert!(
            line.contains("\"jetstream\":true") && line.contains("\"max_payload\":4096"),
            "{line}"
        );
        server.kill();
        server.resume().await;
    }
}
