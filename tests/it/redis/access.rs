//! Who we are to the server, and what it lets us do.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::cache::{Cache, sink};
use crate::connections::authorities::Authority;
use crate::nats::bus::{delivery, lines, message};

#[tokio::test]
async fn a_right_that_is_missing_is_a_fault_of_the_configuration() {
    let cache = Cache::new().await;
    let rights = ["evalsha", "script|load", "get", "set", "del"];
    for missing in rights {
        let granted = rights.iter().filter(|right| **right != missing);
        let granted: Vec<String> = granted.map(|right| format!("+{right}")).collect();
        cache.tell::<()>(&format!(
            "ACL SETUSER walsift reset on >pssst ~order:* ~walsift:* {}",
            granted.join(" ")
        ));
        let url = cache.url().replace("redis://", "redis://walsift:pssst@");
        let sink = sink(&format!("url = '{url}'\nkey = 'order:{{id}}'"));
        let document = if missing == "del" { "" } else { "{}" };
        let outcomes = sink.deliver(&[delivery("1", 7, document)]).await;
        assert_eq!(
            lines(&outcomes),
            ["retry configuration certain"],
            "{missing}: {outcomes:?}"
        );
        if ["evalsha", "script|load"].contains(&missing) {
            let reach = sink.reach(Duration::from_secs(10)).await;
            let said = reach.wrong.unwrap().message;
            assert!(said.starts_with("NOPERM ") && said.contains(missing), "{said}");
        }
    }
    let all = rights.map(|right| format!("+{right}")).join(" ");
    cache.tell::<()>(&format!(
        "ACL SETUSER walsift reset on nopass ~order:* ~walsift:* {all}"
    ));
    let url = cache.url().replace("redis://", "redis://walsift@");
    let sink = sink(&format!("url = '{url}'\nkey = 'order:{{id}}'"));
    assert_eq!(sink.reach(Duration::from_secs(10)).await.wrong, None);
    let batch = [delivery("1", 8, "{}"), delivery("2", 8, "")];
    assert_eq!(lines(&sink.deliver(&batch).await), ["delivered"; 2]);
}

#[tokio::test]
async fn a_wrong_password_is_read_again_until_it_is_right() {
    let cache = Cache::with(&["--requirepass", "c0rrect-h0rse"]).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("url");
    let write = |password: &str| fs::write(&file, cache.url().replace("//", &format!("//:{password}@"))).unwrap();
    write("wr0ng-h0rse");
    let sink = sink(&format!("url = 'file:{}'\nkey = 'order:{{id}}'", file.display()));
    let outcomes = sink.deliver(&[delivery("1", 7, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);
    assert!(message(&outcomes[0]).starts_with("WRONGPASS "), "{outcomes:?}");
    write("c0rrect-h0rse");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
}

#[tokio::test]
async fn tls_is_spoken_with_whom_our_authority_vouches_for() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let folder = TempDir::new().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (server, client) = (ours.sign("server", &["127.0.0.1"]), ours.sign("client", &[]));
    let roots = put("ca.pem", &ours.certificate());
    let (cert, key) = (put("server.pem", &server.certificate), put("server.key", &server.key));
    let settings = [
        ["--port", "0"],
        ["--tls-port", "{port}"],
        ["--tls-cert-file", &cert],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &roots],
    ];
    let cache = Cache::with(&settings.concat()).await;
    let (cert, key) = (put("client.pem", &client.certificate), put("client.key", &client.key));
    let with = |roots: &str, rest: &str| {
        let url = cache.url().replace("redis://", "rediss://");
        let tls = format!("tls = {{ roots = '{roots}' {rest} }}");
        sink(&format!("url = '{url}'\nkey = 'order:{{id}}'\n{tls}"))
    };
    let one = [delivery("1", 7, "{}")];
    let identity = format!(", cert = '{cert}', key = '{key}'");
    assert_eq!(lines(&with(&roots, &identity).deliver(&one).await), ["delivered"]);
    let strangers = put("other.pem", &other.certificate());
    for sink in [with(&strangers, &identity), with(&roots, "")] {
        assert_eq!(lines(&sink.deliver(&one).await), ["retry connection certain"]);
    }
}
