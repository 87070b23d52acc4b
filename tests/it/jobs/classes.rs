//! Each class of failure, and what is on record of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};
use walsift::publish::FailureClass;

use super::HASTY;
use crate::world::{DEADLINE, SHOP, World, eventually};

/// What keeps a subject from being delivered.
enum Cause {
    /// What the receiver does about it.
    Receiver(Behaviour),
    /// Its document divides by zero.
    Document,
    /// It has no name for the address.
    Address,
    /// It is accepted, and the SQL that follows divides by zero.
    SqlAfterwards,
}

use Cause::{Address, Document, Receiver, SqlAfterwards};

/// Stands in the answer of the receiver.
const REASON: &str = "for a reason of its own";

fn answer(status: u16) -> Cause {
    Receiver(Behaviour::Answer {
        status,
        headers: Vec::new(),
        body: REASON.to_owned(),
    })
}

/// A row of `things` for each cause, by its number.
async fn set_up(world: &World, causes: impl Iterator<Item = &Cause>) -> PathBuf {
    world
        .sql(
            "create table things (id int primary key, name text, amount int not null, mark int not null);
             create table record (id int, mark int)",
        )
        .await;
    for (id, cause) in (1..).zip(causes) {
        let behaviour = match cause {
            Receiver(behaviour) => behaviour.clone(),
            SqlAfterwards => Behaviour::ApplyThenAnswer(200),
            _ => Behaviour::Accept,
        };
        world.receiver().rule(Paths::exact(format!("/things/n{id}")), behaviour);
        let row = match cause {
            Document => format!("{id}, 'n{id}', 0, 1"),
            Address => format!("{id}, null, 1, 1"),
            SqlAfterwards => format!("{id}, 'n{id}', 1, 0"),
            Receiver(_) => format!("{id}, 'n{id}', 1, 1"),
        };
        world.sql(&format!("insert into things values ({row})")).await;
    }
    world.config(&format!(
        "[sinks.shop_api]
         type = \"http\"
         url = \"{}/things/{{name}}\"
         timeout = \"300ms\"
         retry = {{ attempts = 2, base = \"10ms\", max = \"20ms\" }}
         # What fails while it is open costs nothing.
         breaker = {{ failures = 1000 }}
         [syncs.things]
         table = \"things\"
         sink = \"shop_api\"
         document = {{ id = \"id\", name = \"name\", share = \"100 / amount\" }}
         after_publish = \"insert into record select id, 1 / mark from things where id = $1\"",
        world.receiver().url()
    ))
}

#[tokio::test]
async fn each_class_of_failure_is_on_record_with_its_tries() {
    let world = World::new().await;
    #[rustfmt::skip]
    let cases = [
        // what happens,             class,           status,     outcome,    certain, tries, state
        (Receiver(Behaviour::Hang),  "timeout",       None,       "retry",    false,   2,     "dead"),
        (answer(408),                "timeout",       Some(408),  "retry",    false,   2,     "dead"),
        (Receiver(Behaviour::Cut),   "connection",    None,       "retry",    false,   2,     "dead"),
        (answer(429),                "rate_limited",  Some(429),  "retry",    true,    2,     "dead"),
        (answer(503),                "server_error",  Some(503),  "retry",    false,   2,     "dead"),
        (answer(404),                "not_found",     Some(404),  "rejected", true,    1,     "failed"),
        (answer(410),                "not_found",     Some(410),  "rejected", true,    1,     "failed"),
        (answer(422),                "refused",       Some(422),  "rejected", true,    1,     "failed"),
        (answer(425),                "refused",       Some(425),  "retry",    true,    2,     "dead"),
        (answer(301),                "refused",       Some(301),  "rejected", false,   1,     "failed"),
        (answer(409),                "conflict",      Some(409),  "retry",    true,    2,     "dead"),
        (Document,                   "build",         None,       "retry",    true,    2,     "dead"),
        (answer(401),                "configuration", Some(401),  "retry",    true,    2,     "dead"),
        (Address,                    "configuration", None,       "rejected", true,    1,     "failed"),
        (SqlAfterwards,              "after_publish", Some(200),  "retry",    false,   2,     "dead"),
    ];
    let classes: BTreeSet<&str> = cases.iter().map(|(_, class, ..)| *class).collect();
    assert_eq!(classes, FailureClass::ALL.map(FailureClass::as_str).into());
    let config = set_up(&world, cases.iter().map(|(cause, ..)| cause)).await;
    let _engine = world.synced(&config).await;

    for (id, (cause, class, status, outcome, certain, tries, state)) in (1..).zip(cases) {
        let key = id.to_string();
        let listed = world
            .jobs_json(&config, &["list", "--class", class, "--key", &key], 0)
            .await;
        let jobs = listed["jobs"].as_array().unwrap();
        let [job] = jobs.as_slice() else {
            panic!("{key} {class}: {jobs:#?}")
        };
        let told = ["state", "attempts", "status"].map(|name| &job[name]);
        assert_eq!(json!(told), json!([state, tries, status]), "{key} {class}");

        let story = world.show(&config, job["id"].as_i64().unwrap()).await;
        let attempts = story["tries"].as_array().unwrap();
        assert_eq!(attempts.len(), tries, "{key} {class}");
        for (number, attempt) in (1..).zip(attempts) {
            let told = ["number", "class", "status", "outcome", "certain", "operation"].map(|name| &attempt[name]);
            let wanted = json!([number, class, status, outcome, certain, "upsert"]);
            assert_eq!(json!(told), wanted, "{key}");
            let message = attempt["message"].as_str().unwrap();
            // Of a redirect it says where it leads.
            let answered = matches!(&cause, Receiver(Behaviour::Answer { status, .. }) if *status != 301);
            assert!(!message.is_empty() && message.contains(REASON) == answered, "{attempt}");
            if class == "build" {
                assert_eq!(attempt["digest"], Value::Null, "{attempt}");
            } else {
                // The same document, and so the same version.
                let document = ["digest", "version"].map(|name| &attempt[name]);
                assert_eq!(document, ["digest", "version"].map(|name| &attempts[0][name]));
                assert!(document[0].is_string(), "{attempt}");
            }
        }
        let times = attempts
            .iter()
            .flat_map(|attempt| [&attempt["started_at"], &attempt["finished_at"]]);
        assert!(times.map(|time| time.as_str().unwrap()).is_sorted(), "{attempts:#?}");
        assert_eq!(
            accepted(story),
            (!certain).then(|| json!({"digest": null, "remote_id": null}))
        );
    }
}

/// What was uncertain is void, what was certain was never there.
fn accepted(mut story: Value) -> Option<Value> {
    let accepted = story["accepted"].as_object_mut()?;
    accepted.remove("version");
    Some(story["accepted"].take())
}

/// Of no subject does that say anything, so it uses up nothing.
#[tokio::test]
async fn that_nobody_listens_is_on_record_and_costs_no_try() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&format!(
        "{SHOP}\n{HASTY}\nbreaker = {{ failures = 1000 }}\ntype = \"http\"\nurl = \"http://127.0.0.1:1/orders/{{id}}\""
    ));
    let mut engine = world.engine(&config);
    let begun = async || (engine.metric("walsift_attempts_failed_total", &[]).await > 0).then_some(());
    eventually(DEADLINE, "a try", begun).await;
    world.wait_until_true("select count(*) > 4 from walsift.attempt").await;
    engine.kill9();
    let job: i64 = world.value("select id from walsift.job").await;
    let story = world.show(&config, job).await;
    assert_eq!(story["spared"], story["attempts"]);
    for attempt in story["tries"].as_array().unwrap() {
        let told = ["class", "status", "outcome", "certain"].map(|name| &attempt[name]);
        assert_eq!(json!(told), json!(["connection", null, "retry", true]));
        assert!(attempt["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    assert_eq!(story["accepted"], Value::Null);
}
