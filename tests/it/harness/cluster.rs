//! The throwaway Postgres.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio_postgres::NoTls;
use walsift::demo::{Cluster, ClusterError, ClusterSettings, Shutdown};

use crate::world::{DEADLINE, World, eventually};

/// Where a child process is told that it is one.
const CHILD: &str = "WALSIFT_TEST_CHILD";

#[tokio::test]
async fn a_cluster_answers_over_tcp_and_over_its_socket() {
    let settings = ClusterSettings {
        max_slot_wal_keep_size: Some("48MB".to_owned()),
        ..ClusterSettings::default().with("wal_sender_timeout", "7s")
    };
    let cluster = Cluster::start(settings).await.unwrap();
    cluster.create_database("a \"b\"/c").await.unwrap();
    for url in [cluster.url("a \"b\"/c"), cluster.socket_url("a \"b\"/c")] {
        let show = |name: &'static str| value(&url, name);
        assert_eq!(show("select current_database()").await, "a \"b\"/c");
        assert_eq!(show("select current_setting('wal_level')").await, "logical");
        assert_eq!(show("select current_setting('wal_sender_timeout')").await, "7s");
        assert_eq!(show("select current_setting('max_slot_wal_keep_size')").await, "48MB");
    }
    cluster.stop().await.unwrap();
}

/// Asked for by `make test-matrix`.
#[tokio::test]
async fn the_server_is_of_the_major_version_that_was_asked_for() {
    let Ok(asked) = std::env::var("WALSIFT_PG_MAJOR") else {
        return;
    };
    assert_eq!(World::new().await.major().await.to_string(), asked);
}

#[tokio::test]
async fn what_was_committed_survives_every_kind_of_restart() {
    let world = World::apart(ClusterSettings::default()).await;
    world.sql("create table t (n int)").await;
    let url = world.url();
    for how in [Shutdown::Fast, Shutdown::Immediate, Shutdown::Kill] {
        world.sql("insert into t values (1)").await;
        // A session in mid-transaction does not keep the server from going.
        let other = world.connect().await;
        other.batch_execute("begin; insert into t values (100)").await.unwrap();
        world.cluster().restart(how).await.unwrap();
        assert_eq!(world.url(), url);
    }
    // The sum, too, so that rows of the open transactions would show.
    let row = eventually(DEADLINE, "a new session", async || {
        world
            .client()
            .await
            .query_one("select count(*), sum(n) from t", &[])
            .await
            .ok()
    });
    let row = row.await;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (3, 3));
}

#[tokio::test]
async fn a_killed_server_is_down_until_it_is_resumed() {
    let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
    cluster.kill().await.unwrap();
    assert!(tokio_postgres::connect(&cluster.url("postgres"), NoTls).await.is_err());
    cluster.resume().await.unwrap();
    assert_eq!(value(&cluster.url("postgres"), "select 'up'").await, "up");
    assert!(
        cluster.log().contains("automatic recovery in progress"),
        "{}",
        cluster.log()
    );
}

#[tokio::test]
async fn a_dropped_cluster_leaves_nothing() {
    let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
    let folder = folder(&cluster);
    let server = postmaster(&folder);
    assert!(server.exists());
    drop(cluster);
    assert!(!folder.exists());
    assert!(!server.exists());
}

#[tokio::test]
async fn a_cluster_dropped_while_its_server_is_dead_leaves_nothing() {
    let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
    let folder = folder(&cluster);
    cluster.kill().await.unwrap();
    let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let memory = lock
        .lines()
        .nth(6)
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap()
        .to_owned();
    let has_memory = || {
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        segments
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(memory.as_str()))
    };
    assert!(has_memory());
    drop(cluster);
    assert!(!folder.exists());
    assert!(!has_memory());
}

#[tokio::test]
async fn a_stopped_cluster_leaves_nothing() {
    let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
    let folder = folder(&cluster);
    let server = postmaster(&folder);
    cluster.stop().await.unwrap();
    assert!(!folder.exists());
    assert!(!server.exists());
}

#[tokio::test]
async fn a_killed_process_leaves_no_server_and_no_folder() {
    for restarted in ["", "restarted"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "harness::cluster::child_with_a_cluster",
            "--ignored",
            "--nocapture",
        ]);
        let mut child = child
            .env(CHILD, restarted)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let folder = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("folder ").map(PathBuf::from));
        let folder = folder.unwrap();
        let server = postmaster(&folder);
        assert!(server.exists());
        child.kill().unwrap();
        child.wait().unwrap();
        let gone = async || (!folder.exists() && !server.exists()).then_some(());
        eventually(DEADLINE, "server and folder gone", gone).await;
    }
}

/// Not a test: the process that [`a_killed_process_leaves_no_server_and_no_folder`] kills.
#[tokio::test]
#[ignore = "started by another test, in a process of its own"]
async fn child_with_a_cluster() {
    let Ok(how) = std::env::var(CHILD) else { return };
    let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
    if how == "restarted" {
        cluster.restart(Shutdown::Immediate).await.unwrap();
    }
    println!("\nfolder {}", folder(&cluster).display());
    // The parent never writes: this ends with the process.
    let _ = std::io::stdin().read(&mut [0]);
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let settings = ClusterSettings::default().with("shared_preload_libraries", "no_such_library");
    match Cluster::start(settings).await {
        Err(ClusterError::Ended { log }) => assert!(log.contains("no_such_library"), "{log}"),
        other => panic!("{other:?}"),
    }
}

async fn value(url: &str, statement: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(statement, &[]).await.unwrap().get(0)
}

fn folder(cluster: &Cluster) -> PathBuf {
    let inside = cluster.create_folder("files-of-a-test").unwrap();
    fs::write(inside.join("file"), "").unwrap();
    inside.parent().unwrap().to_owned()
}

/// There as long as the server is.
fn postmaster(folder: &Path) -> PathBuf {
    let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    Path::new("/proc").join(lock.lines().next().unwrap())
}
