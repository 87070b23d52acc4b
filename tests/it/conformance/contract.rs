//! What `deliver` of a sink promises, held against a real server. No Postgres is needed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use walsift::config::Config;
use walsift::mapping::SubjectKey;
use walsift::plan::{KeyColumn, KeyShape};
use walsift::publish::{Delivery, Failure, FailureClass, Operation, Outcome, Sink};

use super::{COLUMNS, Rig, SECRET};

/// Longer than any server here takes for anything, if it answers.
const TIMEOUT: Duration = Duration::from_secs(10);

/// For what is never answered.
const SHORT: Duration = Duration::from_millis(500);

/// Numbers that a float would change.
const EXACT: &str = r#"{"price":7.00,"large":12345678901234567890.123456789,"name":"tëa 🍵","nested":[{"n":1e3}]}"#;

/// A sink made anew from the configuration, as another process would.
fn sink(rig: &impl Rig, timeout: Duration) -> Sink {
    // Fails when another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = format!(
        "[source]\nurl = 'postgres://nobody@127.0.0.1:1/nowhere'\n[syncs.things]\ntable = 'things'\nsink = 'it'
         [sinks.it]\ntimeout = '{}ms'\n{}",
        timeout.as_millis(),
        rig.sink()
    );
    let loaded = Config::parse("conformance.toml".as_ref(), &text, &|_| None);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    Sink::build(&loaded.config.sinks[0]).unwrap()
}

/// A document that names its key, so that two subjects never have the same.
fn document(key: [&str; 2], rest: &str) -> String {
    format!("{{\"key\":{},\"rest\":{rest}}}", serde_json::json!(key))
}

fn upsert(key: [&str; 2], version: i64, rest: &str) -> Delivery {
    Delivery {
        document: document(key, rest).into(),
        operation: Operation::Upsert,
        ..delete(key, version)
    }
}

fn delete(key: [&str; 2], version: i64) -> Delivery {
    let column = |name: &str| KeyColumn {
        name: name.to_owned(),
        sql_type: "text".to_owned(),
        bare_in_json: false,
    };
    Delivery {
        sync: "things".into(),
        shape: Arc::new(KeyShape {
            columns: COLUMNS.iter().map(|name| column(name)).collect(),
        }),
        key: SubjectKey::new(key.into_iter()),
        operation: Operation::Delete,
        version,
        correlation: "0123456789abcdef0123456789abcdef".to_owned(),
        document: "".into(),
        remote_id: None,
        deadline: Instant::now() + Duration::from_mins(1),
    }
}

/// As the engine does: never more at once than the sink takes. No outcome may show the secret.
async fn deliver(sink: &Sink, deliveries: &[Delivery]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for batch in deliveries.chunks(sink.batching().deliveries) {
        let answered = sink.deliver(batch).await;
        assert_eq!(answered.len(), batch.len(), "an outcome for each");
        outcomes.extend(answered);
    }
    assert!(!format!("{outcomes:?}").contains(SECRET), "{outcomes:#?}");
    outcomes
}

async fn deliver_one(sink: &Sink, delivery: &Delivery) -> Outcome {
    deliver(sink, std::slice::from_ref(delivery)).await.remove(0)
}

/// Delivers all of them, or fails.
async fn assert_delivered(sink: &Sink, deliveries: &[Delivery]) {
    for (outcome, delivery) in deliver(sink, deliveries).await.iter().zip(deliveries) {
        assert!(
            matches!(outcome, Outcome::Delivered { .. }),
            "{outcome:?} of {delivery:?}"
        );
    }
}

fn retry(outcome: &Outcome) -> (&Failure, Option<Duration>) {
    match outcome {
        Outcome::Retry { failure, after } => (failure, *after),
        other => panic!("to be tried again: {other:?}"),
    }
}

fn rejected(outcome: &Outcome) -> &Failure {
    match outcome {
        Outcome::Rejected { failure } => failure,
        other => panic!("to be refused for good: {other:?}"),
    }
}

