//! The server of these tests: that it behaves as the tests of Elasticsearch and OpenSearch say theirs does.

use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Behaviour, Elastic, Fault, On, Product};
use crate::world::http_client;

async fn ask(elastic: &Elastic, method: Method, path: &str, body: &str) -> (u16, Value) {
    let request = http_client().request(method, elastic.url() + path);
    let request = request.header("content-type", "application/x-ndjson");
    let answer = request.body(body.to_owned()).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn bulk(elastic: &Elastic, lines: &[Value]) -> (u16, Value) {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    ask(elastic, Method::POST, "/orders/_bulk", &(lines.join("\n") + "\n")).await
}

fn about(id: &str, version: i64) -> Value {
    json!({ "_id": id, "version": version, "version_type": "external" })
}

async fn index(elastic: &Elastic, version: i64) -> (Value, Value) {
    let (_, answer) = bulk(
        elastic,
        &[json!({ "index": about("1", version) }), json!({ "n": version })],
    )
    .await;
    let item = &answer["items"][0]["index"];
    (item["status"].clone(), item["result"].clone())
}

async fn delete(elastic: &Elastic, version: i64) -> (Value, Value) {
    let (_, answer) = bulk(elastic, &[json!({ "delete": about("1", version) })]).await;
    let item = &answer["items"][0]["delete"];
    (item["status"].clone(), item["result"].clone())
}

/// `index/35_external_version.yml`, `delete/25_external_version.yml`
#[tokio::test]
async fn versions_only_rise_and_deletes_are_remembered() {
    let elastic = Elastic::new().await;
    assert_eq!(index(&elastic, 0).await, (json!(201), json!("created")));
    assert_eq!(index(&elastic, 5).await, (json!(200), json!("updated")));
    assert_eq!(index(&elastic, 5).await, (json!(409), Value::Null));
    assert_eq!(index(&elastic, 0).await, (json!(409), Value::Null));
    assert_eq!(delete(&elastic, 4).await, (json!(409), Value::Null));
    assert_eq!(delete(&elastic, 6).await, (json!(200), json!("deleted")));
    assert_eq!(delete(&elastic, 6).await, (json!(409), Value::Null));
    assert_eq!(index(&elastic, 6).await, (json!(409), Value::Null));
    assert_eq!(delete(&elastic, 7).await, (json!(404), json!("not_found")));
    assert_eq!(index(&elastic, 7).await, (json!(409), Value::Null));
    elastic.change(|cluster| cluster.index_mut("orders").unwrap().forget_deletes());
    assert_eq!(index(&elastic, 3).await, (json!(201), json!("created")));
    elastic.look(|_, journal| {
        assert_eq!(journal.went_back(), ["1"]);
        assert_eq!(journal.changes()["1"], 4);
    });
}

/// `bulk/10_basic.yml`
#[tokio::test]
async fn lines_are_read_strictly() {
    let elastic = Elastic::new().await;
    let cases = [
        (
            "{\"index\":{}}\n{}",
            "The bulk request must be terminated by a newline [\\n]",
        ),
        ("", "Validation Failed: 1: no requests added;"),
        (
            "{}\n",
            "Malformed action/metadata line [1], expected FIELD_NAME but found [END_OBJECT]",
        ),
        (
            "{\"remove\":{}}\n",
            "Malformed action/metadata line [1], expected field [create], [delete], [index] or [update] but found [remove]",
        ),
        (
            "{\"delete\":{\"_routing\":\"a\"}}\n",
            "Action/metadata line [1] contains an unknown parameter [_routing]",
        ),
    ];
    for (body, reason) in cases {
        let (status, answer) = ask(&elastic, Method::POST, "/orders/_bulk", body).await;
        assert_eq!((status, &answer["error"]["reason"]), (400, &json!(reason)), "{body}");
    }
    let long = bulk(&elastic, &[json!({ "delete": about(&"x".repeat(513), 1) })]).await;
    assert_eq!(
        (long.0, &long.1["error"]["type"]),
        (400, &json!("action_request_validation_exception"))
    );
    let (_, empty) = bulk(&elastic, &[json!({ "delete": about("", 1) })]).await;
    let reason = &empty["items"][0]["delete"]["error"]["reason"];
    assert_eq!(reason, "if _id is specified it must not be empty");
}

#[tokio::test]
async fn what_is_asked_for_is_answered() {
    let elastic = Elastic::new().await;
    bulk(&elastic, &[json!({ "index": about("1", 1) }), json!({ "n": 1 })]).await;
    let lines = format!("{}\n{}\n", json!({ "index": about("1", 1) }), json!({ "n": "x" }));
    let path = "/orders/_bulk?filter_path=items.*.status,items.*.error.reason,items.*.error.caused_by.reason";
    let (_, answer) = ask(&elastic, Method::POST, path, &lines).await;
    // The mapping is looked at before the version.
    let error = json!({
        "reason": "[1:1] failed to parse field [n] of type [long] in document with id '1'. Preview of field's value: 'x'",
        "caused_by": { "reason": "For input string: \"x\"" },
    });
    assert_eq!(
        answer,
        json!({ "items": [{ "index": { "status": 400, "error": error } }] })
    );
}

#[tokio::test]
async fn indexes_are_made_and_named() {
    let elastic = Elastic::of(Product::OpenSearch).await;
    let text = |kind: &str| json!({ "mappings": { "properties": { "n": { "type": kind } } } }).to_string();
    let (status, answer) = ask(&elastic, Method::PUT, "/orders", &text("strange")).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("mapper_parsing_exception"))
    );
    assert_eq!(ask(&elastic, Method::HEAD, "/orders", "").await.0, 404);
    assert_eq!(ask(&elastic, Method::PUT, "/orders", &text("long")).await.0, 200);
    assert_eq!(ask(&elastic, Method::HEAD, "/orders", "").await.0, 200);
    let (status, answer) = ask(&elastic, Method::PUT, "/orders", &text("long")).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("resource_already_exists_exception"))
    );
    elastic.change(|cluster| cluster.delete("orders"));
    elastic.change(|cluster| cluster.auto_create = false);
    assert_eq!(delete(&elastic, 1).await.0, json!(404));
    assert_eq!(ask(&elastic, Method::HEAD, "/orders", "").await.0, 404);
}

