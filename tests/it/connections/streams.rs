//! The replication stream finds and secures its server in the same ways.

use tokio_postgres::types::PgLsn;
use walsift::pg::ConnectError;
use walsift::wal::{Event, Lsn, Reading, Session, StreamError, WalSource};

use super::server::Server;

async fn open(text: &str) -> Result<Session, StreamError> {
    Session::open(&text.parse().unwrap()).await
}

#[tokio::test]
async fn every_kind_of_login_is_taken_and_a_wrong_one_refused() {
    let server = Server::shared().await;
    let scram = r"user=by_scram password='it\'s: \\ secret'";
    let cert = format!(
        "user=by_cert sslmode=require sslcert={} sslkey={}",
        server.client_cert.display(),
        server.client_key.display()
    );
    for (parameters, wanted) in [
        (format!("{scram} sslmode=disable"), Ok(())),
        (format!("{scram} sslmode=require channel_binding=require"), Ok(())),
        (format!("{scram} sslmode=require channel_binding=disable"), Ok(())),
        (format!("{scram} sslmode=disable channel_binding=require"), Err(None)),
        ("user=by_md5 password=hashed".to_owned(), Ok(())),
        ("user=by_password password=clear".to_owned(), Ok(())),
        (
            "user=by_md5 password=hashed sslmode=require channel_binding=require".to_owned(),
            Err(None),
        ),
        ("user=by_scram password=wrong".to_owned(), Err(Some("28P01"))),
        ("user=by_md5 password=wrong".to_owned(), Err(Some("28P01"))),
        ("user=by_password password=wrong".to_owned(), Err(Some("28P01"))),
        (cert, Ok(())),
    ] {
        let opened = open(&server.at(&parameters)).await;
        let answer = opened.as_ref().map(|_| ()).map_err(|error| match error {
            StreamError::Connect(error) => error.sqlstate(),
            other => panic!("{parameters}: {other:?}"),
        });
        assert_eq!(answer, wanted, "{parameters}: {:?}", opened.as_ref().err());
    }
}

#[tokio::test]
async fn a_stream_goes_over_a_verified_connection() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    for statement in [
        "create table streamed (n int, text text)",
        "create publication streamed for table streamed",
        "select pg_create_logical_replication_slot('streamed', 'pgoutput')",
    ] {
        admin.batch_execute(statement).await.unwrap();
    }
    let with = |root: &std::path::Path| {
        let root = root.display();
        server.at(&format!(
            r"user=by_scram password='it\'s: \\ secret' sslmode=verify-full sslrootcert={root}"
        ))
    };
    let refused = open(&with(&server.other_root)).await.unwrap_err();
    assert!(
        matches!(refused, StreamError::Connect(ConnectError::Refused { .. })),
        "{refused:?}"
    );

    let reading = Reading {
        slot: "streamed".to_owned(),
        publication: "streamed".to_owned(),
        start: Lsn::ZERO,
        buffer_bytes: 1 << 20,
        patience: 1,
    };
    let session = open(&with(&server.root)).await.unwrap();
    let mut stream = session.start(&reading).await.unwrap();
    let row = admin
        .query_one(
            "select ssl from pg_stat_ssl join pg_replication_slots on pid = active_pid where slot_name = 'streamed'",
            &[],
        )
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    // More than one record of TLS, and more than one read.
    admin
        .batch_execute("insert into streamed select n, repeat('x', 10000) from generate_series(1, 500) n")
        .await
        .unwrap();
    let mut bytes = 0;
    let end_lsn = loop {
        match stream.next().await.unwrap() {
            Event::Data(row) => bytes += row.len(),
            Event::Commit { end_lsn, .. } => break end_lsn,
            _ => {}
        }
    };
    assert!(bytes > 5_000_000);
    stream.confirm(end_lsn);
    stream.close().await;
    let statement = "select active, confirmed_flush_lsn from pg_replication_slots where slot_name = 'streamed'";
    let row = admin.query_one(statement, &[]).await.unwrap();
    let state = (row.get::<_, bool>(0), Lsn(row.get::<_, PgLsn>(1).into()));
    assert_eq!(state, (false, end_lsn));
}
