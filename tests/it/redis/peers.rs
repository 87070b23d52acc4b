//! Others than the server we expect.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::cache::sink;
use crate::nats::bus::{delivery, lines, message};

/// Says this, a thing for each time it is spoken to, and after that hangs up.
async fn peer(says: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for words in says {
            let mut heard = [0; 4096];
            assert!(stream.read(&mut heard).await.unwrap() > 0);
            stream.write_all(words.as_bytes()).await.unwrap();
        }
    });
    format!("url = 'redis://{address}'\nstream = 'orders'")
}

#[tokio::test]
async fn whatever_a_server_says_has_a_meaning() {
    #[rustfmt::skip]
    let cases: [(&[&str], &str, &str); 7] = [
        (&["+PONG\r\n", "-MOVED 3999 127.0.0.1:6381\r\n"], "retry configuration certain",
         "this is a Redis Cluster, which is not supported: MOVED 3999 127.0.0.1:6381"),
        (&["+PONG\r\n", "-LOADING soon\r\n"], "retry server_error certain", "LOADING soon"),
        (&["+PONG\r\n", "-NEWS from afar\r\n"], "retry server_error uncertain", "NEWS from afar"),
        (&["+PONG\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"], "retry connection uncertain",
         "the connection broke: that is no Redis: it does not speak its protocol"),
        (&["+PONG\r\n"], "retry connection uncertain", "the connection broke: the server hung up"),
        (&["HTTP/1.1 400 Bad Request\r\n\r\n"], "retry connection certain", "that is no Redis: it does not speak its protocol"),
        (&["-DENIED Redis is running in protected mode\r\n"], "retry configuration certain", "DENIED Redis is running in protected mode"),
    ];
    for (says, line, words) in cases {
        let outcomes = sink(&peer(says).await).deliver(&[delivery("1", 7, "{}")]).await;
        assert_eq!(lines(&outcomes), [line], "{says:?}: {outcomes:?}");
        assert!(message(&outcomes[0]).ends_with(words), "{outcomes:?}");
    }
}
