//! What can be said of a NATS, and what can be wrong with it.

use nkeys::KeyPair;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::config::{NatsAuth, NatsSink, SinkKind};

fn nats(keys: &str) -> NatsSink {
    let file = format!(
        "[source]\nurl = 'postgres://db'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'
         [sinks.out]\ntype = 'nats'\nsubject = 'orders.{{id}}'\n{keys}"
    );
    match loaded(&file).config.sinks.remove(0).kind {
        SinkKind::Nats(nats) => *nats,
        other => panic!("{other:?}"),
    }
}

#[test]
fn little_has_to_be_said() {
    let nats = nats("url = 'nats://bus'");
    let servers: Vec<_> = nats.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["nats://bus:4222"]);
    assert_eq!(
        (nats.subject.as_str(), nats.stream, nats.max, nats.bytes),
        ("orders.{id}", None, 1_000, 8 << 20)
    );
    assert!(nats.auth.is_none() && nats.tls.roots.is_none());
}

#[test]
fn several_servers_are_told_apart() {
    let nats = nats("url = ['nats://a:4223', 'tls://b/', 'tls://[::1]:7']\nbatch = { max = 5, bytes = '1MiB' }");
    let servers: Vec<_> = nats.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["nats://a:4223", "tls://b:4222", "tls://[::1]:7"]);
    assert_eq!((nats.max, nats.bytes), (5, 1 << 20));
}

#[test]
fn there_are_four_ways_to_say_who_we_are() {
    let seed = KeyPair::new_user().seed().unwrap();
    let creds = format!("-----BEGIN NATS USER JWT-----\njwt\n-----BEGIN USER NKEY SEED-----\n{seed}\n");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("walsift.creds");
    std::fs::write(&file, &creds).unwrap();
    let auth = |text: &str| nats(&format!("url = 'nats://bus'\nauth = {{ {text} }}")).auth.unwrap();
    match auth("basic = { user = 'me', password = 'hunter2' }") {
        NatsAuth::Basic { user, password } => {
            assert_eq!((user.as_str(), password.text.expose_secret()), ("me", "hunter2"));
        }
        other => panic!("{other:?}"),
    }
    match auth("token = 'hunter2'") {
        NatsAuth::Token(token) => assert_eq!(token.text.expose_secret(), "hunter2"),
        other => panic!("{other:?}"),
    }
    match auth(&format!("nkey = '{seed}'")) {
        NatsAuth::Nkey(found) => assert_eq!(found.text.expose_secret(), seed),
        other => panic!("{other:?}"),
    }
    for (written, renewed) in [
        (format!("creds = '{}'", file.display()), true),
        (format!("creds = 'file:{}'", file.display()), true),
        (format!("creds = '''{creds}'''"), false),
    ] {
        match auth(&written) {
            NatsAuth::Creds(found) => {
                assert_eq!(found.text.expose_secret().trim_end(), creds.trim_end());
                assert_eq!(found.file().is_some(), renewed, "{written}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_shown_at_its_place() {
    insta::assert_snapshot!(refused_sink("\ntype = 'nats'"), @r#"
    error: the sink `out` has no `url`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `url = "nats://nats.example.com:4222"`, or a list of them

    error: the sink `out` has no `subject`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `subject = "shop.orders.{id}"`; `{id}` stands for a key column

    2 errors
    "#);
    let keys = "
type = 'nats'
url = ['http://bus', 'nats://me:pssst@bus', 'tls://bus/orders', 'nats://:4222']
subject = 'orders.*.{id}'
stream = 'OR.DERS'
auth = { token = '', nkey = 'SUA' }
batch = { bytes = '1B' }
";
    insta::assert_snapshot!(refused_sink(keys), @r#"
    error: the url of a NATS begins with nats:// or tls://
     --> config.toml:8:8
      |
    8 | url = ['http://bus', 'nats://me:*****@bus', 'tls://bus/orders', 'nats://:4222']
      |        ^^^^^^^^^^^^

    error: the url of a NATS can't have a user
     --> config.toml:8:22
      |
    8 | url = ['http://bus', 'nats://me:*****@bus', 'tls://bus/orders', 'nats://:4222']
      |                      ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: say who we are by `auth = { basic = { user = "…", password = "…" } }`

    error: the url is where the server answers, and no more
     --> config.toml:8:45
      |
    8 | url = ['http://bus', 'nats://me:*****@bus', 'tls://bus/orders', 'nats://:4222']
      |                                             ^^^^^^^^^^^^^^^^^^

    error: the url is malformed: empty host
     --> config.toml:8:65
      |
    8 | url = ['http://bus', 'nats://me:*****@bus', 'tls://bus/orders', 'nats://:4222']
      |                                                                 ^^^^^^^^^^^^^^

    error: "orders.*.{id}" can't be a subject to publish to
     --> config.toml:9:11
      |
    9 | subject = 'orders.*.{id}'
      |           ^^^^^^^^^^^^^^^
      |
      = help: it is words with dots between them, without spaces, `*` and `>`

    error: "OR.DERS" can't be the name of a stream
      --> config.toml:10:10
       |
    10 | stream = 'OR.DERS'
       |          ^^^^^^^^^
       |
       = help: it has no spaces, and none of `.`, `*`, `>`, `/` and `\`

    error: `auth` can't be token and nkey at a time
      --> config.toml:11:8
       |
    11 | auth = { token = '', nkey = '***' }
       |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: wanted is one of `basic`, `token`, `nkey` or `creds`

    error: `token` is empty
      --> config.toml:11:18
       |
    11 | auth = { token = '', nkey = '***' }
       |                  ^^ this comes to nothing

    error: `bytes` is too small
      --> config.toml:12:19
       |
    12 | batch = { bytes = '1B' }
       |                   ^^^^
       |
       = help: wanted is at least "1KiB"

    9 errors
    "#);
    for (subject, is_one) in [
        ("orders.{id}", true),
        ("{shop}.o-{id}", true),
        ("orders..{id}", false),
        ("orders.{id}.", false),
        (".orders", false),
        ("orders {id}", false),
        ("orders.>", false),
        ("bücher.{id}", false),
    ] {
        let keys = format!("\ntype = 'nats'\nurl = 'nats://bus'\nstream = '.'\nsubject = '{subject}'");
        let refused = refused_sink(&keys).contains("can't be a subject to publish to");
        assert_eq!(!refused, is_one, "{subject}");
    }
}

#[test]
fn credentials_that_are_none_are_refused() {
    insta::assert_snapshot!(refused_sink("
type = 'nats'
url = 'nats://bus'
subject = 'orders'
auth = { nkey = 'SUAhunter2' }"), @r#"
    error: the value of `nkey` is of no use: it is not the seed of a user's key, which begins with `SU`
      --> config.toml:10:17
       |
    10 | auth = { nkey = '**********' }
       |                 ^^^^^^^^^^^^

    1 error
    "#);
    let account = KeyPair::new_account().seed().unwrap();
    for auth in [
        format!("nkey = '{account}'"),
        "creds = '/no/such/file'".to_owned(),
        "creds = '''-----BEGIN NATS USER JWT-----\nhunter2'''".to_owned(),
        "basic = { user = 'me' }".to_owned(),
        String::new(),
    ] {
        let keys = format!("\ntype = 'nats'\nurl = 'nats://bus'\nsubject = 'orders'\nauth = {{ {auth} }}");
        let refused = refused_sink(&keys);
        assert!(refused.contains("1 error") && !refused.contains("hunter2"), "{refused}");
    }
}