#[tokio::test]
async fn it_misbehaves_as_it_is_told() {
    let elastic = Elastic::new().await;
    elastic.rule_for_next(1, On::Bulk, Behaviour::answer(503));
    elastic.fail_items(1, Some(&["1"]), Fault::busy(Product::Elasticsearch));
    elastic.apply_and_fail_items(1, None, Fault::no_shard());
    let (status, _) = bulk(&elastic, &[json!({ "delete": about("1", 1) })]).await;
    assert_eq!(status, 503);
    assert_eq!(index(&elastic, 1).await.0, json!(429));
    assert_eq!(index(&elastic, 1).await.0, json!(503));
    assert_eq!(index(&elastic, 1).await.0, json!(409));
    elastic.stop().await;
    let away = http_client().get(elastic.url()).send().await;
    assert!(away.is_err());
    elastic.start().await;
    assert_eq!(index(&elastic, 2).await.0, json!(200));
    elastic.let_in(&["ApiKey a2V5"]);
    let (status, answer) = ask(&elastic, Method::GET, "/", "").await;
    let reason = json!("missing authentication credentials for REST request [/]");
    assert_eq!((status, &answer["error"]["reason"]), (401, &reason));
}

/// `indices.update_aliases/10_basic.yml`, `30_remove_index_and_replace_with_alias.yml`
#[tokio::test]
async fn aliases_move_all_at_once_or_not_at_all() {
    let elastic = Elastic::new().await;
    for index in ["a", "b", "c"] {
        elastic.create(index, &json!({}));
    }
    let act = async |actions: Value| {
        ask(
            &elastic,
            Method::POST,
            "/_aliases",
            &json!({ "actions": actions }).to_string(),
        )
        .await
        .0
    };
    let leads_to = async || {
        let (_, about) = ask(&elastic, Method::GET, "/orders?filter_path=*.aliases", "").await;
        about
            .as_object()
            .map(|about| about.keys().cloned().collect::<Vec<_>>())
            .unwrap()
    };
    let about = |index: &str| json!({ "index": index, "alias": "orders" });
    assert_eq!(act(json!([{ "add": about("a") }])).await, 200);
    assert_eq!(leads_to().await, ["a"]);
    // The second action cannot be done, so the first one is not either.
    assert_eq!(
        act(json!([{ "remove": about("a") }, { "add": about("missing") }])).await,
        404
    );
    assert_eq!(leads_to().await, ["a"]);
    assert_eq!(act(json!([{ "remove": about("b") }, { "add": about("c") }])).await, 404);
    assert_eq!(leads_to().await, ["a"]);
    assert_eq!(act(json!([{ "add": { "index": "a", "alias": "b" } }])).await, 400);
    assert_eq!(act(json!([{ "remove": about("a") }, { "add": about("b") }])).await, 200);
    assert_eq!(leads_to().await, ["b"]);
    elastic.change(|cluster| cluster.delete("b"));
    assert_eq!(ask(&elastic, Method::GET, "/orders", "").await.0, 404);
}