async fn assert_holds<const N: usize>(rig: &impl Rig, documents: [String; N]) {
    assert_eq!(rig.held().await, BTreeSet::from(documents));
}

/// A document replaces the one before, with every byte that Postgres wrote.
pub async fn delivers<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    assert_delivered(&sink, &[upsert(["a", "1"], 1, "\"first\"")]).await;
    assert_holds(&rig, [document(["a", "1"], "\"first\"")]).await;
    assert_delivered(&sink, &[upsert(["a", "2"], 2, "{}"), upsert(["b", "1"], 3, "[]")]).await;
    assert_delivered(&sink, &[upsert(["a", "1"], 4, EXACT)]).await;
    assert_holds(
        &rig,
        [
            document(["a", "1"], EXACT),
            document(["a", "2"], "{}"),
            document(["b", "1"], "[]"),
        ],
    )
    .await;
}

/// What is gone is gone, also where it never was; it may come back.
pub async fn deletes<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    assert_delivered(&sink, &[upsert(["a", "1"], 1, "1"), upsert(["a", "2"], 2, "2")]).await;
    assert_delivered(&sink, &[delete(["a", "1"], 3), delete(["a", "never"], 4)]).await;
    assert_holds(&rig, [document(["a", "2"], "2")]).await;
    assert_delivered(&sink, &[delete(["a", "2"], 5), upsert(["a", "1"], 6, "3")]).await;
    assert_holds(&rig, [document(["a", "1"], "3")]).await;
}

/// As many as go together, upserts and deletes, each answered in its place.
pub async fn takes_batches<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let most = sink.batching().deliveries.min(500);
    assert!(most > 1, "it takes batches");
    let ids: Vec<String> = (0..most).map(|id| id.to_string()).collect();
    let first: Vec<_> = (1..)
        .zip(&ids)
        .map(|(version, id)| upsert(["a", id], version, "1"))
        .collect();
    assert_delivered(&sink, &first).await;
    assert_eq!(rig.held().await.len(), most);
    let second: Vec<_> = (1000..)
        .zip(&ids)
        .map(|(version, id)| match version % 2 {
            0 => delete(["a", id], version),
            _ => upsert(["a", id], version, "2"),
        })
        .collect();
    assert_delivered(&sink, &second).await;
    let wanted: BTreeSet<String> = ids
        .iter()
        .skip(1)
        .step_by(2)
        .map(|id| document(["a", id], "2"))
        .collect();
    assert_eq!(rig.held().await, wanted);
}

/// One that is refused is refused for good, by itself.
pub async fn refuses_one_of_many<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    rig.refuse("3").await;
    let deliveries: Vec<_> = (1..)
        .zip(["1", "2", "3", "4", "5"])
        .map(|(version, id)| upsert(["a", id], version, "1"))
        .collect();
    let outcomes = deliver(&sink, &deliveries).await;
    for (id, outcome) in (1..).zip(&outcomes) {
        if id == 3 {
            let failure = rejected(outcome);
            assert!(failure.certain && !failure.message.is_empty(), "{failure:?}");
        } else {
            assert!(matches!(outcome, Outcome::Delivered { .. }), "{id}: {outcome:?}");
        }
    }
    assert_holds(&rig, ["1", "2", "4", "5"].map(|id| document(["a", id], "1"))).await;
    rig.mend().await;
    assert_delivered(&sink, &deliveries[2..3]).await;
    assert_eq!(rig.held().await.len(), 5);
}

/// It says that it cannot just now: nothing is held, that is known, and it is tried again after the pause that was asked for.
pub async fn is_busy<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let deliveries = [upsert(["a", "1"], 1, "1"), upsert(["a", "2"], 2, "2")];
    rig.be_busy().await;
    for outcome in deliver(&sink, &deliveries).await {
        let (failure, after) = retry(&outcome);
        assert!(failure.certain, "{failure:?}");
        assert_eq!(after, R::PAUSE);
    }
    assert_holds(&rig, []).await;
    rig.mend().await;
    assert_delivered(&sink, &deliveries).await;
}

