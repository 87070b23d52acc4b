//! `redis-server`.

use super::Server;

impl Server {
    /// A Redis that writes every command to disk before it answers. `settings` as on its command line: `--maxmemory 1mb`;
    /// `{port}` is its port.
    pub async fn redis(settings: &[&str]) -> Server {
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        Server::start("redis-server", is_loading, move |port, folder| {
            let (port, folder) = (port.to_string(), folder.display().to_string());
            let own = [
                ["--bind", "127.0.0.1"],
                ["--port", &port],
                ["--dir", &folder],
                ["--save", ""],
                ["--appendonly", "yes"],
                ["--appendfsync", "always"],
            ];
            let own = own.concat().into_iter().map(str::to_owned);
            let settings = settings.iter().map(|setting| setting.replace("{port}", &port));
            own.chain(settings).collect()
        })
        .await
    }
}

/// The keys of its file. One that wants TLS hangs up.
fn is_loading(answer: &[u8]) -> bool {
    answer.starts_with(b"-LOADING")
}

#[test]
fn a_redis_that_reads_its_file_is_not_at_work() {
    assert!(is_loading(b"-LOADING Redis is loading the dataset in memory\r\n"));
    for answer in ["+PONG\r\n", "-NOAUTH Authentication required.\r\n", ""] {
        assert!(!is_loading(answer.as_bytes()), "{answer}");
    }
}

#[tokio::test]
async fn a_redis_keeps_what_it_was_told_when_it_is_killed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut server = Server::redis(&[]).await;
    let ask = async |server: &Server, command: &str, answer: &mut [u8]| {
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(command.as_bytes()).await.unwrap();
        stream.read_exact(answer).await.unwrap();
    };
    let mut answer = [0; 5];
    ask(&server, "SET a b\r\n", &mut answer).await;
    assert_eq!(&answer, b"+OK\r\n");
    server.kill();
    assert!(tokio::net::TcpStream::connect(server.address()).await.is_err());
    server.resume().await;
    let mut answer = [0; 7];
    ask(&server, "GET a\r\n", &mut answer).await;
    assert_eq!(&answer, b"$1\r\nb\r\n");
}
