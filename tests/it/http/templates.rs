//! Bodies by template, and statuses that mean something else.

use std::path::PathBuf;

use walsift::demo::{Behaviour, Paths};

use crate::world::World;

fn config(world: &World, keys: &str) -> PathBuf {
    world.config(&format!(
        "[syncs.things]\ntable = 'things'\nsink = 'shop_api'\n[sinks.shop_api]\n{keys}"
    ))
}

async fn things() -> World {
    let world = World::new().await;
    world
        .sql(
            "create table things (id bigint primary key, name text, price numeric(10,2));
             insert into things values (9007199254740993, 'Zoë \"Z\"', 7)",
        )
        .await;
    world
}

#[tokio::test]
async fn a_template_makes_the_body_and_keeps_the_numbers() {
    let world = things().await;
    let body = r#"{"name": {{ document.name }}, "price": {{ document.price }}, "key": {{ key }}, "by": {{ sync }}}"#;
    let keys = format!("body = '{body}'\ndelete = {{ method = 'POST', body = '{{\"gone\": {{{{ key.id }}}}}}' }}");
    let _engine = world.synced(&config(&world, &keys)).await;
    let path = "/orders/9007199254740993";
    assert_eq!(
        world.receiver().body(path).unwrap(),
        r#"{"name": "Zoë \"Z\"", "price": 7.00, "key": {"id":9007199254740993}, "by": "things"}"#
    );
    let caused = world.caused_by("delete from things").await;
    assert_eq!(caused, [format!("POST {path}")]);
    assert_eq!(world.receiver().body(path).unwrap(), r#"{"gone": 9007199254740993}"#);
}

/// It cannot be made for this subject; the others do not notice.
#[tokio::test]
async fn a_body_that_cannot_be_made_is_a_dead_letter_of_its_own() {
    let world = things().await;
    let keys = "body = '{{ {\"rate\": 10 / document.id, \"of\": document.name} }}'";
    let _engine = world.synced(&config(&world, keys)).await;
    let caused = world
        .caused_by("insert into things values (0, 'none', 0), (5, 'five', 0)")
        .await;
    assert_eq!(caused, ["PUT /orders/5"]);
    let (state, class): (String, String) = {
        let row = world
            .query_one(
                "select j.state, a.class from walsift.finished_job j join walsift.attempt a on a.job = j.id where j.key = '0'",
                &[],
            )
            .await;
        (row.get(0), row.get(1))
    };
    assert_eq!((state.as_str(), class.as_str()), ("failed", "configuration"));
}

#[tokio::test]
async fn statuses_mean_what_the_configuration_says() {
    let world = things().await;
    world.receiver().rule(Paths::All, Behaviour::ApplyThenAnswer(409));
    let _engine = world.synced(&config(&world, "ok = ['2xx', 409]\nreject = 503")).await;
    world.receiver().clear_rules();
    world.receiver().rule(Paths::All, Behaviour::answer(503));
    // Once, and not again.
    let caused = world.caused_by("update things set name = 'Ada'").await;
    assert_eq!(caused, ["PUT /orders/9007199254740993"]);
    let state: String = world.value("select state from walsift.finished_job").await;
    assert_eq!(state, "failed");
}