/// Nobody knows what it holds; the next try brings it in order.
pub async fn loses_answers<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, SHORT);
    let deliveries = [upsert(["a", "1"], 2, "1"), upsert(["a", "2"], 3, "2")];
    // A connection that was good until then.
    assert_delivered(&sink, &[upsert(["a", "0"], 1, "0")]).await;
    rig.lose_answers().await;
    for outcome in deliver(&sink, &deliveries).await {
        let (failure, _) = retry(&outcome);
        assert!(!failure.certain, "{failure:?}");
        let class = failure.class;
        assert!(
            matches!(class, FailureClass::Connection | FailureClass::Timeout),
            "{failure:?}"
        );
    }
    rig.mend().await;
    let sink = self::sink(&rig, TIMEOUT);
    assert_delivered(&sink, &deliveries).await;
    assert_delivered(&sink, &[delete(["a", "0"], 4)]).await;
    assert_holds(&rig, [document(["a", "1"], "1"), document(["a", "2"], "2")]).await;
}

/// It is given up in time, and nobody knows what it holds. The same sink works again afterwards.
pub async fn never_answers<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, SHORT);
    // A connection that was good until then.
    assert_delivered(&sink, &[upsert(["a", "0"], 1, "0")]).await;
    rig.hang().await;
    let due = Instant::now() + TIMEOUT;
    let delivery = Delivery {
        deadline: due,
        ..upsert(["a", "1"], 2, "1")
    };
    let outcome = deliver_one(&sink, &delivery).await;
    assert!(Instant::now() < due, "it answers before the lease ends");
    let (failure, _) = retry(&outcome);
    assert_eq!(
        (failure.class, failure.certain),
        (FailureClass::Timeout, false),
        "{failure:?}"
    );
    rig.mend().await;
    assert_delivered(&sink, &[upsert(["a", "1"], 2, "1"), upsert(["a", "2"], 3, "2")]).await;
    assert_eq!(rig.held().await.len(), 3);
}

/// Nothing was sent, which is known.
pub async fn is_not_there<R: Rig>() {
    let mut rig = R::start().await;
    rig.down().await;
    let sink = sink(&rig, TIMEOUT);
    let deliveries = [upsert(["a", "1"], 1, "1"), delete(["a", "2"], 2)];
    for outcome in deliver(&sink, &deliveries).await {
        let (failure, after) = retry(&outcome);
        assert_eq!(
            (failure.class, failure.certain, after),
            (FailureClass::Connection, true, None)
        );
        assert!(!failure.message.is_empty());
    }
    rig.up().await;
    assert_delivered(&sink, &deliveries).await;
    assert_holds(&rig, [document(["a", "1"], "1")]).await;
}

/// Some hundreds of kilobytes are nothing special.
pub async fn takes_what_is_large<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let rest = format!("\"{}\"", "x".repeat(600 << 10));
    assert_delivered(&sink, &[upsert(["a", "1"], 1, "1"), upsert(["a", "2"], 2, &rest)]).await;
    assert_holds(&rig, [document(["a", "1"], "1"), document(["a", "2"], &rest)]).await;
}

/// What is too large is refused for good, and keeps nobody else away.
pub async fn refuses_what_is_too_large<R: Rig>() {
    let rig = R::start().await;
    let bytes = rig.limit().await;
    let sink = sink(&rig, TIMEOUT);
    let rest = format!("\"{}\"", "x".repeat(bytes));
    let deliveries = [
        upsert(["a", "1"], 1, "1"),
        upsert(["a", "2"], 2, &rest),
        upsert(["a", "3"], 3, "3"),
    ];
    let outcomes = deliver(&sink, &deliveries).await;
    let failure = rejected(&outcomes[1]);
    assert!(failure.certain, "{failure:?}");
    for at in [0, 2] {
        assert!(matches!(outcomes[at], Outcome::Delivered { .. }), "{:?}", outcomes[at]);
    }
    assert_holds(&rig, [document(["a", "1"], "1"), document(["a", "3"], "3")]).await;
}

