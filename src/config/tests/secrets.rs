//! G13: no secret in a finding, whatever is wrong with the file, and none in the print.

use proptest::prelude::*;

use super::*;

/// Each has `hunter2` for a secret, on a line that a finding points at.
const LEAKY: &[&str] = &[
    "[source]\nurl = \"postgres://app:hunter2@db\nslot = 'x'",
    "[source]\nurl = [\"postgres://app:hunter2@db\"]",
    "[source]\nurl = \"postgres://app:hunter2@${NOWHERE}/x\"",
    "[source]\nurl = \"${DATABASE_URL:?hm}\", password = \"hunter2\"",
    "[source]\npasswrd = \"hunter2\"",
    "[source]\nhost = 'x'\npassword = 'a'\npassword = 'hunter2'",
    "source = { url = \"postgres://app:hunter2@db\", slot = \"BAD\" }",
    "source = { url = \"host=db password=hunter2\", slot = \"BAD\" }",
    "source = { url = \"postgres://app:hunter2@db\", password = \"hunter2\", tabel = 1 }",
    "[state]\nurl = 'hunter2'\nurl = 'hunter2'",
    "[admin]\ntoken = \"hunter2 with spaces\"",
    "[admin]\ntoken = \"${PW:=hunter2}\"",
    "[admin]\ntoken = \"${PW:-hunter2\"",
    "[source]\nurl = \"postgres://app:${PW-hunter2}@db\"",
    "[admin]\nlisten = '0.0.0.0:1'\ntokn = \"hunter2\"",
    "admin = { listen = '0.0.0.0:1', token = \"hunter2\", x = 1 }",
    "[sinks.a]\ntype = 'http'\nurl = \"ftp://x/?key=hunter2\"",
    "[sinks.a]\ntype = 'http'\nurl = \"https://me:hunter2@x/{\"",
    "[sinks.a]\ntype = 'http'\nurl = \"${SECRET}\"",
    "[sinks.a]\ntype = 'http'\nauth = { bearer = \"hunter2\" }\nsign = \"hunter2\"",
    "[sinks.a]\ntype = 'http'\nauth = \"hunter2\"",
    "[sinks.a]\ntype = 'http'\nauth = { basic = \"hunter2\", oauth2 = \"hunter2\" }",
    "[sinks.a]\ntype = 'http'\nauth = { basic = { user = 'x', passwort = \"hunter2\" } }",
    "[sinks.a]\ntype = 'http'\n[sinks.a.auth.oauth2]\nclient_secret = \"hunter2\"\ntoken_url = \"x://hunter2@x\"",
    "[sinks.a]\ntype = 'http'\n[sinks.a.auth.oauth2.parameters]\nclient_secret = \"hunter2\"",
    "[sinks.a]\ntype = 'http'\nsign = [\"whsec_hunter2\", \"hunter2\", 1]",
    "[sinks.a]\ntype = 'http'\ntls = { key = \"-----BEGIN PRIVATE KEY-----hunter2\" }",
    "[sinks.a]\ntype = 'http'\ntls = { key = [\"-----BEGIN PRIVATE KEY-----hunter2\"] }",
    "[sinks.a]\ntype = 'kafka'\nauth = { scram_sha_512 = { user = 'x', pasword = \"hunter2\" } }",
    "[sinks.a]\ntype = 'kafka'\nauth = { gssapi = \"hunter2\" }",
    "[sinks.a]\ntype = 'kafka'\nproperties = { acks = \"hunter2\", partitioner = \"hunter2\" }",
    "[sinks.a]\ntype = 'elasticsearch'\nauth = { bearer = \"hunter2\" }",
    "[sinks.a]\ntype = 'elasticsearch'\nauth = { api_key = \"hunter2\", basic = {} }",
    "[sinks.a]\ntype = 'opensearch'\nurl = \"https://me:hunter2@x/?key=hunter2\"\nindex = 'A'",
    "[sinks.a]\ntype = 'nats'\nurl = [\"nats://me:hunter2@x\"]",
    "[sinks.a]\ntype = 'nats'\nauth = { token = \"hunter2\", nkey = \"hunter2\" }",
    "[sinks.a]\ntype = 'nats'\nauth = { creds = \"-----BEGIN NATS USER JWT-----hunter2\" }",
    "[sinks.a]\ntype = 'redis'\nurl = \"http://me:hunter2@x\"",
    "[sinks.a]\ntype = 'redis'\nurl = \"redis://me:hunter2@x/first\"\nkey = ''",
    "sinks.a = { auth = { bearer = \"hunter2\" } }",
    "sinks.a = { type = 'http', headers = { \"ba d\" = \"hunter2\", authorization = \"Bearer hunter2\" } }",
    "[sinks.a]\ntype = 'http'\nheaders = { x-a = \"hunter2\\nx\" }",
    "[sinks.a]\ntype = 'http'\n[sinks.a.headers]\nx-a = \"${SECRET}\\nx\"",
    "[sinks.a]\ntype = 'http'\n[sinks.a.headers]\nx-a = \"hunter2",
    "[sinks.a]\ntype = 'http'\nheader = { x-a = \"hunter2\" }",
    "[sinks.a]\ntype = 'http'\nheaders = \"hunter2\"",
];

