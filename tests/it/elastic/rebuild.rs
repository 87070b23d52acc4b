//! Another index beside the one that is written to, and the swap.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::search::{MAPPING, Search, THINGS};
use super::server::{Behaviour, Block, Fault, On};
use crate::world::{DEADLINE, Engine, eventually, field};

/// The amount is a word now, which the other mapping does not take.
const OTHER_MAPPING: &str = r#"{
    "settings": { "index": { "number_of_shards": 3, "gc_deletes": "600s" } },
    "mappings": {
        "dynamic": "strict",
        "properties": { "id": { "type": "long" }, "name": { "type": "text" }, "amount": { "type": "keyword" } }
    },
    "aliases": { "things": {} }
}"#;

/// Requests are given up early, and a sink that is down is looked at often.
const QUICK: &str = "timeout = '500ms'\nbreaker = { failures = 3, cooldown = '100ms' }";

const INTO: [&str; 3] = ["things", "--into", "things_2"];
const AND_SWAP: [&str; 4] = ["things", "--into", "things_2", "--swap"];

/// With so many things in the index `things_1`, to which the alias `things` leads.
async fn aliased(things: u32) -> (Search, PathBuf, Engine) {
    aliased_with(things, MAPPING).await
}

async fn aliased_with(things: u32, mapping: &str) -> (Search, PathBuf, Engine) {
    let (search, config) = aliased_at_rest(things, mapping).await;
    let engine = search.world.engine(&config);
    search.world.settled().await;
    search.assert_holds("things_1", THINGS).await;
    (search, config, engine)
}

