//! G13: secrets stay secret: not in logs, errors, metrics, the API, or what `check` prints.

use std::process::Output;

use walsift::demo::{Behaviour, ClusterSettings, Paths, Shutdown};

use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, http_client};

const SECRETS: [&str; 10] = [
    "swordfish-password",
    "swordfish-state-password",
    "swordfish-header",
    "swordfish-bearer",
    "swordfish-query",
    "swordfish-token",
    "swordfish-client-secret",
    "swordfish-audience",
    "swordfish-access-token",
    "c3dvcmRmaXNoLXNpZ25pbmctc2VjcmV0",
];

fn assert_no_secret_in(what: &str, text: &str) {
    for secret in SECRETS {
        for line in text.lines() {
            assert!(!line.contains(secret), "{secret} is in {what}: {line}");
        }
    }
}

async fn admin(url: &str) -> (u16, String) {
    let answer = http_client().get(url).bearer_auth(SECRETS[5]).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn g13_secrets_are_in_no_log_no_metric_no_answer_and_no_record() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(2, 10).await;
    let with = |password: &str| world.url().replacen("postgres@", &format!("postgres:{password}@"), 1);
    let config = world.config(&format!(
        "{SHOP}
         [source]
         url = \"{}\"
         heartbeat = \"100ms\"
         [state]
         url = \"{}\"
         [admin]
         token = \"{}\"
         [sinks.shop_api]
         type = \"http\"
         url = \"{}/orders/{{id}}?key={}\"
         headers = {{ X-Api-Key = \"{}\", X-Other-Key = \"Bearer {}\" }}
         auth.oauth2 = {{ token_url = \"{}/token\", client_id = \"w\", client_secret = \"{}\", parameters.audience = \"{}\" }}
         sign = \"whsec_{}\"
         retry = {{ attempts = 100, base = \"10ms\", max = \"50ms\" }}",
        with(SECRETS[0]),
        with(SECRETS[1]),
        SECRETS[5],
        world.receiver().url(),
        SECRETS[4],
        SECRETS[2],
        SECRETS[3],
        world.receiver().url(),
        SECRETS[6],
        SECRETS[7],
        SECRETS[9],
    ));
    let of_the_sink = [2, 3, 4, 6, 7, 9];
    // Servers are known to repeat what they were told.
    let repeating = |status, headers: &[(&str, String)]| Behaviour::Answer {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        body: format!("you said {}", of_the_sink.map(|secret| SECRETS[secret]).join(" and ")),
    };
    let granting = Behaviour::Answer {
        status: 200,
        headers: Vec::new(),
        body: format!(r#"{{"access_token": "{}"}}"#, SECRETS[8]),
    };
    world.receiver().rule(Paths::exact("/token"), granting);
    world
        .receiver()
        .rule_for_next(1, Paths::exact("/token"), repeating(401, &[]));
    let orders = || Paths::prefix("/orders/");
    world.receiver().rule_for_next(2, orders(), Behaviour::Cut);
    world.receiver().rule_for_next(2, orders(), repeating(500, &[]));
    world.receiver().rule_for_next(1, orders(), repeating(403, &[]));
    let location = format!("/elsewhere/{}/{}?key={}", SECRETS[2], SECRETS[8], SECRETS[4]);
    world
        .receiver()
        .rule_for_next(1, orders(), repeating(302, &[("Location", location)]));
    let engine = world.engine_with(&config, &[("WALSIFT_LOG", "trace")]);
    let readyz = engine.admin_url("/readyz").await;
    let metrics = engine.admin_url("/metrics").await;
    world.settled().await;
    assert_eq!(http_client().get(&readyz).send().await.unwrap().status(), 401);
    assert_eq!(admin(&readyz).await.0, 200);

    let config = config.to_str().unwrap();
    let check = async |arguments: &[&str]| {
        let arguments = [&["check", "--config", config, "--log-level", "trace"], arguments].concat();
        text(&world.walsift(&arguments).await)
    };
    let checked = check(&["--print-config"]).await;
    assert!(checked.contains("shop_api"), "{checked}");
    assert_no_secret_in("check --print-config", &checked);
    assert_no_secret_in("check --json", &check(&["--json"]).await);
    assert_no_secret_in("/metrics", &admin(&metrics).await.1);
    let messages = world
        .query("select coalesce(message, '') from walsift.attempt", &[])
        .await;
    assert!(messages.len() >= 6);
    for message in messages {
        assert_no_secret_in("an attempt", message.get(0));
    }

    // And when the databases are away, which is said with where they should be.
    world.cluster().halt(Shutdown::Immediate).await.unwrap();
    let not_ready = async || {
        let (status, body) = admin(&readyz).await;
        (status == 503).then_some(body)
    };
    let body = eventually(DEADLINE, "not ready", not_ready).await;
    assert_no_secret_in("/readyz", &body);
    let checked = check(&[]).await;
    assert!(checked.contains("127.0.0.1"), "{checked}");
    assert_no_secret_in("check without a database", &checked);
    world.cluster().resume().await.unwrap();
    eventually(DEADLINE, "ready", async || {
        (admin(&readyz).await.0 == 200).then_some(())
    })
    .await;

    let log = engine.log();
    assert!(
        log.iter().any(|line| line.contains("\"TRACE\"")),
        "it was told to say all"
    );
    assert_no_secret_in("the log", &log.join("\n"));
    assert_no_secret_in("the output", &engine.output().join("\n"));
    world.receiver().clear_rules();
    let divergence = world.divergence(SHOP_ORDERS, "/orders/").await;
    assert!(divergence.is_some(), "the key is a part of the path");
}

#[tokio::test]
async fn g13_secrets_in_a_refused_configuration_are_not_repeated() {
    let world = World::new().await;
    let config = world.config(&format!(
        "{SHOP}
         [source]
         url = \"postgresql://postgres:{}@127.0.0.1:1:1/x\"
         [admin]
         token = \"{} \"
         lisen = \"x\"
         [sinks.shop_api]
         type = \"http\"
         url = \"htp://u:{}@host/{{id}}?key={}\"
         headers = {{ \"X Api Key\" = \"{}\", Authorization = \"Bearer {}\\n\" }}",
        SECRETS[0], SECRETS[5], SECRETS[1], SECRETS[4], SECRETS[2], SECRETS[3]
    ));
    let output = world.walsift(&["check", "--config", config.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output);
    assert!(said.contains("lisen"), "{said}");
    assert_no_secret_in("check", &said);
    let output = world.walsift(&["run", "--config", config.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2));
    assert_no_secret_in("run", &text(&output));
}
