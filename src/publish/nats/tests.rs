//! Against a server that says what the test has written down.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::NatsSink;
use crate::config::{self, NatsServer, Terms};
use crate::publish::peer::{TERMS, delivery};
use crate::publish::{Delivery, Outcome};

const INFO: &str = r#"{"version":"2.9.10","max_payload":1048576,"headers":true}"#;

/// What a server does about a message.
enum Does {
    /// Says so; `REPLY` stands for the subject of the answer.
    Says(&'static str),
    Nothing,
    HangsUp,
}

/// A server with a part to play for each message by its subject.
struct Server {
    address: SocketAddr,
    /// What each connection was told, a line at a time, with its number.
    heard: mpsc::UnboundedReceiver<(usize, String)>,
}

impl Server {
    async fn new(info: &'static str, part: impl Fn(&str) -> Does + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let tell = tell.clone();
                let heard = move |line: &str| drop(tell.send((number, line.to_owned())));
                tokio::spawn(play(stream, info, part, heard));
            }
        });
        Self { address, heard }
    }

    fn sink(&self) -> NatsSink {
        sink(&[self.address], &TERMS)
    }

    /// On which connections messages were published.
    fn connections(&mut self) -> Vec<usize> {
        let heard = std::iter::from_fn(|| self.heard.try_recv().ok());
        let published = heard.filter(|(_, line)| line.starts_with("HPUB"));
        published.map(|(number, _)| number).collect()
    }
}

async fn play(stream: TcpStream, info: &str, part: impl Fn(&str) -> Does, heard: impl Fn(&str)) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(format!("INFO {info}\r\n").as_bytes()).await.ok()?;
    let mut line = String::new();
    while stream.read_line(&mut line).await.ok()? > 0 {
        heard(line.trim_end());
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => stream.write_all(b"PONG\r\n").await.ok()?,
            ["HPUB", subject, reply, _, bytes] => {
                let mut message = vec![0; bytes.parse::<usize>().unwrap() + 2];
                stream.read_exact(&mut message).await.ok()?;
                match part(subject) {
                    Does::Says(text) => {
                        let text = text.replace("REPLY", reply);
                        stream.write_all(text.as_bytes()).await.ok()?;
                    }
                    Does::Nothing => {}
                    Does::HangsUp => return None,
                }
            }
            _ => {}
        }
        line.clear();
    }
    Some(())
}

fn sink(servers: &[SocketAddr], terms: &Terms) -> NatsSink {
    let server = |address: &SocketAddr| NatsServer {
        tls: false,
        host: address.ip().to_string(),
        port: address.port(),
    };
    let config = config::NatsSink {
        servers: servers.iter().map(server).collect(),
        subject: "o.{id}".to_owned(),
        stream: None,
        auth: None,
        tls: config::Tls::default(),
        max: 1_000,
        bytes: 8 << 20,
    };
    NatsSink::new("bus", &config, terms).unwrap()
}

fn documents(ids: &[&str]) -> Vec<Delivery> {
    ids.iter().map(|id| delivery(&[("id", id)], "{}")).collect()
}

/// What matters of outcomes, a line for each.
fn lines(outcomes: &[Outcome]) -> Vec<String> {
    let line = |outcome: &Outcome| match outcome {
        Outcome::Delivered { .. } => "delivered".to_owned(),
        Outcome::NotTried => "not tried".to_owned(),
        Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => {
            let certain = if failure.certain { "certain" } else { "uncertain" };
            format!("{} {certain}: {}", failure.class.as_str(), failure.message)
        }
    };
    outcomes.iter().map(line).collect()
}

const STORED: Does = Does::Says("MSG REPLY 1 22\r\n{\"stream\":\"O\",\"seq\":1}\r\n");

#[tokio::test]
async fn a_connection_is_kept_and_its_questions_are_answered() {
    let mut server = Server::new(INFO, |subject| match subject {
        "o.2" => Does::Says("PING\r\n+OK\r\nMSG REPLY 1 22\r\n{\"stream\":\"O\",\"seq\":1}\r\n"),
        _ => STORED,
    })
    .await;
    let sink = server.sink();
    assert_eq!(lines(&sink.deliver(&documents(&["1", "2"])).await), ["delivered"; 2]);
    assert_eq!(lines(&sink.deliver(&documents(&["3"])).await), ["delivered"]);
    let mut words = Vec::new();
    while let Ok((number, line)) = server.heard.try_recv() {
        assert_eq!(number, 0, "one connection");
        words.push(line.split(' ').next().unwrap().to_owned());
    }
    assert_eq!(words, ["CONNECT", "SUB", "PING", "HPUB", "HPUB", "PONG", "HPUB"]);
}

