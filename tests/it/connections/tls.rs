//! `sslmode` and what goes with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::server::{Server, at, connect, is_encrypted, refused};
use crate::world::World;

#[tokio::test]
async fn each_mode_does_what_libpq_does_at_a_server_with_tls() {
    let server = Server::shared().await;
    let root = server.root.display();
    let cases = [
        ("sslmode=disable user=postgres".to_owned(), Some(false)),
        ("sslmode=allow user=postgres".to_owned(), Some(false)),
        ("sslmode=prefer user=postgres".to_owned(), Some(true)),
        ("user=postgres".to_owned(), Some(true)),
        ("sslmode=require user=postgres".to_owned(), Some(true)),
        (
            format!("sslmode=verify-ca sslrootcert={root} user=postgres"),
            Some(true),
        ),
        (
            format!("sslmode=verify-full sslrootcert={root} user=postgres"),
            Some(true),
        ),
        // The server does not take everybody in every way.
        ("sslmode=disable user=only_tls".to_owned(), None),
        ("sslmode=allow user=only_tls".to_owned(), Some(true)),
        ("sslmode=prefer user=only_plain".to_owned(), Some(false)),
        ("sslmode=require user=only_plain".to_owned(), None),
    ];
    for (parameters, wanted) in cases {
        let encrypted = match connect(&server.at(&parameters)).await {
            Ok(client) => Some(is_encrypted(&client).await),
            Err(error) => {
                assert_eq!(error.sqlstate(), Some("28000"), "{parameters}: {error}");
                None
            }
        };
        assert_eq!(encrypted, wanted, "{parameters}");
    }
}

#[tokio::test]
async fn each_mode_does_what_libpq_does_at_a_server_without_tls() {
    let world = World::new().await;
    for mode in ["disable", "allow", "prefer"] {
        let client = connect(&at(&world.cluster(), &format!("user=postgres sslmode={mode}"))).await;
        assert!(!is_encrypted(&client.unwrap()).await, "{mode}");
    }
    for mode in ["require", "verify-full"] {
        let said = refused(&at(&world.cluster(), &format!("user=postgres sslmode={mode}"))).await;
        assert!(said.contains("the server offers no TLS"), "{mode}: {said}");
    }
}

#[tokio::test]
async fn a_unix_socket_needs_no_tls_whatever_the_mode() {
    let server = Server::shared().await;
    let url = format!("{}&sslmode=require", server.cluster.socket_url("postgres"));
    assert!(!is_encrypted(&connect(&url).await.unwrap()).await);
    let said = refused(&format!("{url}&channel_binding=require")).await;
    assert!(said.contains("channel binding"), "{said}");
}

#[tokio::test]
async fn a_certificate_must_be_for_the_host_in_full_mode_only() {
    let server = Server::shared().await;
    let with = |host: &str, mode: &str| {
        let (port, root) = (server.port(), server.root.display());
        format!("host={host} hostaddr=127.0.0.1 port={port} user=postgres sslmode={mode} sslrootcert={root}")
    };
    for host in ["localhost", "127.0.0.1"] {
        connect(&with(host, "verify-full")).await.unwrap();
    }
    for mode in ["require", "verify-ca"] {
        connect(&with("other.example", mode)).await.unwrap();
    }
    for host in ["other.example", "127.0.0.2"] {
        let said = refused(&with(host, "verify-full")).await;
        assert!(said.contains("tls: invalid peer certificate"), "{said}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let server = Server::shared().await;
    let other = server.other_root.display();
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = refused(&server.at(&format!("user=postgres sslmode={mode} sslrootcert={other}"))).await;
        assert!(said.contains("tls: invalid peer certificate"), "{mode}: {said}");
    }
    // The system knows neither.
    let said = refused(&server.at("user=postgres sslrootcert=system")).await;
    assert!(said.contains("tls: invalid peer certificate"), "{said}");
    // Without TLS nobody would be asked.
    let said = connect(&server.at(&format!("user=postgres sslmode=prefer sslrootcert={other}"))).await;
    assert!(is_encrypted(&said.unwrap()).await);
}

#[tokio::test]
async fn the_very_certificate_may_be_trusted() {
    let server = Server::shared().await;
    let own = server.own.display();
    connect(&server.at(&format!("user=postgres sslmode=verify-full sslrootcert={own}")))
        .await
        .unwrap();
    let port = server.port();
    let other = format!("host=other.example hostaddr=127.0.0.1 port={port} user=postgres sslmode=verify-full");
    let said = refused(&format!("{other} sslrootcert={own}")).await;
    assert!(said.contains("tls: invalid peer certificate"), "{said}");
}

#[tokio::test]
async fn a_certificate_of_ours_lets_us_in() {
    let server = Server::shared().await;
    let (cert, key) = (server.client_cert.display(), server.client_key.display());
    let with = |more: &str| server.at(&format!("user=by_cert sslmode=require {more}"));
    connect(&with(&format!("sslcert={cert} sslkey={key}"))).await.unwrap();
    let said = refused(&with("")).await;
    assert!(said.contains("SQLSTATE 28000"), "{said}");
    let said = refused(&with(&format!("sslcert={cert} sslkey=/no/such/key"))).await;
    assert!(said.contains("can't read /no/such/key"), "{said}");
    let open = server
        .cluster
        .write("open.key", &fs::read_to_string(&server.client_key).unwrap());
    let open = open.unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refused(&with(&format!("sslcert={cert} sslkey={}", open.display()))).await;
    assert!(said.contains("0600"), "{said}");
}

#[tokio::test]
async fn tls_may_begin_at_once_where_the_server_knows_how() {
    let server = Server::shared().await;
    let version = server
        .admin()
        .await
        .query_one("select current_setting('server_version_num')::int", &[])
        .await;
    let version: i32 = version.unwrap().get(0);
    let connected = connect(&server.at("user=postgres sslmode=require sslnegotiation=direct")).await;
    if version >= 170_000 {
        assert!(is_encrypted(&connected.unwrap()).await);
    } else {
        connected.unwrap_err();
    }
}
