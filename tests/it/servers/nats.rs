//! `nats-server`.

use super::Server;

impl Server {
    /// A NATS with `JetStream`, which writes to disk before it acknowledges. `configuration` in its own language: what is
    /// not here already, such as `max_payload: 1MB`.
    pub async fn nats(configuration: &str) -> Server {
        let configuration = configuration.to_owned();
        Server::start("nats-server", move |port, folder| {
            let file = folder.join("nats.conf");
            let store = folder.join("store");
            let text = format!(
                "host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: \"{}\" }}\n{configuration}\n",
                store.display()
            );
            std::fs::write(&file, text).unwrap();
            vec!["--config".to_owned(), file.display().to_string()]
        })
        .await
    }
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