/// Keys of any text: each has a place of its own, or is refused for good because no name can be made of it.
pub async fn tells_awkward_keys_apart<R: Rig>() {
    let awkward = [
        "",
        " ",
        "a",
        "A",
        "a b",
        "a+b",
        "a%20b",
        "a/b",
        "a:b",
        "a\\:b",
        "a\\",
        ":",
        "::",
        "%",
        "%25",
        ".",
        "..",
        "a.b",
        "*",
        ">",
        "#",
        "?",
        "&",
        "=",
        "{id}",
        "{}",
        "$x",
        "\"",
        "'",
        "\n",
        "a\r\nb",
        "\t",
        "ü",
        "u\u{308}",
        "日本",
        "🍵",
        "\u{7f}",
        "'; drop table x; --",
    ];
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let keys = awkward
        .iter()
        .flat_map(|text| [["a", *text], [*text, "a"], [*text, *text]]);
    let keys: BTreeSet<[&str; 2]> = keys.collect();
    let deliveries: Vec<_> = (1..)
        .zip(&keys)
        .map(|(version, key)| upsert(*key, version, "1"))
        .collect();
    let mut wanted = BTreeSet::new();
    for (outcome, key) in deliver(&sink, &deliveries).await.iter().zip(&keys) {
        match outcome {
            Outcome::Delivered { .. } => {
                wanted.insert(document(*key, "1"));
            }
            outcome => {
                let failure = rejected(outcome);
                assert_eq!(
                    (failure.class, failure.certain),
                    (FailureClass::Configuration, true),
                    "{key:?}: {failure:?}"
                );
                assert!(
                    key.iter().any(|part| ["", ".", ".."].contains(part)),
                    "{key:?}: {failure:?}"
                );
            }
        }
    }
    assert_eq!(rig.held().await, wanted);
    // And each is deleted at its own place.
    let (first, rest) = wanted.iter().next().zip(wanted.iter().nth(1)).unwrap();
    assert_ne!(first, rest);
    let doomed: Vec<[&str; 2]> = keys
        .iter()
        .copied()
        .filter(|key| wanted.contains(&document(*key, "1")))
        .step_by(2)
        .collect();
    let deletes: Vec<_> = (10_000..)
        .zip(&doomed)
        .map(|(version, key)| delete(*key, version))
        .collect();
    assert_delivered(&sink, &deletes).await;
    for key in doomed {
        wanted.remove(&document(key, "1"));
    }
    assert_eq!(rig.held().await, wanted);
}

/// Another process sends the same again, as it does not know what became of it.
pub async fn takes_the_same_version_twice<R: Rig>() {
    let rig = R::start().await;
    let deliveries = [
        upsert(["a", "1"], 1, "1"),
        upsert(["a", "2"], 2, "2"),
        delete(["a", "3"], 3),
    ];
    for _ in 0..2 {
        assert_delivered(&sink(&rig, TIMEOUT), &deliveries).await;
        assert_holds(&rig, [document(["a", "1"], "1"), document(["a", "2"], "2")]).await;
    }
}

/// What comes late never replaces what is newer, a delete neither; and that counts as delivered.
pub async fn keeps_the_newer_version<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    // Compared as numbers, and beyond what a float tells apart.
    let (old, new) = (9_007_199_254_740_992, 9_007_199_254_740_993);
    assert_delivered(&sink, &[upsert(["a", "1"], 9, "9"), upsert(["a", "2"], new, "\"new\"")]).await;
    assert_delivered(
        &sink,
        &[upsert(["a", "1"], 10, "10"), upsert(["a", "2"], old, "\"old\"")],
    )
    .await;
    assert_delivered(&sink, &[upsert(["a", "1"], 9, "9"), delete(["a", "2"], old)]).await;
    assert_holds(&rig, [document(["a", "1"], "10"), document(["a", "2"], "\"new\"")]).await;
    assert_delivered(&sink, &[delete(["a", "1"], 12)]).await;
    assert_delivered(&sink, &[upsert(["a", "1"], 11, "11")]).await;
    assert_holds(&rig, [document(["a", "2"], "\"new\"")]).await;
}

