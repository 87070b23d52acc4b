//! TLS and passwords.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use walsift::config::Config;
use walsift::mapping::SubjectKey;
use walsift::plan::{KeyColumn, KeyShape};
use walsift::publish::{Delivery, Failure, FailureClass, Operation, Outcome, Sink};

use super::door::{Authority, Door};
use crate::servers::kafka::{Kafka, TOPIC};

const TIME: Duration = Duration::from_secs(30);

fn sink(door: &Door, keys: &str) -> Sink {
    let text = format!(
        "[source]\nurl = 'postgres://nobody@127.0.0.1:1/nowhere'\n[syncs.things]\ntable = 'things'\nsink = 'it'
         [sinks.it]\ntype = 'kafka'\nbrokers = '{}'\ntopic = '{TOPIC}'\n{keys}",
        door.address
    );
    let loaded = Config::parse("kafka.toml".as_ref(), &text, &|_| None);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    Sink::build(&loaded.config.sinks[0]).unwrap()
}

fn delivery() -> Delivery {
    let id = KeyColumn {
        name: "id".to_owned(),
        sql_type: "int".to_owned(),
        bare_in_json: true,
    };
    Delivery {
        sync: "things".into(),
        shape: Arc::new(KeyShape { columns: vec![id] }),
        key: SubjectKey::new(["1"].into_iter()),
        operation: Operation::Upsert,
        version: 1,
        correlation: "0123456789abcdef0123456789abcdef".to_owned(),
        document: "{\"id\":1}".into(),
        remote_id: None,
        deadline: Instant::now() + Duration::from_mins(1),
    }
}

async fn outcome(sink: &Sink) -> Outcome {
    sink.deliver(&[delivery()]).await.remove(0)
}

async fn assert_delivered(sink: &Sink) {
    let outcome = outcome(sink).await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
}

/// Nothing was sent, for this reason.
async fn refusal(sink: &Sink, class: FailureClass) -> Failure {
    match outcome(sink).await {
        Outcome::Retry { failure, .. } => {
            assert_eq!((failure.class, failure.certain), (class, true), "{failure:?}");
            failure
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_password_is_read_again_and_not_repeated() {
    let kafka = Kafka::start();
    let door = Door::before(&kafka, "pssst-the-right-one", None).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "pssst-the-wrong-one\n").unwrap();
    let keys = format!(
        "auth = {{ plain = {{ user = 'walsift', password = 'file:{}' }} }}",
        file.display()
    );
    let sink = sink(&door, &keys);
    let failure = refusal(&sink, FailureClass::Configuration).await;
    assert!(failure.message.contains(": no such password: *** "), "{failure:?}");
    let reach = sink.reach(TIME).await;
    assert!(
        !reach.wrong.as_ref().unwrap().is_error && !format!("{reach:?}").contains("pssst"),
        "{reach:?}"
    );
    fs::write(&file, "pssst-the-right-one\n").unwrap();
    assert_delivered(&sink).await;
    assert_eq!(kafka.compacted().await["1"], "{\"id\":1}");

    // What is connected stays so; who comes anew is asked anew.
    door.change_password("pssst-the-next-one");
    assert_delivered(&sink).await;
    let another = self::sink(&door, &keys);
    refusal(&another, FailureClass::Configuration).await;
    fs::write(&file, "pssst-the-next-one\n").unwrap();
    assert_delivered(&another).await;
}

#[tokio::test]
async fn a_mechanism_that_brokers_do_not_know_is_a_fault_of_the_configuration() {
    let kafka = Kafka::start();
    let door = Door::before(&kafka, "pssst", None).await;
    for mechanism in ["scram_sha_256", "scram_sha_512"] {
        let keys = format!("auth = {{ {mechanism} = {{ user = 'walsift', password = 'pssst' }} }}");
        let failure = refusal(&sink(&door, &keys), FailureClass::Configuration).await;
        assert!(failure.message.contains("mechanism"), "{failure:?}");
    }
}

#[tokio::test]
async fn tls_trusts_the_given_roots_and_shows_the_given_certificate() {
    let kafka = Kafka::start();
    let authority = Authority::new();
    let door = Door::before(&kafka, "pssst", Some(&authority)).await;
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let auth = "auth = { plain = { user = 'walsift', password = 'pssst' } }";
    let (certificate, key) = authority.sign("walsift");
    let (roots, certificate, key) = (
        file("roots.pem", &authority.root()),
        file("cert.pem", &certificate),
        file("key.pem", &key),
    );
    let complete = format!("tls = {{ roots = '{roots}', cert = '{certificate}', key = '{key}' }}\n{auth}");
    assert_delivered(&sink(&door, &complete)).await;

    let nobody = format!("tls = {{ roots = '{roots}' }}\n{auth}");
    refusal(&sink(&door, &nobody), FailureClass::Connection).await;
    let system = format!("tls = {{}}\n{auth}");
    let failure = refusal(&sink(&door, &system), FailureClass::Connection).await;
    assert!(failure.message.contains("certificate verify failed"), "{failure:?}");
    refusal(&sink(&door, auth), FailureClass::Connection).await;

    // A certificate that is renewed in its file is shown from the next connection on.
    let strange = Authority::new();
    let (certificate, key) = strange.sign("walsift");
    let swap = |(certificate, key): (String, String)| {
        fs::write(Path::new(folder.path()).join("cert.pem"), certificate).unwrap();
        fs::write(Path::new(folder.path()).join("key.pem"), key).unwrap();
    };
    swap((certificate, key));
    let sink = sink(&door, &complete);
    refusal(&sink, FailureClass::Connection).await;
    swap(authority.sign("walsift"));
    assert_delivered(&sink).await;
}
