//! Which host is taken. The servers are listeners that say what they are, with one letter.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const PRIMARY: u8 = b'p';
const STANDBY: u8 = b's';
/// A primary whose sessions are read-only.
const READ_ONLY: u8 = b'r';
/// Says nothing of itself.
const OLD: u8 = b'o';
/// Refuses every login.
const REFUSING: u8 = b'x';
/// Refuses logins without TLS, which it does not offer.
const TLS_ONLY: u8 = b't';

async fn server(kind: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(&[kind]).await;
        }
    });
    address
}

/// Nobody listens there any more.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Takes the first that is wanted, by its letter; and the letters of all that were asked.
async fn choose(servers: &[SocketAddr], parameters: &str) -> (Result<u8, String>, String) {
    let ports: Vec<_> = servers.iter().map(|server| server.port().to_string()).collect();
    let hosts = vec!["127.0.0.1"; servers.len()].join(",");
    let text = format!(
        "host={hosts} port={} user=u sslmode=disable {parameters}",
        ports.join(",")
    );
    let asked = Arc::new(Mutex::new(String::new()));
    let attempt = |mut socket: Socket, _: Login| {
        let asked = Arc::clone(&asked);
        async move {
            let kind = socket.read_u8().await.unwrap();
            asked.lock().unwrap().push(kind.into());
            match kind {
                REFUSING => Err(refusal("28P01")),
                TLS_ONLY => Err(refusal("28000")),
                _ => Ok((kind, traits(kind))),
            }
        }
    };
    let chosen = log_in(&text.parse().unwrap(), attempt).await;
    let asked = asked.lock().unwrap().clone();
    (chosen.map_err(|error| error.to_string()), asked)
}

fn refusal(sqlstate: &str) -> LoginError {
    LoginError {
        sqlstate: Some(sqlstate.to_owned()),
        message: "no".to_owned(),
    }
}

fn traits(kind: u8) -> ServerTraits {
    let known = kind != OLD;
    ServerTraits {
        in_hot_standby: known.then_some(kind == STANDBY),
        default_transaction_read_only: known.then_some(kind == READ_ONLY),
    }
}

#[tokio::test]
async fn the_first_that_is_wanted_is_taken() {
    let (primary, standby) = (server(PRIMARY).await, server(STANDBY).await);
    let (read_only, old, dead) = (server(READ_ONLY).await, server(OLD).await, nowhere().await);
    let cases = [
        (vec![standby], "", Ok(STANDBY), "s"),
        (vec![old], "", Ok(OLD), "o"),
        (vec![dead, standby, primary], "", Ok(PRIMARY), "sp"),
        (vec![standby, primary], "target_session_attrs=any", Ok(STANDBY), "s"),
        (
            vec![primary, standby],
            "target_session_attrs=standby",
            Ok(STANDBY),
            "ps",
        ),
        (
            vec![standby, read_only, primary],
            "target_session_attrs=read-write",
            Ok(PRIMARY),
            "srp",
        ),
        (
            vec![primary, read_only],
            "target_session_attrs=read-only",
            Ok(READ_ONLY),
            "pr",
        ),
        (
            vec![primary, standby],
            "target_session_attrs=read-only",
            Ok(STANDBY),
            "ps",
        ),
        (
            vec![primary, standby],
            "target_session_attrs=prefer-standby",
            Ok(STANDBY),
            "ps",
        ),
        (
            vec![dead, primary],
            "target_session_attrs=prefer-standby",
            Ok(PRIMARY),
            "pp",
        ),
        (vec![old, primary], "", Ok(PRIMARY), "op"),
        (
            vec![standby, primary],
            "target_session_attrs=primary",
            Ok(PRIMARY),
            "sp",
        ),
    ];
    for (servers, parameters, wanted, asked) in cases {
        let found = choose(&servers, parameters).await;
        assert_eq!(found, (wanted, asked.to_owned()), "{parameters} {asked}");
    }
}

#[tokio::test]
async fn everybody_has_their_say_when_nobody_is_wanted() {
    let (standby, refusing, dead) = (server(STANDBY).await, server(REFUSING).await, nowhere().await);
    let (chosen, asked) = choose(&[dead, refusing, standby], "").await;
    let said = chosen.unwrap_err();
    assert_eq!(asked, "xs");
    let wanted = [
        format!("{dead}: "),
        format!("{refusing}: no"),
        format!("{standby}: the server is a standby"),
    ];
    for words in wanted {
        assert!(said.contains(&words), "{said}");
    }
    assert!(said.starts_with("cannot connect as u to the database u: "), "{said}");
}

#[tokio::test]
async fn all_hosts_come_first_some_day_where_the_order_does_not_count() {
    let servers = [server(PRIMARY).await, server(STANDBY).await];
    let mut seen = String::new();
    // Failing by chance is as likely as sixty tosses of a coin that all end alike.
    for _ in 0..60 {
        let (chosen, _) = choose(&servers, "target_session_attrs=any load_balance_hosts=random").await;
        seen.push(chosen.unwrap().into());
    }
    assert!(seen.contains('p') && seen.contains('s'), "{seen}");
}

#[tokio::test]
async fn a_login_that_is_refused_for_want_of_tls_is_tried_with_it_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Each connection's first bytes, as far as somebody has spoken before the login.
    let spoken = tokio::spawn(async move {
        let (mut plain, _) = listener.accept().await.unwrap();
        plain.write_all(&[TLS_ONLY]).await.unwrap();
        let (mut asking, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        asking.read_exact(&mut request).await.unwrap();
        asking.write_all(b"N").await.unwrap();
        request
    });
    let dsn: Dsn = format!("host=127.0.0.1 port={port} user=u sslmode=allow")
        .parse()
        .unwrap();
    let attempt = |mut socket: Socket, _: Login| async move {
        socket.read_u8().await.unwrap();
        Err::<((), ServerTraits), _>(refusal("28000"))
    };
    let error = log_in(&dsn, attempt).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("28000"));
    assert_eq!(spoken.await.unwrap(), [0, 0, 0, 8, 4, 210, 22, 47]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_go_on_with_the_login_is_given_up() {
    let address = server(PRIMARY).await;
    let text = format!(
        "host=127.0.0.1 port={} user=u sslmode=disable connect_timeout=7",
        address.port()
    );
    let attempt = |_: Socket, _: Login| std::future::pending::<Result<((), ServerTraits), LoginError>>();
    let error = log_in(&text.parse().unwrap(), attempt).await.unwrap_err();
    assert!(error.to_string().ends_with("no connection within 7s"), "{error}");
}