#[test]
fn no_finding_shows_a_secret() {
    for text in LEAKY {
        let error = parse(text).unwrap_err();
        let LoadError::Refused { file, report } = &error else {
            panic!("{error}")
        };
        for shown in [
            shown(&error),
            report.to_json(file).to_string(),
            format!("{error:?}"),
            error.to_string(),
        ] {
            assert!(!shown.contains("hunter2"), "{text}\n\n{shown}");
        }
    }
}

#[test]
fn neither_the_print_nor_debug_shows_a_secret() {
    let text = r#"
[source]
url = "${DATABASE_URL}"
[state]
url = "host=db user=app password=hunter2"
[admin]
token = "${SECRET}"
[sinks.api]
type = "http"
url = "https://hunter2@api.example.com/{id}?token=${SECRET}"
headers = { x-key = "Bearer hunter2" }
[sinks.hook]
type = "http"
url = "https://api.example.com/{id}?token=${SECRET}"
auth = { bearer = "hunter2" }
sign = ["whsec_hunter2hunter2hunter2hunter2hunt"]
[syncs.orders]
table = "orders"
sinks = ["api", "hook"]
"#;
    let loaded = loaded(text);
    for shown in [loaded.config.print_masked(), format!("{loaded:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn what_is_no_secret_stays_readable() {
    let text = "source = { url = \"postgres://app:hunter2@${HOST}/shop\" }\n";
    insta::assert_snapshot!(refused(text), @r#"
    error: there is no sync, so there is nothing to do
    --> config.toml
     |
     = help: add one: [syncs.NAME] with `table` and `sink`

    error: the environment variable `HOST` is not set
     --> config.toml:1:42
      |
    1 | source = { url = "postgres://app:*******@${HOST}/shop" }
      |                                          ^^^^^^
      |
      = help: set it, or give a default: `${HOST:-default}`

    2 errors
    "#);
}

/// A file with a secret wherever there may be one.
const FULL: &str = r#"
[source]
url = "postgres://app:hunter2@db/shop"
slot = "walsift"

[state]
url = "host=db user=app password='hunter2' dbname=shop"

[admin]
listen = "127.0.0.1:8080"
token = "hunter2"

[sinks.api]
type = "http"
url = "https://me:hunter2@api.example.com/{id}?token=hunter2&v={v}"
headers = { authorization = "Bearer hunter2", x-other = "hunter2" }
timeout = "10s"

[sinks.api2]
type = "http"
url = "https://api.example.com/{id}"
[sinks.api2.headers]
x-first = "hunter2"

[syncs.orders]
table = "orders"
sinks = ["api", "api2"]
"#;

const PIECES: &[&str] = &[
    "", "\"", "'", "=", "[", "]", "{", "}", "\n", "#", " ", "x", ",", "\"\"\"", "'''", "${", "\\", "@", ":", "/", "?",
    "é",
];

/// A cut and an insertion.
fn damage() -> impl Strategy<Value = (usize, usize, &'static str)> {
    (0..FULL.len(), 0..4_usize, prop::sample::select(PIECES))
}

/// The secrets themselves stay whole, and each on the line of its key: what stands under another key is no secret.
fn damaged((at, length, piece): (usize, usize, &str)) -> Option<String> {
    let (start, end) = (at, (at + length).min(FULL.len()));
    let harmed = |from: usize, secret: &str| start < from + secret.len() && end > from;
    let harms = FULL.match_indices("hunter2").any(|(from, secret)| harmed(from, secret));
    let fits = !harms && !FULL[start..end].contains('\n');
    fits.then(|| format!("{}{piece}{}", &FULL[..start], &FULL[end..]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_slip_of_the_hand_brings_a_secret_to_light(damage in damage()) {
        if let Some(text) = damaged(damage)
            && let Err(LoadError::Refused { file, report }) = parse(&text)
        {
            let shown = report.render(&file, false);
            prop_assert!(!shown.contains("hunter2"), "{text}\n\n{shown}");
            prop_assert!(!report.to_json(&file).to_string().contains("hunter2"));
        }
    }
}
