//! Tokens, from a receiver that plays the server for them.

use walsift::demo::{Behaviour, Paths};

use crate::world::{SHOP, World};

fn granting(token: &str) -> Behaviour {
    Behaviour::Answer {
        status: 200,
        headers: Vec::new(),
        body: format!(r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": 3600}}"#),
    }
}

fn with_tokens(world: &World) -> String {
    let url = world.receiver().url();
    format!(
        "{SHOP}
         [sinks.shop_api]
         type = \"http\"
         url = \"{url}/orders/{{id}}\"
         retry = {{ attempts = 100, base = \"10ms\", max = \"50ms\" }}
         [sinks.shop_api.auth.oauth2]
         token_url = \"{url}/token\"
         client_id = \"walsift\"
         client_secret = \"hunter2\""
    )
}

fn count(requests: &[String], path: &str) -> usize {
    requests.iter().filter(|request| request.ends_with(path)).count()
}

#[tokio::test]
async fn one_token_lets_every_delivery_in_until_it_is_refused() {
    let world = World::with_shop().await;
    world.stock_shop(2, 20).await;
    world.receiver().rule(Paths::exact("/token"), granting("first"));
    let engine = world.synced(&world.config(&with_tokens(&world))).await;
    assert_eq!(count(&world.requests(), "/token"), 1);

    world
        .receiver()
        .rule_for_next(1, Paths::prefix("/orders/"), Behaviour::answer(401));
    let caused = world.caused_by("update orders set status = 'paid' where id = 1").await;
    assert_eq!(caused, ["POST /token", "PUT /orders/1", "PUT /orders/1"]);
    // It was one try, and a good one.
    assert_eq!(world.value::<i64>("select count(*) from walsift.attempt").await, 0);
    drop(engine);
}

#[tokio::test]
async fn without_a_token_jobs_wait_and_nothing_is_sent() {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    world
        .receiver()
        .rule_for_next(3, Paths::exact("/token"), Behaviour::answer(503));
    world
        .receiver()
        .rule_for_next(3, Paths::exact("/token"), Behaviour::answer(401));
    world.receiver().rule(Paths::exact("/other"), granting("unused"));
    let file = world.config(&with_tokens(&world));
    let output = world.walsift(&["check", "--config", file.to_str().unwrap()]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no access token: 401 Unauthorized"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let engine = world.engine(&file);
    world
        .receiver()
        .wait_for_requests(6, crate::world::DEADLINE)
        .await
        .unwrap();
    world.receiver().rule(Paths::exact("/token"), granting("good"));
    world.settled().await;
    let classes = world
        .query(
            "select distinct class, certain from walsift.attempt where outcome = 'retry' order by 1",
            &[],
        )
        .await;
    let classes: Vec<(String, bool)> = classes.iter().map(|row| (row.get(0), row.get(1))).collect();
    let certain = |class: &str| (class.to_owned(), true);
    assert_eq!(classes, [certain("configuration"), certain("server_error")]);
    assert_eq!(count(&world.requests(), "/orders/1"), 1);
    drop(engine);
}