/// It dies and comes back: the same sink goes on, with what was promised to be kept.
pub async fn comes_back<R: Rig>() {
    let mut rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let first = upsert(["a", "1"], 1, "1");
    assert_delivered(&sink, &[first]).await;
    rig.down().await;
    let second = upsert(["a", "2"], 2, "2");
    // The connection may have been thought good.
    retry(&deliver_one(&sink, &second).await);
    rig.up().await;
    // One that was cut may still be found out.
    let _ = deliver_one(&sink, &second).await;
    assert_delivered(&sink, &[second]).await;
    assert_holds(&rig, [document(["a", "1"], "1"), document(["a", "2"], "2")]).await;
}

/// That is no document's fault: all are tried again, once somebody has mended it.
pub async fn is_locked<R: Rig>() {
    let rig = R::start().await;
    rig.lock_out().await;
    let sink = sink(&rig, TIMEOUT);
    let deliveries = [upsert(["a", "1"], 1, "1"), upsert(["a", "2"], 2, "2")];
    for outcome in deliver(&sink, &deliveries).await {
        let (failure, _) = retry(&outcome);
        assert_eq!(
            (failure.class, failure.certain),
            (FailureClass::Configuration, true),
            "{failure:?}"
        );
    }
    let reach = sink.reach(TIMEOUT).await;
    assert!(reach.wrong.is_some(), "{reach:?}");
    rig.mend().await;
    assert_delivered(&sink, &deliveries).await;
}

/// Neither when it has run out nor in the last moment of it.
pub async fn sends_nothing_without_a_lease<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    for deadline in [Instant::now(), Instant::now() + Duration::from_millis(1)] {
        let late = Delivery {
            deadline,
            ..upsert(["a", "1"], 1, "1")
        };
        let outcome = deliver_one(&sink, &late).await;
        assert!(matches!(outcome, Outcome::NotTried), "{outcome:?}");
    }
    assert_holds(&rig, []).await;
}

/// `check` says what was tried, and warns of a server that is away.
pub async fn is_reached<R: Rig>() {
    let mut rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let there = sink.reach(TIMEOUT).await;
    assert!(!there.tried.is_empty() && there.wrong.is_none(), "{there:?}");
    rig.down().await;
    let away = sink.reach(TIMEOUT).await;
    assert!(!away.tried.is_empty(), "{away:?}");
    assert!(!away.wrong.as_ref().unwrap().is_error, "{away:?}");
    assert!(!format!("{there:?}{away:?}").contains(SECRET));
    assert_holds_nothing_after(&mut rig).await;
}

async fn assert_holds_nothing_after(rig: &mut impl Rig) {
    rig.up().await;
    assert_holds(rig, []).await;
}

/// `publish --dry-run`: the document is in it, the secret is not, and nothing is sent.
pub async fn shows_what_it_would_send<R: Rig>() {
    let rig = R::start().await;
    let sink = sink(&rig, TIMEOUT);
    let shown = sink.preview(&upsert(["a", "1"], 77, EXACT)).unwrap();
    assert!(shown.contains(EXACT) && shown.contains("77"), "{shown}");
    let gone = sink.preview(&delete(["a", "1"], 78)).unwrap();
    assert!(gone.contains("78") && !gone.contains("rest"), "{gone}");
    assert!(!format!("{shown}{gone}").contains(SECRET), "{shown}{gone}");
    assert_holds(&rig, []).await;
}
