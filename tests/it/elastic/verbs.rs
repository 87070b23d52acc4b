//! What the program says about the sink.

use serde_json::Value;

use super::search::Search;
use super::server::{Behaviour, On};

async fn said(search: &Search, arguments: &[&str]) -> (i32, String) {
    let output = search.world.walsift(arguments).await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[tokio::test]
async fn check_reaches_the_index_and_sends_nothing() {
    let search = Search::with(1).await;
    let config = search.config("auth = { basic = { user = 'walsift', password = 'hunter2' } }");
    let check = ["check", "--config", config.to_str().unwrap()];
    let url = search.elastic.url();
    let (status, text) = said(&search, &check).await;
    let wanted = format!("sink `search`: HEAD {url}/things: 404 Not Found\n");
    assert!(status == 0 && text.starts_with(&wanted), "{text}");
    assert!(!text.contains("would fail"), "{text}");
    search.elastic.look(|cluster, journal| {
        assert!(!cluster.exists("things"));
        assert_eq!(journal.requests().len(), 1);
    });

    search.elastic.let_in(&[]);
    let (status, text) = said(&search, &check).await;
    let warning =
        "warning: deliveries to the sink `search` would fail: the credentials are not accepted: 401 Unauthorized";
    assert!(
        status == 0 && text.contains(warning) && !text.contains("hunter2"),
        "{text}"
    );

    search.elastic.let_in(&["Basic d2Fsc2lmdDpodW50ZXIy"]);
    search.elastic.rule(On::Look, Behaviour::answer(403));
    let (_, text) = said(&search, &check).await;
    assert!(!text.contains("would fail"), "{text}");
    let auth = "auth = { basic = { user = 'walsift', password = 'hunter2' } }";
    let config = search.config_with_mapping(auth);
    let check = ["check", "--config", config.to_str().unwrap()];
    let (_, text) = said(&search, &check).await;
    let warning =
        "warning: deliveries to the sink `search` would fail: the index could not be looked for: 403 Forbidden";
    assert!(text.contains(warning), "{text}");

    search.elastic.stop().await;
    let (status, text) = said(&search, &check).await;
    let warning = "warning: deliveries to the sink `search` would fail: could not connect: ";
    assert!(status == 0 && text.contains(warning), "{text}");
}

#[tokio::test]
async fn a_dry_run_shows_the_request_that_is_sent_then() {
    let search = Search::with(2).await;
    let sink = "pipeline = 'tidy'\nrouting = 'r{id}'\nauth = { basic = { user = 'walsift', password = 'hunter2' } }";
    let config = search.config(sink);
    let file = config.to_str().unwrap();
    let arguments = [
        "publish",
        "--dry-run",
        "--json",
        "--config",
        file,
        "--sync",
        "things",
        "--key",
        "2",
    ];
    let (status, text) = said(&search, &arguments).await;
    assert!(status == 0 && !text.contains("hunter2"), "{text}");
    let previews: Value = serde_json::from_str(&text).unwrap();
    let preview = previews["previews"][0]["request"].as_str().unwrap();
    let (head, body) = preview.split_once("\n\n").unwrap();
    assert!(head.starts_with("POST /things/_bulk?filter_path="), "{head}");
    assert!(
        head.contains("&pipeline=tidy ") && head.contains("authorization: ***"),
        "{head}"
    );
    search
        .elastic
        .look(|_, journal| assert_eq!(journal.requests().len(), 0));

    search
        .elastic
        .change(|cluster| cluster.pipelines.insert("tidy".to_owned()));
    search.world.sql("delete from things where id <> 2").await;
    let _engine = search.synced(&config).await;
    search.elastic.look(|_, journal| {
        let sent = journal.bulks().next().unwrap();
        assert_eq!(unversioned(&sent.body), unversioned(body));
    });
}

/// The version that is shown is the next one at that time.
fn unversioned(lines: &str) -> Vec<Value> {
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let without = lines.map(|mut line| {
        if let Some(about) = line.get_mut("index").and_then(Value::as_object_mut) {
            assert!(about.remove("version").is_some_and(|version| version.is_i64()));
        }
        line
    });
    without.collect()
}
