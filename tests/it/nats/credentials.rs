//! Who we are to the server, and what it lets us do.

use std::fs;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::stream;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::bus::{Bus, delivery, lines, message, sink, stored};
use crate::connections::authorities::Authority;

const PASSWORD: &str = "c0rrect-h0rse";

/// With a user `admin` who may do everything, and further users.
async fn guarded(users: &str) -> Bus {
    let admin = format!("{{ user: admin, password: \"{PASSWORD}\" }}");
    let bus = Bus::bare(&format!("authorization {{ users: [ {admin} {users} ] }}")).await;
    let config = stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["shop.orders.*".to_owned()],
        ..stream::Config::default()
    };
    bus.jetstream_as(admin_options())
        .await
        .create_stream(config)
        .await
        .unwrap();
    bus
}

fn admin_options() -> ConnectOptions {
    ConnectOptions::with_user_and_password("admin".to_owned(), PASSWORD.to_owned())
}

fn one() -> [walsift::publish::Delivery; 1] {
    [delivery("1", 7, "{}")]
}

#[tokio::test]
async fn a_wrong_password_is_a_fault_of_the_configuration_and_mended_without_a_restart() {
    let bus = guarded("").await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "wr0ng-h0rse\n").unwrap();
    let auth = format!(
        "auth = {{ basic = {{ user = 'admin', password = 'file:{}' }} }}",
        file.display()
    );
    let sink = bus.sink(&auth);
    let outcomes = sink.deliver(&one()).await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);
    assert_eq!(
        message(&outcomes[0]),
        "the server does not let us in: Authorization Violation"
    );
    let reach = sink.reach(Duration::from_secs(5)).await;
    assert!(reach.wrong.unwrap().message.ends_with("Authorization Violation"));

    fs::write(&file, PASSWORD).unwrap();
    assert_eq!(lines(&sink.deliver(&one()).await), ["delivered"]);
    let nobody = bus.sink("").deliver(&one()).await;
    assert_eq!(lines(&nobody), ["retry configuration certain"]);
}

#[tokio::test]
async fn tokens_and_keys_are_let_in() {
    let key = KeyPair::new_user();
    let bus = guarded(&format!(", {{ nkey: {} }}", key.public_key())).await;
    let sink = bus.sink(&format!("auth = {{ nkey = '{}' }}", key.seed().unwrap()));
    assert_eq!(lines(&sink.deliver(&one()).await), ["delivered"]);
    let other = KeyPair::new_user().seed().unwrap();
    let outcomes = bus
        .sink(&format!("auth = {{ nkey = '{other}' }}"))
        .deliver(&one())
        .await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);

    let bus = Bus::bare("authorization { token: \"t0k3n\" }").await;
    let sink = bus.sink("auth = { token = 't0k3n' }");
    assert_eq!(lines(&sink.deliver(&one()).await), ["retry server_error certain"]);
    let outcomes = bus.sink("auth = { token = 'wr0ng' }").deliver(&one()).await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);
}

