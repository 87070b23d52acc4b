//! A program that was built without it.

use crate::world::World;

#[tokio::test]
async fn check_says_how_to_get_it() {
    let world = World::new().await;
    world.sql("create table things (id int primary key)").await;
    let config = world.config(
        "[sinks.shop_api]\ntype = 'kafka'\nbrokers = 'k:9092'\ntopic = 'things'\n[syncs.things]\ntable = 'things'\nsink = 'shop_api'",
    );
    let checked = world.walsift(&["check", "--config", config.to_str().unwrap()]).await;
    let said = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(
        said.contains("this program was built without the sink type \"kafka\""),
        "{said}"
    );
    assert!(
        said.contains("type = \"kafka\"") && said.contains("--features kafka"),
        "{said}"
    );
}
