//! Another index beside the one that is written to, and the swap.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::search::{MAPPING, Search, THINGS};
use crate::world::{DEADLINE, Engine, field};

/// The amount is a word now, which the other mapping does not take.
const OTHER_MAPPING: &str = r#"{
    "settings": { "index": { "number_of_shards": 3, "gc_deletes": "600s" } },
    "mappings": {
        "dynamic": "strict",
        "properties": { "id": { "type": "long" }, "name": { "type": "text" }, "amount": { "type": "keyword" } }
    },
    "aliases": { "things": {} }
}"#;

const AND_NOTHING_IN_ITS_WAY: &str = "breaker = { failures = 1000, cooldown = '100ms' }";

/// With so many things in the index `things_1`, to which the alias `things` leads.
async fn aliased(things: u32) -> (Search, PathBuf, Engine) {
    let search = Search::with(things).await;
    search.elastic.create("things_1", &with_alias());
    let config = search.config_with_mapping(AND_NOTHING_IN_ITS_WAY);
    let engine = search.world.engine(&config);
    search.world.settled().await;
    search.assert_holds("things_1", THINGS).await;
    (search, config, engine)
}

fn with_alias() -> Value {
    let mut body: Value = serde_json::from_str(MAPPING).unwrap();
    body["aliases"] = json!({ "things": {} });
    body
}

impl Search {
    /// Exit status, and what was said.
    async fn rebuild(&self, config: &Path, arguments: &[&str]) -> (i32, String) {
        let config = config.to_str().unwrap();
        let all = [&["rebuild"], arguments, &["--config", config]].concat();
        let output = self.world.walsift(&all).await;
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    }

    async fn begins(&self, config: &Path, arguments: &[&str]) {
        let (status, said) = self.rebuild(config, arguments).await;
        assert_eq!(status, 0, "{said}");
    }

    /// The indexes that an alias leads to.
    fn leads_to(&self, alias: &str) -> Vec<String> {
        let about = self.elastic.look(|cluster, _| cluster.about(alias));
        let about = about.map(|about| about.as_object().unwrap().keys().cloned().collect());
        about.unwrap_or_default()
    }

    async fn swapped(&self) {
        self.world
            .wait_until_true("select count(*) = 1 from walsift.rebuild where outcome = 'swapped'")
            .await;
    }

    async fn waits_for(&self, what: &str) {
        let problem = format!("select count(*) = 1 from walsift.rebuild where problem like '%{what}%'");
        self.world.wait_until_true(&problem).await;
    }

    /// Everything of the route that was replaced has gone.
    async fn swept(&self) {
        self.world
            .wait_until_true(
                "select (select count(*) = 1 from walsift.route)
                    and not exists (select from walsift.state where route not in (select id from walsift.route))
                    and not exists (select from walsift.job where route not in (select id from walsift.route))
                    and not exists (select from walsift.visit)",
            )
            .await;
    }

    /// Rows are changed, deleted and inserted.
    async fn live(&self, round: u32) {
        self.world
            .sql(&format!(
                "update things set name = name || ' {round}' where id % 7 = {round} % 7;
                 delete from things where id = {round};
                 insert into things values (1000 + {round}, 'new', '{round}')"
            ))
            .await;
    }
}

#[tokio::test]
async fn a_new_index_takes_the_place_of_the_old_one() {
    let (search, config, engine) = aliased(50).await;
    search
        .begins(&config, &["things", "--into", "things_2", "--swap"])
        .await;
    search.swapped().await;
    assert_eq!(search.leads_to("things"), ["things_2"]);
    let over =
        |line: &Value| field(line, "message").is_some_and(|said| said.starts_with("a rebuild has taken its place"));
    let line = engine.wait_for_log(DEADLINE, "the swap", over).await;
    assert_eq!(field(&line, "replaced"), Some("things_1"));
    search.assert_holds("things_2", THINGS).await;
    let before = search.held("things_1");
    // What is live goes on, in the new one alone.
    search.live(1).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
    assert_eq!(search.held("things_1"), before);
    search.swept().await;
    // Nothing is sent twice for it.
    let sent = search.elastic.look(|_, journal| journal.items().len());
    search.world.settled().await;
    assert_eq!(search.elastic.look(|_, journal| journal.items().len()), sent);
    let (status, said) = search.rebuild(&config, &["list"]).await;
    assert_eq!(status, 0);
    assert!(
        said.starts_with("things → search, into things_2: swapped at "),
        "{said}"
    );
    assert!(said.ends_with("not written to any more: things_1\n"), "{said}");
    assert_eq!(search.given_up().await, [""; 0]);
}