/// The same before any engine works for it.
async fn aliased_at_rest(things: u32, mapping: &str) -> (Search, PathBuf) {
    let search = Search::with(things).await;
    let mut body: Value = serde_json::from_str(mapping).unwrap();
    body["aliases"] = json!({ "things": {} });
    search.elastic.create("things_1", &body);
    let config = search.config_with_mapping(QUICK);
    (search, config)
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

    /// Every subject has been visited and sent.
    async fn loaded(&self) {
        self.world
            .wait_until_true("select count(*) = 1 from walsift.rebuild where loaded_at is not null")
            .await;
        self.world.settled().await;
    }

    /// The index is brought to what there is, while jobs of another one may wait.
    async fn follows(&self, index: &str) {
        eventually(DEADLINE, &format!("{index} follows"), async || {
            let divergence = self.world.divergence_of(THINGS, &self.held(index)).await;
            divergence.is_none().then_some(())
        })
        .await;
    }

    /// Begins a rebuild that gets on no further than its first requests, all of which are answered.
    async fn begins_and_stands(&self, config: &Path, arguments: &[&str]) {
        self.begins(config, arguments).await;
        self.elastic.block("things_2", Some(Block::FloodStage));
    }

    fn goes_on(&self) {
        self.elastic.block("things_2", None);
    }

    /// As if the waiting time after a problem were over.
    async fn tried_again(&self, config: &Path) {
        self.begins(config, &["swap", "things"]).await;
    }

    /// Everything of the route that was replaced has gone.
    async fn swept(&self) {
        self.world
            .wait_until_true(
                "select (select count(*) = 1 from walsift.route)
                    and not exists (select from walsift.state where route not in (select id from walsift.route))
                    and not exists (select from walsift.job where route not in (select id from walsift.route))
                    and not exists (select from walsift.visit)
                    and not exists (select from walsift.backfill where route not in (select id from walsift.route))
                    and not exists (select from walsift.chunk)",
            )
            .await;
    }

    /// Rows are changed, deleted and inserted.
    async fn live(&self, round: u32) {
        self.world
            .sql(&format!(
                "update things set name = name || ' {round}' where id % 7 = {round} % 7;
                 delete from things where id = {round};
                 insert into things values (10000 + {round}, 'new', '{round}')"
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

#[tokio::test]
async fn what_changes_meanwhile_comes_to_both() {
    let (search, config, engine) = aliased(50).await;
    search.begins_and_stands(&config, &AND_SWAP).await;
    for round in 1..=3 {
        search.live(round).await;
        search.follows("things_1").await;
    }
    // What is wrong with the one is not wrong with the other.
    assert_eq!(engine.metric("walsift_sink_open", &[("sink", "search")]).await, 0);
    assert_eq!(search.leads_to("things"), ["things_1"]);
    search.live(4).await;
    search.goes_on();
    search.live(5).await;
    search.swapped().await;
    search.live(6).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
    search.swept().await;
    assert_eq!(
        engine
            .metric("walsift_jobs", &[("sink", "search>things_2"), ("state", "pending")])
            .await,
        0
    );
}

/// The processes know the mapping as it was when they started; the new one is that of who begins the rebuild.
#[tokio::test]
async fn the_new_index_may_have_another_mapping() {
    let (search, config, _engine) = aliased(20).await;
    let a_lot = "update things set amount = 'a lot' where id = 7";
    search.world.sql(a_lot).await;
    search.world.settled().await;
    assert_eq!(search.given_up().await, ["7 failed refused certain"]);
    let mapping = search.file("other.json", OTHER_MAPPING);
    let other = search.config(&format!("mapping = '{}'\n{QUICK}", mapping.display()));
    search.begins_and_stands(&other, &AND_SWAP).await;
    // Nor does it take the name before it is due, whatever its mapping says.
    assert_eq!(search.leads_to("things"), ["things_1"]);
    search.goes_on();
    search.swapped().await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
    search.swept().await;
    assert_eq!(search.given_up().await, [""; 0]);
    let _ = config;
}

#[tokio::test]
async fn what_was_given_up_stops_the_swap() {
    let (search, config, _engine) = aliased_with(20, OTHER_MAPPING).await;
    search
        .world
        .sql("update things set amount = 'a lot' where id = 7")
        .await;
    search.follows("things_1").await;
    search.begins(&config, &AND_SWAP).await;
    search.waits_for("a subject has been given up").await;
    assert_eq!(search.leads_to("things"), ["things_1"]);
    let (_, said) = search.rebuild(&config, &["list"]).await;
    assert!(said.contains("given up    1"), "{said}");
    let jobs = [
        "jobs",
        "list",
        "--sink",
        "search>things_2",
        "--config",
        config.to_str().unwrap(),
    ];
    let said = String::from_utf8(search.world.walsift(&jobs).await.stdout).unwrap();
    assert!(said.contains("refused"), "{said}");

    search.world.sql("update things set amount = '100' where id = 7").await;
    search.swapped().await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

/// An engine that dies there is followed by another one.
async fn dies_at(failpoint: &str, things: u32) {
    let (search, config, mut engine) = aliased(things).await;
    engine.kill9();
    search.begins(&config, &AND_SWAP).await;
    let mut engine = search.world.engine_with(&config, &[("FAILPOINTS", failpoint)]);
    search.live(1).await;
    let status = engine.wait_exit(DEADLINE).await;
    assert_eq!(status.signal(), Some(9), "it has not died by its own hand: {status}");
    search.live(2).await;
    let _engine = search.world.engine(&config);
    search.live(3).await;
    search.swapped().await;
    search.live(4).await;
    search.world.settled().await;
    assert_eq!(search.leads_to("things"), ["things_2"]);
    search.assert_holds("things_2", THINGS).await;
    search.swept().await;
    assert_eq!(search.given_up().await, [""; 0]);
}

#[tokio::test]
async fn a_kill_when_its_route_has_been_taken_up_is_made_good() {
    dies_at("setup-after-commit=return", 20).await;
}

#[tokio::test]
async fn a_kill_in_the_first_load_is_made_good() {
    dies_at("chunk-after-commit=1*off->return", 2_100).await;
}

#[tokio::test]
async fn a_kill_within_the_settlement_of_the_first_load_is_made_good() {
    dies_at("settle-members-before-commit=return", 20).await;
}

#[tokio::test]
async fn a_kill_between_request_and_settlement_is_made_good() {
    dies_at("publish-after-send=return", 20).await;
}

#[tokio::test]
async fn a_kill_once_the_old_route_is_closed_is_made_good() {
    dies_at("rebuild-after-close=return", 20).await;
}

#[tokio::test]
async fn a_kill_once_the_alias_is_moved_is_made_good() {
    dies_at("rebuild-after-alias=return", 20).await;
}

#[tokio::test]
async fn a_kill_before_the_swap_is_on_record_is_made_good() {
    dies_at("rebuild-before-commit=return", 20).await;
}

#[tokio::test]
async fn a_kill_after_the_swap_is_made_good() {
    dies_at("rebuild-after-swap=return", 20).await;
}

#[tokio::test]
async fn a_kill_while_the_old_route_is_swept_away_is_made_good() {
    dies_at("rebuild-after-sweep=1*off->return", 3_100).await;
}

#[tokio::test]
async fn a_rebuild_whose_beginning_was_killed_is_begun_again() {
    let (search, config, _engine) = aliased(20).await;
    let mut arguments = vec!["rebuild"];
    arguments.extend(AND_SWAP);
    let mut command = search.world.command(&arguments);
    command
        .arg("--config")
        .arg(&config)
        .env("FAILPOINTS", "rebuild-after-make=return");
    let status = Engine::spawn(command).wait_exit(DEADLINE).await;
    assert_eq!(status.signal(), Some(9));
    assert!(search.elastic.look(|cluster, _| cluster.exists("things_2")));
    search.begins(&config, &AND_SWAP).await;
    search.swapped().await;
    search.assert_holds("things_2", THINGS).await;
}

#[tokio::test]
async fn a_lost_answer_to_the_swap_is_looked_for() {
    let losses = [
        Behaviour::ApplyThenCut,
        Behaviour::ApplyThenHang,
        Behaviour::Cut,
        Behaviour::answer(503),
        Behaviour::ApplyThenAnswer {
            status: 503,
            body: String::new(),
        },
    ];
    for loss in losses {
        let (search, config, _engine) = aliased(10).await;
        search.elastic.rule_for_next(1, On::Move, loss.clone());
        search.begins(&config, &AND_SWAP).await;
        search.live(1).await;
        search.swapped().await;
        search.world.settled().await;
        assert_eq!(search.leads_to("things"), ["things_2"], "{loss:?}");
        search.assert_holds("things_2", THINGS).await;
    }
}

/// The server does what it was asked for when nobody waits for it any more.
#[tokio::test]
async fn a_swap_that_is_made_late_finds_nothing_changed() {
    let (search, config, _engine) = aliased(10).await;
    search.elastic.rule_for_next(1, On::Move, Behaviour::ApplyLate);
    search.begins(&config, &AND_SWAP).await;
    search.swapped().await;
    // It is refused: the alias leads there no more.
    search.elastic.catch_up();
    assert_eq!(search.leads_to("things"), ["things_2"]);
    search.live(1).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

#[tokio::test]
async fn a_swap_that_is_refused_leaves_all_as_it_was() {
    let (search, config, _engine) = aliased(10).await;
    search.elastic.rule(On::Move, Behaviour::fault(&Fault::unauthorized()));
    search.begins(&config, &AND_SWAP).await;
    search.waits_for("moving the alias: 403").await;
    assert_eq!(search.leads_to("things"), ["things_1"]);
    search.live(1).await;
    search.follows("things_1").await;
    search.follows("things_2").await;
    search.elastic.clear_rules();
    search.tried_again(&config).await;
    search.swapped().await;
    search.live(2).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

#[tokio::test]
async fn two_processes_swap_once() {
    let (search, config, mut engine) = aliased(200).await;
    let other = search.world.engine(&config);
    search.begins(&config, &AND_SWAP).await;
    search.live(1).await;
    search.swapped().await;
    search.live(2).await;
    search.world.settled().await;
    engine.kill9();
    search.live(3).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
    search.swept().await;
    let moves = search.elastic.look(|_, journal| {
        let moves = journal
            .requests()
            .iter()
            .filter(|request| request.line == "POST /_aliases");
        moves.count()
    });
    assert_eq!(moves, 1);
    drop(other);
}

/// As far as it can tell by those that stand, nothing has happened.
#[tokio::test]
async fn a_process_that_slept_through_a_rebuild_goes_on_with_what_it_led_to() {
    let (search, config, mut engine) = aliased(20).await;
    let sleeper = search.world.engine(&config);
    let stands_by = |line: &Value| field(line, "message") == Some("another process reads the slot; standing by");
    sleeper.wait_for_log(DEADLINE, "it stands by", stands_by).await;
    sleeper.pause().await;
    search.begins(&config, &AND_SWAP).await;
    search.swapped().await;
    sleeper.signal(Signal::CONT);
    engine.kill9();
    search.live(1).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

#[tokio::test]
async fn without_a_swap_both_are_kept_current() {
    let (search, config, _engine) = aliased(10).await;
    search.begins(&config, &[&INTO[..], &["--wait"]].concat()).await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
    search.live(1).await;
    search.world.settled().await;
    search.assert_holds("things_1", THINGS).await;
    search.assert_holds("things_2", THINGS).await;
    assert_eq!(search.leads_to("things"), ["things_1"]);
    let (_, said) = search.rebuild(&config, &["list"]).await;
    assert_eq!(
        said,
        "things → search, into things_2: all visited and kept current, 0 jobs left; swapped when asked\n"
    );
    search.tried_again(&config).await;
    search.swapped().await;
}

#[tokio::test]
async fn a_rebuild_that_is_canceled_leaves_its_index_and_nothing_else() {
    let (search, config, _engine) = aliased(10).await;
    search.begins_and_stands(&config, &AND_SWAP).await;
    search.live(1).await;
    search.follows("things_1").await;
    let (status, said) = search.rebuild(&config, &["cancel", "things"]).await;
    assert_eq!(
        (status, said.as_str()),
        (
            0,
            "things → search: canceled; `things_2` stays as it is, and can be deleted\n"
        )
    );
    search.swept().await;
    search.goes_on();
    search.live(2).await;
    search.world.settled().await;
    search.assert_holds("things_1", THINGS).await;
    assert!(search.held("things_2").is_empty());
    // The same name may be taken again.
    search.begins(&config, &AND_SWAP).await;
    search.swapped().await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

/// The reader begins anew for each rebuild; here it takes its time, until nothing is left of the rebuild that it is to read for.
#[tokio::test]
async fn no_changes_are_mapped_for_a_rebuild_that_is_over() {
    let (search, config) = aliased_at_rest(10, MAPPING).await;
    let slow = [("FAILPOINTS", "setup-after-slot=1*off->1*sleep(2000)->off")];
    let engine = search.world.engine_with(&config, &slow);
    search.world.settled().await;
    search.begins_and_stands(&config, &AND_SWAP).await;
    let has_begun =
        |line: &Value| field(line, "message").is_some_and(|message| message.starts_with("a rebuild has begun"));
    engine.wait_for_log(DEADLINE, "it begins anew", has_begun).await;
    let (status, said) = search.rebuild(&config, &["cancel", "things"]).await;
    assert_eq!(status, 0, "{said}");
    search.swept().await;
    search.live(1).await;
    search.world.settled().await;
    search.assert_holds("things_1", THINGS).await;
    search.swept().await;
}

#[tokio::test]
async fn an_index_that_is_made_anew_meanwhile_is_not_swapped_in() {
    let (search, config, _engine) = aliased(10).await;
    search.begins(&config, &INTO).await;
    search.follows("things_2").await;
    search.elastic.change(|cluster| cluster.delete("things_2"));
    search
        .elastic
        .create("things_2", &serde_json::from_str(MAPPING).unwrap());
    search.tried_again(&config).await;
    search.waits_for("is not what it was at the beginning").await;
    assert_eq!(search.leads_to("things"), ["things_1"]);
}

#[tokio::test]
async fn a_sink_that_rests_is_not_swapped() {
    let (search, config, _engine) = aliased(10).await;
    search.begins(&config, &INTO).await;
    search.loaded().await;
    let file = config.to_str().unwrap();
    let pause = search
        .world
        .walsift(&["pause", "--sink", "search", "--config", file])
        .await;
    assert!(pause.status.success());
    search.live(1).await;
    let waiting = "select count(distinct route) = 2 from walsift.job";
    search.world.wait_until_true(waiting).await;
    search.tried_again(&config).await;
    let (_, said) = search.rebuild(&config, &["list"]).await;
    assert!(said.contains("then swapped"), "{said}");
    let status = search.world.walsift(&["status", "--config", file]).await;
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status.contains("rebuild of things → search, into things_2: all visited"),
        "{status}"
    );
    assert_eq!(status.matches("sink search\n").count(), 2, "{status}");
    let resume = search
        .world
        .walsift(&["resume", "--sink", "search", "--config", file])
        .await;
    assert!(resume.status.success());
    search.swapped().await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

/// Documents of another shape go to both, each compared with what it has.
#[tokio::test]
async fn the_configuration_may_change_meanwhile() {
    let (search, config, mut engine) = aliased(20).await;
    search.begins_and_stands(&config, &AND_SWAP).await;
    search.live(1).await;
    search.follows("things_1").await;
    engine.kill9();
    let mapping = search.file("things.json", MAPPING);
    let other = search.config_of(
        "[syncs.things]\ntable = 'things'\nsink = 'search'\n[syncs.things.document]\nid = 'id'\nname = 'upper(name)'",
        &format!("mapping = '{}'\n{QUICK}", mapping.display()),
    );
    let _engine = search.world.engine(&other);
    search.goes_on();
    search.swapped().await;
    search.world.settled().await;
    search
        .assert_holds(
            "things_2",
            "select id::text, jsonb_build_object('id', id, 'name', upper(name)) from things",
        )
        .await;
}

#[tokio::test]
async fn a_sink_that_is_no_longer_configured_takes_its_rebuild_along() {
    let (search, config, mut engine) = aliased(20).await;
    search.begins_and_stands(&config, &AND_SWAP).await;
    engine.kill9();
    let without = search
        .world
        .config("[syncs.things]\ntable = 'things'\nsink = 'shop_api'");
    let mut engine = search.world.engine(&without);
    search.live(1).await;
    search
        .world
        .wait_until_true("select count(*) = 1 from walsift.progress where cardinality(routes) = 1")
        .await;
    search.goes_on();
    engine.kill9();
    search.world.sql("delete from things where id = 5").await;
    // It comes back, and what has passed unseen is looked for.
    let _engine = search.world.engine(&config);
    search.swapped().await;
    search.world.settled().await;
    search.assert_holds("things_2", THINGS).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_reason() {
    let search = Search::with(3).await;
    let config = search.config_with_mapping("");
    let (status, said) = search.rebuild(&config, &AND_SWAP).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.starts_with("there is no state yet"), "{said}");
    let _engine = search.synced(&config).await;
    let (status, said) = search.rebuild(&config, &AND_SWAP).await;
    assert_eq!(status, 1);
    for part in [
        "`things` is an index, and a swap takes an alias",
        "POST /things/_clone/things_v1",
        "\"remove_index\"",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(search.elastic.look(|cluster, _| !cluster.exists("things_2")));
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["orders", "--into", "x"],
            2,
            "there is no sync `orders`; there are: things\n",
        ),
        (&["things", "--into", "X"], 2, "`X` can't be the name of an index\n"),
        (
            &["things", "--into", "things"],
            2,
            "the sink writes to `things` already\n",
        ),
        (
            &["things", "--into", "x", "--sink", "other"],
            2,
            "sync `things` has the sinks search\n",
        ),
        (&["cancel", "things"], 2, "there is no rebuild of things\n"),
        (&["list"], 0, "no rebuilds\n"),
    ];
    for (arguments, wanted, words) in cases {
        let (status, said) = search.rebuild(&config, arguments).await;
        assert_eq!((status, said.as_str()), (wanted, words), "{arguments:?}");
    }
    search.begins(&config, &INTO).await;
    let (status, said) = search.rebuild(&config, &["things", "--into", "things_3"]).await;
    assert_eq!(status, 1);
    assert!(said.starts_with("a rebuild of things into `things_2` stands"), "{said}");
    search.follows("things_2").await;
    search.begins(&config, &["cancel", "things"]).await;
    let (status, said) = search.rebuild(&config, &INTO).await;
    assert_eq!(status, 1);
    assert!(
        said.starts_with("there is an index `things_2` with 3 documents"),
        "{said}"
    );

    let shared = search.config_of(
        "[syncs.things]\ntable = 'things'\nsink = 'search'\n[syncs.others]\ntable = 'things'\nsink = 'search'",
        "",
    );
    let (status, said) = search.rebuild(&shared, &["things", "--into", "x", "--swap"]).await;
    assert_eq!(status, 2);
    assert!(said.starts_with("documents of others are in the same index"), "{said}");
    let http = search
        .world
        .config("[syncs.things]\ntable = 'things'\nsink = 'shop_api'");
    let (status, said) = search.rebuild(&http, &AND_SWAP).await;
    assert_eq!(status, 2);
    assert!(said.starts_with("only sinks of type `elasticsearch`"), "{said}");
}

/// Neither what would be sent nor what has changed is asked of a route that only a rebuild has.
#[tokio::test]
async fn other_verbs_know_nothing_of_it() {
    let (search, config, _engine) = aliased(5).await;
    search.begins(&config, &INTO).await;
    search.follows("things_2").await;
    let file = config.to_str().unwrap();
    let say = async |arguments: &[&str]| {
        let output = search.world.walsift(&[arguments, &["--config", file]].concat()).await;
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    for arguments in [
        &["plan", "--against", "running"][..],
        &["check", "--print-config"],
        &["diff", "things", "--all"],
        &["publish", "--sync", "things", "--key", "1", "--dry-run"],
    ] {
        let said = say(arguments).await;
        assert!(!said.contains("things_2"), "{arguments:?}: {said}");
        assert!(said.contains("search"), "{arguments:?}: {said}");
    }
    let status = say(&["status"]).await;
    assert!(status.contains("things → search>things_2\n"), "{status}");
}

/// Its job is touched again whenever it is delivered, and stays the job that it was.
#[tokio::test]
async fn a_subject_that_changes_without_end_does_not_hold_up_the_swap() {
    let (search, config, _engine) = aliased(10).await;
    search.begins(&config, &INTO).await;
    search.loaded().await;
    search
        .world
        .sql(
            "insert into walsift.job (route, key, priority, run_at, created_at, touched)
             select route, '3', 1, now() + interval '1 day', started_at, 1 from walsift.rebuild",
        )
        .await;
    search.tried_again(&config).await;
    search.swapped().await;
}

#[tokio::test]
async fn a_first_load_that_somebody_has_canceled_is_not_swapped_in() {
    let (search, config, _engine) = aliased(10).await;
    let file = config.to_str().unwrap();
    let pause = search
        .world
        .walsift(&["pause", "--sink", "search", "--config", file])
        .await;
    assert!(pause.status.success());
    search.begins(&config, &AND_SWAP).await;
    let load = "select count(*) = 1 from walsift.backfill b join walsift.rebuild r on r.route = b.route";
    search.world.wait_until_true(load).await;
    let id: i64 = search
        .world
        .value("select b.id from walsift.backfill b join walsift.rebuild r on r.route = b.route")
        .await;
    let cancel = search
        .world
        .walsift(&["backfill", "cancel", &id.to_string(), "--config", file])
        .await;
    assert!(cancel.status.success(), "{cancel:?}");
    let resume = search
        .world
        .walsift(&["resume", "--sink", "search", "--config", file])
        .await;
    assert!(resume.status.success());
    search.waits_for("its first load was canceled").await;
    assert_eq!(search.leads_to("things"), ["things_1"]);
}
