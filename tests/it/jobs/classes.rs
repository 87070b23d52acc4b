//! Each class of failure, and what is on record of it.

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};

use crate::world::World;

#[tokio::test]
async fn each_class_of_failure_is_on_record_with_its_tries() {
    let world = World::new().await;
    #[rustfmt::skip]
    let cases = [
        // what the sink does,       class,           status,     outcome,    certain, tries, state
        (Behaviour::Hang,            "timeout",       None,       "retry",    false,   2,     "dead"),
        (Behaviour::Cut,             "connection",    None,       "retry",    false,   2,     "dead"),
        (Behaviour::answer(429),     "rate_limited",  Some(429),  "retry",    true,    2,     "dead"),
        (Behaviour::answer(503),     "server_error",  Some(503),  "retry",    false,   2,     "dead"),
        (Behaviour::answer(404),     "not_found",     Some(404),  "rejected", true,    1,     "failed"),
        (Behaviour::answer(422),     "refused",       Some(422),  "rejected", true,    1,     "failed"),
        (Behaviour::answer(409),     "conflict",      Some(409),  "retry",    true,    2,     "dead"),
        // Cannot be divided.
        (Behaviour::Accept,          "build",         None,       "retry",    true,    2,     "dead"),
        // Has no name for the address.
        (Behaviour::Accept,          "configuration", None,       "rejected", true,    1,     "failed"),
    ];
    world
        .sql("create table things (id int primary key, name text, amount int not null)")
        .await;
    for (id, (behaviour, class, ..)) in (1..).zip(&cases) {
        let (name, amount) = match *class {
            "build" => ("'n8'", 0),
            "configuration" => ("null", 1),
            _ => ("'n' || (select count(*) + 1 from things)", 1),
        };
        world
            .sql(&format!("insert into things values ({id}, {name}, {amount})"))
            .await;
        world
            .receiver()
            .rule(Paths::exact(format!("/things/n{id}")), behaviour.clone());
    }
    let config = world.config(&format!(
        "[sinks.shop_api]
         type = \"http\"
         url = \"{}/things/{{name}}\"
         timeout = \"300ms\"
         retry = {{ attempts = 2, base = \"10ms\", max = \"20ms\" }}
         [syncs.things]
         table = \"things\"
         sink = \"shop_api\"
         document = {{ id = \"id\", name = \"name\", share = \"100 / amount\" }}",
        world.receiver().url()
    ));
    let _engine = world.synced(&config).await;

    for (id, (_, class, status, outcome, certain, tries, state)) in (1..).zip(cases) {
        let listed = world.jobs_json(&config, &["list", "--class", class], 0).await;
        let jobs = listed["jobs"].as_array().unwrap();
        let [job] = jobs.as_slice() else {
            panic!("{class}: {jobs:#?}")
        };
        let told = ["key", "state", "attempts", "status"].map(|name| job[name].clone());
        assert_eq!(json!(told), json!([id.to_string(), state, tries, status]), "{class}");
        let story = world.show(&config, job["id"].as_i64().unwrap()).await;
        let attempts = story["tries"].as_array().unwrap();
        assert_eq!(attempts.len(), tries, "{class}");
        for (number, attempt) in (1..).zip(attempts) {
            let told = ["number", "class", "status", "outcome", "certain"].map(|name| attempt[name].clone());
            assert_eq!(json!(told), json!([number, class, status, outcome, certain]));
            assert!(
                attempt["message"].as_str().is_some_and(|message| !message.is_empty()),
                "{attempt}"
            );
            assert_eq!(attempt["digest"].is_string(), class != "build", "{attempt}");
        }
        // What was uncertain is void, what was certain was never there.
        let wanted = if certain {
            Value::Null
        } else {
            json!({"digest": null, "remote_id": null})
        };
        let mut accepted = story["accepted"].clone();
        if let Some(accepted) = accepted.as_object_mut() {
            accepted.remove("version");
        }
        assert_eq!(accepted, wanted, "{class}");
    }
}
