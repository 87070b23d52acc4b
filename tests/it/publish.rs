//! `walsift publish --dry-run`.

use serde_json::{Value, json};

use crate::world::{SHOP, World};

async fn dry_run(world: &World, config: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let start = ["publish", "--dry-run", "--config", config.to_str().unwrap(), "--sync"];
    let output = world.walsift(&[&start[..], arguments].concat()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn preview(world: &World, config: &std::path::Path, arguments: &[&str], code: i32) -> Value {
    let (status, out, err) = dry_run(world, config, &[arguments, &["--json"]].concat()).await;
    assert_eq!(status, Some(code), "{out}{err}");
    let previews: Value = serde_json::from_str(&out).unwrap();
    previews["previews"][0].clone()
}

/// The lines of a request: its first, its headers, and the body.
fn parts(preview: &Value) -> (String, Vec<String>, String) {
    let (head, body) = preview["request"].as_str().unwrap().split_once("\n\n").unwrap();
    let mut lines = head.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.collect(), body.to_owned())
}

#[tokio::test]
async fn the_verdict_and_the_request_are_shown_and_nothing_is_sent() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let secret = "[sinks.shop_api]\nheaders = { Authorization = \"Bearer pssst\", X-Shop = \"tea\" }";
    let config = world.config(&format!("{SHOP}\n{secret}"));

    // Before anything has run.
    let first = preview(&world, &config, &["orders", "--key", "001"], 0).await;
    assert_eq!((&first["key"], &first["sends"]), (&json!("1"), &json!("upsert")));
    assert_eq!(first["accepted_version"], Value::Null);

    let mut engine = world.synced(&config).await;
    engine.kill9();
    world
        .sql("update orders set status = 'B' where id = 2; delete from orders where id = 3")
        .await;
    world.receiver().clear_journal();
    let versions = "select last_value from walsift.delivery_version";
    let version: i64 = world.value(versions).await;

    let equal = preview(&world, &config, &["orders", "--key", "1"], 0).await;
    assert_eq!((&equal["sends"], &equal["suppressed"]), (&Value::Null, &json!("equal")));
    assert_eq!(equal["digest"], equal["accepted_digest"]);
    let (line, ..) = parts(&equal);
    assert_eq!(line, "PUT /orders/1 HTTP/1.1");

    let changed = preview(&world, &config, &["orders", "--key", "[2]"], 0).await;
    assert_eq!(
        (&changed["sends"], &changed["suppressed"]),
        (&json!("upsert"), &Value::Null)
    );
    assert_ne!(changed["digest"], changed["accepted_digest"]);
    let (_, headers, body) = parts(&changed);
    for wanted in ["authorization: ***", "walsift-key: 2", "walsift-operation: upsert"] {
        assert!(headers.iter().any(|header| header == wanted), "{wanted}: {headers:#?}");
    }
    assert!(
        headers.contains(&format!("walsift-version: {}", version + 1)),
        "{headers:#?}"
    );

    let gone = preview(&world, &config, &["orders", "--key", "3"], 0).await;
    assert_eq!(gone["sends"], "delete");
    let (line, ..) = parts(&gone);
    assert_eq!(line, "DELETE /orders/3 HTTP/1.1");
    let never = preview(&world, &config, &["orders", "--key", "77"], 0).await;
    assert_eq!(
        (&never["sends"], &never["suppressed"]),
        (&Value::Null, &json!("filtered"))
    );

    let (code, text, _) = dry_run(&world, &config, &["orders", "--key", "2"]).await;
    assert_eq!(code, Some(0));
    let verdict = "orders → shop_api, 2\n  verdict      upsert, would be sent\n";
    assert!(text.starts_with(verdict), "{text}");
    assert!(
        text.contains("\n\nPUT /orders/2 HTTP/1.1\n") && !text.contains("pssst"),
        "{text}"
    );
    assert_eq!(world.requests(), Vec::<String>::new());
    assert_eq!(world.value::<i64>(versions).await, version);

    // That is what goes out.
    let _engine = world.engine(&config);
    world.settled().await;
    assert_eq!(world.requests(), ["DELETE /orders/3", "PUT /orders/2"]);
    assert_eq!(world.receiver().body("/orders/2").unwrap(), body);
}

#[tokio::test]
async fn what_cannot_be_shown_is_told() {
    let world = World::new().await;
    world
        .sql("create table things (id int primary key, name text, amount int); insert into things values (1, 'a', 0), (2, null, 1)")
        .await;
    let config = world.config(&format!(
        "[sinks.shop_api]
         type = \"http\"
         url = \"{}/things/{{name}}\"
         [syncs.things]
         table = \"things\"
         sink = \"shop_api\"
         document = {{ id = \"id\", name = \"name\", share = \"100 / amount\" }}",
        world.receiver().url()
    ));
    let unbuildable = preview(&world, &config, &["things", "--key", "1"], 1).await;
    assert!(
        unbuildable["error"].as_str().unwrap().starts_with("division by zero"),
        "{unbuildable}"
    );
    assert_eq!(
        (&unbuildable["sends"], &unbuildable["request"]),
        (&Value::Null, &Value::Null)
    );
    let nameless = preview(&world, &config, &["things", "--key", "2"], 1).await;
    assert_eq!(
        (&nameless["sends"], &nameless["request"]),
        (&json!("upsert"), &Value::Null)
    );
    assert!(nameless["error"].is_string(), "{nameless}");

    for (arguments, told) in [
        (
            ["other", "--key", "1"].as_slice(),
            "there is no sync `other`; there are: things",
        ),
        (
            &["things", "--key", "x"],
            "`x`: `id`: a whole number of its type is wanted",
        ),
        (
            &["things", "--key", "1", "--sink", "y"],
            "sync `things` has the sinks shop_api",
        ),
    ] {
        let (code, _, err) = dry_run(&world, &config, arguments).await;
        assert_eq!((code, err.trim_end()), (Some(2), told));
    }
    let file = config.to_str().unwrap();
    let wet = world
        .walsift(&["publish", "--config", file, "--sync", "things", "--key", "1"])
        .await;
    assert_eq!(wet.status.code(), Some(2));
    let told = "only --dry-run is possible; to send: walsift jobs enqueue --force --sync things --key 1\n";
    assert_eq!(String::from_utf8(wet.stderr).unwrap(), told);
}