#[tokio::test]
async fn what_was_answered_before_the_end_stands_and_the_rest_goes_one_by_one() {
    let mut server = Server::new(INFO, |subject| match subject {
        "o.2" => Does::Says("-ERR 'Maximum Payload Violation'\r\n"),
        "o.3" => Does::HangsUp,
        _ => STORED,
    })
    .await;
    let sink = server.sink();
    let broken = "connection uncertain: the connection broke: Maximum Payload Violation";
    let outcomes = sink.deliver(&documents(&["1", "2", "4"])).await;
    assert_eq!(lines(&outcomes), ["delivered", broken, broken]);
    server.connections();
    let outcomes = sink.deliver(&documents(&["5", "2", "4"])).await;
    assert_eq!(lines(&outcomes), ["delivered", broken, "delivered"]);
    assert_eq!(server.connections(), [1, 1, 2], "a broken connection is not used again");

    let hung_up = "connection uncertain: the connection broke: the server hung up";
    assert_eq!(lines(&sink.deliver(&documents(&["3"])).await), [hung_up]);
}

#[tokio::test]
async fn answers_find_their_messages_in_any_order_and_others_are_ignored() {
    let server = Server::new(INFO, |subject| match subject {
        "o.1" => Does::Nothing,
        "o.2" => Does::Says(
            "MSG _INBOX.other.0 1 2\r\n{}\r\nMSG REPLY9 1 2\r\n{}\r\nHMSG REPLY 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n\
             -ERR 'Permissions Violation for Publish to \"o.1\"'\r\n",
        ),
        _ => STORED,
    })
    .await;
    let outcomes = server.sink().deliver(&documents(&["1", "2", "3"])).await;
    let expected = [
        "configuration certain: Permissions Violation for Publish to \"o.1\"",
        "server_error certain: no stream stores `o.2`, or it has no leader at present",
        "delivered",
    ];
    assert_eq!(lines(&outcomes), expected);
}

#[tokio::test]
async fn a_connection_on_which_something_else_is_said_is_not_used_again() {
    let mut server = Server::new(INFO, |subject| match subject {
        "o.1" => Does::Says("MSG REPLY 1 22\r\n{\"stream\":\"O\",\"seq\":1}\r\nHello!\r\n"),
        _ => Does::Says("MSG REPLY 1 22\r\n{\"stream\":\"O\",\"seq\":1}\r\n-ERR 'Stale Connection'\r\n"),
    })
    .await;
    let sink = server.sink();
    for id in ["1", "2", "3"] {
        assert_eq!(lines(&sink.deliver(&documents(&[id])).await), ["delivered"]);
    }
    assert_eq!(server.connections(), [0, 1, 2]);
}

#[tokio::test]
async fn a_server_that_is_about_to_leave_is_not_used_again() {
    let info = r#"{"version":"2.9.10","max_payload":1048576,"headers":true,"ldm":true}"#;
    let mut server = Server::new(info, |_| STORED).await;
    let sink = server.sink();
    for _ in 0..2 {
        assert_eq!(lines(&sink.deliver(&documents(&["1"])).await), ["delivered"]);
    }
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn whoever_is_no_server_of_ours_is_not_spoken_to() {
    let stranger = ("connection certain", "what the server says is not the protocol of NATS");
    for (info, (class, words)) in [
        ("{", stranger),
        // What stands behind the first line would be taken for a server's that has shown who it is.
        ("{\"headers\":true,\"tls_required\":true}\r\nPONG", stranger),
        (
            "{}",
            ("configuration certain", "the server, of version ``, takes no headers"),
        ),
    ] {
        let server = Server::new(info, |_| STORED).await;
        let outcomes = lines(&server.sink().deliver(&documents(&["1"])).await);
        assert!(
            outcomes[0].starts_with(class) && outcomes[0].ends_with(words),
            "{outcomes:?}"
        );
    }
}

/// It takes connections, and is never heard of.
#[tokio::test]
async fn a_server_that_keeps_quiet_makes_way_for_another() {
    let quiet = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::new(INFO, |_| STORED).await;
    let hasty = Terms {
        timeout: Duration::from_secs(1),
        ..TERMS
    };
    let quiet = quiet.local_addr().unwrap();
    let alone = lines(&sink(&[quiet], &hasty).deliver(&documents(&["1"])).await);
    let words = format!("connection certain: could not connect: nats://{quiet}: no answer in time");
    assert_eq!(alone, [words]);

    let both = sink(&[quiet, server.address], &hasty);
    assert_eq!(lines(&both.deliver(&documents(&["1"])).await), ["delivered"]);
}
