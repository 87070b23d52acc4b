//! Passwords that are replaced while the engine runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use walsift::demo::ClusterSettings;

use super::server::{port, refused};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

/// A role that needs a password over TCP, and its first one.
async fn guarded(world: &World) {
    let hba = "local all all trust\nhost all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
    world
        .sql("create role app superuser replication login password 'first'")
        .await;
    world.cluster().write("data/pg_hba.conf", hba).unwrap();
    world.sql("select pg_reload_conf()").await;
    let wrong = format!("{}?sslmode=disable", as_app(world, ":wrong"));
    let asks = async || refused_or_let_in(&wrong).await.then_some(());
    eventually(DEADLINE, "the server asks for the password", asks).await;
}

async fn refused_or_let_in(url: &str) -> bool {
    super::server::connect(url).await.is_err()
}

fn as_app(world: &World, password: &str) -> String {
    world.url().replacen("postgres@", &format!("app{password}@"), 1)
}

/// The engine's sessions end, and only the new password opens others.
async fn rotate(world: &World, file: &Path, text: &str) {
    world.sql("alter role app password 'second'").await;
    write(file, text);
    world
        .sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
        .await;
    let said = refused(&as_app(world, ":first")).await;
    assert!(said.contains("SQLSTATE 28P01"), "{said}");
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The world's configuration with another connection.
fn config(world: &World, source: &str) -> std::path::PathBuf {
    let written = fs::read_to_string(world.config(SHOP)).unwrap();
    let own = format!("url = \"{}\"", world.url());
    assert!(written.contains(&own), "{written}");
    let file = world.folder().join("guarded.toml");
    fs::write(&file, written.replacen(&own, source, 1)).unwrap();
    file
}

async fn goes_on_after_a_rotation(source: impl Fn(&World, &Path) -> String, text: impl Fn(&World, &str) -> String) {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(3, 5).await;
    guarded(&world).await;
    let file = world.folder().join("secret");
    write(&file, &text(&world, "first"));
    let engine = world.engine(&config(&world, &source(&world, &file)));
    world.settled().await;
    rotate(&world, &file, &text(&world, "second")).await;
    world.sql("update customers set last_name = 'Lovelace'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    drop(engine);
}

#[tokio::test]
async fn a_new_password_in_the_file_of_the_url_is_used_without_a_restart() {
    let source = |_: &World, file: &Path| format!("url = \"file:{}\"", file.display());
    goes_on_after_a_rotation(source, |world, password| as_app(world, &format!(":{password}"))).await;
}

#[tokio::test]
async fn a_new_password_in_the_file_of_the_password_is_used_without_a_restart() {
    let source = |world: &World, file: &Path| {
        let database = world.url().rsplit('/').next().unwrap().to_owned();
        let (port, file) = (port(&world.cluster()), file.display());
        format!(
            "host = \"127.0.0.1\"\nport = {port}\nuser = \"app\"\ndatabase = \"{database}\"\npassword = \"file:{file}\""
        )
    };
    goes_on_after_a_rotation(source, |_, password| format!("{password}\n")).await;
}

#[tokio::test]
async fn a_new_password_in_the_password_file_is_used_without_a_restart() {
    let source = |world: &World, file: &Path| format!("url = \"{}?passfile={}\"", as_app(world, ""), file.display());
    goes_on_after_a_rotation(source, |_, password| format!("127.0.0.1:*:*:app:{password}\n")).await;
}
