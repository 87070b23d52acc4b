//! Passwords, and servers to choose from.

use super::server::{Server, connect, refused};

const SCRAM: &str = r"user=by_scram password='it\'s: \\ secret'";

#[tokio::test]
async fn every_kind_of_password_is_taken_with_and_without_tls() {
    let server = Server::shared().await;
    for mode in ["disable", "require"] {
        for login in [SCRAM, "user=by_md5 password=hashed", "user=by_password password=clear"] {
            connect(&server.at(&format!("{login} sslmode={mode}"))).await.unwrap();
        }
        for user in ["by_scram", "by_md5", "by_password"] {
            let said = refused(&server.at(&format!("user={user} password=wrong sslmode={mode}"))).await;
            assert!(said.contains("SQLSTATE 28P01"), "{user}: {said}");
            let said = refused(&server.at(&format!("user={user} sslmode={mode} passfile=/no/such/file"))).await;
            assert!(said.contains("password missing"), "{user}: {said}");
        }
    }
}

#[tokio::test]
async fn a_login_can_be_bound_to_its_tls_session() {
    let server = Server::shared().await;
    for (parameters, wanted) in [
        (format!("{SCRAM} sslmode=require channel_binding=require"), true),
        (format!("{SCRAM} sslmode=require channel_binding=disable"), true),
        (format!("{SCRAM} sslmode=disable channel_binding=require"), false),
        // Nothing that could be bound.
        (
            "user=by_md5 password=hashed sslmode=require channel_binding=require".to_owned(),
            false,
        ),
        (
            "user=postgres sslmode=require channel_binding=require".to_owned(),
            false,
        ),
    ] {
        let connected = connect(&server.at(&parameters)).await;
        assert_eq!(connected.is_ok(), wanted, "{parameters}: {:?}", connected.err());
    }
}

#[tokio::test]
async fn a_password_file_has_the_password_of_each_host() {
    let server = Server::shared().await;
    let port = server.port();
    let lines = format!("localhost:{port}:*:by_scram:wrong\n*:{port}:postgres:by_scram:it's\\: \\\\ secret\n");
    let file = server.cluster.write("passwords", &lines).unwrap();
    let with = |host: &str| {
        let file = file.display();
        format!("host={host} port={port} dbname=postgres user=by_scram passfile={file} sslmode=require")
    };
    connect(&with("127.0.0.1")).await.unwrap();
    assert!(refused(&with("localhost")).await.contains("SQLSTATE 28P01"));
    connect(&with("localhost,127.0.0.1")).await.unwrap();
}

#[tokio::test]
async fn a_password_file_that_others_can_read_is_told_of() {
    use std::os::unix::fs::PermissionsExt;

    let server = Server::shared().await;
    let file = server.cluster.write("open-passwords", "*:*:*:*:clear\n").unwrap();
    let text = server.at(&format!("user=by_password passfile={}", file.display()));
    connect(&text).await.unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = refused(&text).await;
    assert!(said.contains("password missing") && said.contains("0600"), "{said}");
}

#[tokio::test]
async fn a_dead_host_is_passed_over_and_the_kind_of_server_is_looked_at() {
    let server = Server::shared().await;
    let port = server.port();
    // Nobody listens where nobody may: a privileged port that has no use.
    let hosts =
        |user: &str, attrs: &str| format!("host=127.0.0.1,127.0.0.1 port=1,{port} dbname=postgres user={user} {attrs}");
    connect(&hosts("postgres", "")).await.unwrap();
    connect(&hosts("postgres", "target_session_attrs=read-write"))
        .await
        .unwrap();
    connect(&hosts("reader", "target_session_attrs=read-only"))
        .await
        .unwrap();
    connect(&hosts("postgres", "target_session_attrs=prefer-standby"))
        .await
        .unwrap();
    for (user, attrs, wanted) in [
        ("reader", "read-write", "sessions are read-only"),
        ("postgres", "read-only", "sessions are not read-only"),
        ("postgres", "standby", "the server is not a standby"),
    ] {
        let said = refused(&hosts(user, &format!("target_session_attrs={attrs}"))).await;
        assert!(said.contains("127.0.0.1:1: Connection refused"), "{said}");
        assert!(said.contains(&format!("127.0.0.1:{port}: {wanted}")), "{said}");
    }
}
