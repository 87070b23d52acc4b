//! Proving who we are, and to whom not.

use tokio::io::duplex;
use tokio::time::timeout;

use super::super::{Session, StreamError};
use super::{CALM, PATIENCE, PIPE_BYTES, Server};
use crate::pg::{ChannelBinding, Login};

const SASL: [u8; 4] = [0, 0, 0, 10];

/// What becomes of a login over TLS, whose server does as told.
async fn logged_in(
    channel_binding: ChannelBinding,
    end_point: Option<&[u8]>,
    password: Option<&str>,
    serve: impl AsyncFnOnce(&mut Server),
) -> Result<(), StreamError> {
    let (ours, theirs) = duplex(PIPE_BYTES);
    let login = Login {
        channel_binding,
        password: password.map(Into::into),
        ..super::login()
    };
    let client = async { Session::enter(ours, end_point, &login, PATIENCE, CALM).await.map(drop) };
    let mut server = Server(theirs);
    let server = async {
        server.greeted().await;
        serve(&mut server).await;
    };
    timeout(PATIENCE, async { tokio::join!(client, server) })
        .await
        .unwrap()
        .0
}

async fn demand(server: &mut Server, kind: u8, rest: &[u8]) {
    server.write(b'R', &[&[0, 0, 0, kind], rest].concat()).await;
}

#[tokio::test]
async fn a_password_is_given_as_it_is_asked_for() {
    // The hash is `md5` of (`md5` of password and user) and salt.
    let hash = b"md5d4af0ba90e6c7ffcac299860f59e8270\0";
    for (kind, salt, wanted) in [(3, b"".as_slice(), b"secret\0".as_slice()), (5, b"salt", hash)] {
        let opened = logged_in(
            ChannelBinding::Prefer,
            None,
            Some("secret"),
            async |server: &mut Server| {
                demand(server, kind, salt).await;
                let (tag, proof) = server.read().await;
                assert_eq!((tag, proof.as_slice()), (b'p', wanted));
                demand(server, 0, b"").await;
                server.ready().await;
            },
        );
        opened.await.unwrap();
    }
}

#[tokio::test]
async fn the_proof_is_bound_to_tls_where_both_sides_can() {
    let (plus, plain) = (
        b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0".as_slice(),
        b"SCRAM-SHA-256\0\0".as_slice(),
    );
    let hash = Some(b"hash".as_slice());
    for (mode, end_point, offer, mechanism, header) in [
        (
            ChannelBinding::Prefer,
            hash,
            plus,
            "SCRAM-SHA-256-PLUS\0",
            "p=tls-server-end-point,,",
        ),
        (
            ChannelBinding::Require,
            hash,
            plus,
            "SCRAM-SHA-256-PLUS\0",
            "p=tls-server-end-point,,",
        ),
        (ChannelBinding::Prefer, hash, plain, "SCRAM-SHA-256\0", "y,,"),
        (ChannelBinding::Prefer, None, plain, "SCRAM-SHA-256\0", "n,,"),
        (ChannelBinding::Disable, hash, plus, "SCRAM-SHA-256\0", "n,,"),
    ] {
        let opened = logged_in(mode, end_point, Some("secret"), async |server: &mut Server| {
            server.write(b'R', &[&SASL, offer].concat()).await;
            let (tag, first) = server.read().await;
            assert_eq!(tag, b'p');
            let first = String::from_utf8_lossy(&first).into_owned();
            let message = first.strip_prefix(mechanism).expect(mechanism);
            assert!(message[4..].starts_with(header), "{message:?}");
            server.refuse("28P01", "password authentication failed").await;
        });
        let error = opened.await.unwrap_err();
        assert!(
            matches!(&error, StreamError::Server(said) if said.sqlstate == "28P01"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn required_binding_refuses_whatever_is_weaker_and_gives_nothing_away() {
    let hash = Some(b"hash".as_slice());
    let offers: [(Option<&[u8]>, &[u8]); 5] = [
        (hash, b"\0\0\0\0"),
        (hash, b"\0\0\0\x03"),
        (hash, b"\0\0\0\x05salt"),
        (hash, b"\0\0\0\x0aSCRAM-SHA-256\0\0"),
        (None, b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
    ];
    for (end_point, offer) in offers {
        let opened = logged_in(
            ChannelBinding::Require,
            end_point,
            Some("secret"),
            async |server: &mut Server| {
                server.write(b'R', offer).await;
                assert!(server.try_read().await.is_none());
            },
        );
        let error = opened.await.unwrap_err();
        assert!(matches!(error, StreamError::Authentication(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_must_know_the_password_too() {
    // It lets us in, or has us reckon for hours, instead of proving itself.
    for work in [4096, 100_001] {
        let opened = logged_in(
            ChannelBinding::Prefer,
            None,
            Some("secret"),
            async |server: &mut Server| {
                server
                    .write(b'R', &[&SASL, b"SCRAM-SHA-256\0\0".as_slice()].concat())
                    .await;
                let first = String::from_utf8(server.read().await.1).unwrap();
                let nonce = first.rsplit("r=").next().unwrap();
                let answer = format!("r={nonce}more,s=c2FsdA==,i={work}");
                demand(server, 11, answer.as_bytes()).await;
                if work == 4096 {
                    assert_eq!(server.read().await.0, b'p');
                    demand(server, 0, b"").await;
                }
                assert!(server.try_read().await.is_none());
            },
        );
        match opened.await.unwrap_err() {
            StreamError::Protocol(_) if work == 4096 => {}
            StreamError::Authentication(_) if work > 4096 => {}
            other => panic!("{work}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_given_is_said() {
    for (kind, password) in [(3, None), (7, Some("secret")), (10, None)] {
        let opened = logged_in(ChannelBinding::Prefer, None, password, async |server: &mut Server| {
            demand(server, kind, if kind == 10 { b"SCRAM-SHA-256\0\0" } else { b"" }).await;
            assert!(server.try_read().await.is_none());
        });
        let error = opened.await.unwrap_err();
        assert!(matches!(error, StreamError::Authentication(_)), "{error:?}");
    }
}