/// An operator vouches for an account, which vouches for a user:
/// <https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt>
#[tokio::test]
async fn credentials_files_are_let_in_and_read_again() {
    let [operator, account, system] = [KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account()];
    let all = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    });
    let mut with_jetstream = all.clone();
    for kind in ["mem_storage", "disk_storage", "streams", "consumer"] {
        with_jetstream[kind] = (-1).into();
    }
    let preloaded = [(&account, with_jetstream), (&system, all)].map(|(key, limits)| {
        let claims = json!({ "type": "account", "limits": limits });
        format!("{}: {}", key.public_key(), jwt(&operator, key, claims))
    });
    let bus = Bus::bare(&format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{ {} }}",
        jwt(&operator, &operator, json!({ "type": "operator" })),
        system.public_key(),
        preloaded.join(", "),
    ))
    .await;
    let creds = |user: &KeyPair, seed: &str| {
        let claims = json!({ "type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 });
        let jwt = jwt(&account, user, claims);
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    };
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("walsift.creds");
    fs::write(&file, creds(&user, &other.seed().unwrap())).unwrap();
    let sink = bus.sink(&format!("auth = {{ creds = '{}' }}", file.display()));
    assert_eq!(lines(&sink.deliver(&one()).await), ["retry configuration certain"]);
    fs::write(&file, creds(&user, &user.seed().unwrap())).unwrap();
    assert_eq!(lines(&sink.deliver(&one()).await), ["retry server_error certain"]);
}

/// `issuer` says of `subject` that these are its claims.
fn jwt(issuer: &KeyPair, subject: &KeyPair, mut claims: Value) -> String {
    claims["version"] = 2.into();
    let claims =
        json!({ "iss": issuer.public_key(), "sub": subject.public_key(), "iat": 0, "name": "it", "nats": claims });
    let encoded = |value: Value| BASE64.encode(value.to_string());
    let said = format!(
        "{}.{}",
        encoded(json!({ "typ": "JWT", "alg": "ed25519-nkey" })),
        encoded(claims)
    );
    let signature = BASE64.encode(issuer.sign(said.as_bytes()).unwrap());
    format!("{said}.{signature}")
}

#[tokio::test]
async fn a_subject_that_we_may_not_publish_to_stops_no_other() {
    let limited = "{ user: walsift, password: pssst, permissions: { publish: { deny: \"shop.orders.2\" } } }";
    let bus = guarded(&format!(", {limited}")).await;
    let sink = bus.sink("auth = { basic = { user = 'walsift', password = 'pssst' } }");
    let batch = ["1", "2", "3"].map(|id| delivery(id, 7, "{}"));
    let outcomes = sink.deliver(&batch).await;
    assert_eq!(
        lines(&outcomes),
        ["delivered", "retry configuration certain", "delivered"]
    );
    let words = "Permissions Violation for Publish to \"shop.orders.2\"";
    assert_eq!(message(&outcomes[1]), words);
    assert_eq!(stored(&bus.jetstream_as(admin_options()).await).await.len(), 2);
}

#[tokio::test]
async fn publishers_need_no_right_to_ask_for_the_stream() {
    let limited = "{ user: walsift, password: pssst, permissions: { publish: { allow: \"shop.>\" } } }";
    let bus = guarded(&format!(", {limited}")).await;
    let sink = bus.sink("auth = { basic = { user = 'walsift', password = 'pssst' } }");
    assert_eq!(lines(&sink.deliver(&one()).await), ["delivered"]);
    let reach = sink.reach(Duration::from_secs(10)).await;
    assert_eq!(reach.wrong, None);
    assert!(
        reach.tried[1].ends_with("no answer; we may not ask, or there is no JetStream"),
        "{reach:?}"
    );
}

#[tokio::test]
async fn who_may_not_hear_of_answers_is_not_let_in() {
    let deaf = "{ user: walsift, password: pssst, permissions: { subscribe: { deny: \"_INBOX.>\" } } }";
    let bus = guarded(&format!(", {deaf}")).await;
    let sink = bus.sink("auth = { basic = { user = 'walsift', password = 'pssst' } }");
    let outcomes = sink.deliver(&one()).await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);
    assert!(
        message(&outcomes[0]).contains("Permissions Violation for Subscription"),
        "{outcomes:?}"
    );
    assert!(stored(&bus.jetstream_as(admin_options()).await).await.is_empty());
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_knows_us_by_ours() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("the authority");
    let server = authority.sign("server", &["127.0.0.1"]);
    let client = authority.sign("walsift", &["walsift"]);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let roots = file("ca.pem", &authority.certificate());
    let (cert, key) = (file("server.pem", &server.certificate), file("server.key", &server.key));
    let bus = Bus::bare(&format!(
        "tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{roots}\", verify: true, timeout: 10 }}"
    ))
    .await;
    let (cert, key) = (file("client.pem", &client.certificate), file("client.key", &client.key));
    let try_with = async |scheme: &str, keys: &str| {
        let url = bus.url().replace("nats", scheme);
        let sink = sink(&format!("url = '{url}'\nsubject = 'shop.orders.{{id}}'\n{keys}"));
        let outcomes = sink.deliver(&one()).await;
        (lines(&outcomes).remove(0), message(&outcomes[0]).to_owned())
    };

    let good = format!("tls = {{ roots = '{roots}', cert = '{cert}', key = '{key}' }}");
    for scheme in ["nats", "tls"] {
        assert_eq!(try_with(scheme, &good).await.0, "retry server_error certain");
    }
    let unknown = file("other.pem", &Authority::new("another authority").certificate());
    let distrustful = format!("tls = {{ roots = '{unknown}', cert = '{cert}', key = '{key}' }}");
    let (outcome, words) = try_with("tls", &distrustful).await;
    assert_eq!(outcome, "retry connection certain");
    assert!(words.contains("invalid peer certificate"), "{words}");
    let (outcome, _) = try_with("tls", &format!("tls = {{ roots = '{roots}' }}")).await;
    assert_eq!(outcome, "retry connection certain");
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_where_tls_is_wanted() {
    let bus = Bus::bare("").await;
    let url = bus.url().replace("nats", "tls");
    let sink = sink(&format!("url = '{url}'\nsubject = 'shop.orders.{{id}}'"));
    let outcomes = sink.deliver(&one()).await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);
    assert!(message(&outcomes[0]).ends_with("offers no TLS"), "{outcomes:?}");
}
