//! What a file that is in order comes to.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{Deletes, History, Initial, OnLostSlot, Precedence, SinkKind, Way};
use super::*;

#[test]
fn the_smallest_useful_file_has_all_defaults() {
    let Loaded { config, report, .. } = loaded(
        r#"
[source]
url = "${DATABASE_URL}"

[sinks.shop_api]
type = "http"
url  = "https://api.example.com/orders/{id}"

[syncs.orders]
table = "orders"
sink  = "shop_api"

[syncs.orders.document]
id                 = "id"
order_status       = "status"
customer_full_name = "customer.first_name || ' ' || customer.last_name"

[syncs.orders.one.customer]
table = "customers"
"#,
    );
    assert!(report.is_empty());
    let Config {
        source,
        state,
        engine,
        retention,
        admin,
        sinks,
        syncs,
    } = config;
    assert_eq!(
        source.connection.text().expose_secret(),
        "postgres://app:hunter2@db/shop"
    );
    assert_eq!(
        (source.publication.as_str(), source.slot.as_str(), source.manage),
        ("walsift", "walsift", true)
    );
    assert_eq!(
        (source.column_lists, source.on_lost_slot, source.heartbeat),
        (false, OnLostSlot::Resync, Duration::from_secs(10))
    );
    assert_eq!(
        state.connection.text().expose_secret(),
        source.connection.text().expose_secret()
    );
    assert_eq!(state.schema, "walsift");
    assert_eq!(
        (retention.succeeded, retention.failed),
        (Duration::from_hours(24), Duration::from_hours(720))
    );
    assert_eq!((engine.workers, engine.batch), (4, 500));
    assert_eq!((engine.lease, engine.memory_bytes), (Duration::from_mins(1), 256 << 20));
    assert_eq!(admin.listen.to_string(), "127.0.0.1:8080");
    assert!(admin.token.is_none());
    let terms = &sinks[0].terms;
    let SinkKind::Http(http) = &sinks[0].kind else {
        panic!("{sinks:?}")
    };
    assert_eq!(
        (http.method.as_str(), terms.timeout, terms.concurrency),
        ("PUT", Duration::from_secs(10), 16)
    );
    assert_eq!(
        (terms.retry.attempts, terms.retry.base, terms.retry.max),
        (10, Duration::from_secs(1), Duration::from_mins(15))
    );
    assert_eq!(terms.rate_limit, None);
    assert_eq!(
        (terms.breaker.failures, terms.breaker.cooldown),
        (20, Duration::from_secs(30))
    );
    let sync = &syncs[0];
    assert_eq!((sync.initial, sync.history), (Initial::All, History::Failures));
    assert_eq!((sync.deletes, sync.priority), (Deletes::Publish, Precedence::Normal));
    assert_eq!((sync.debounce, sync.min_interval), (Duration::ZERO, Duration::ZERO));
    assert_eq!(sync.refresh_every, None);
    assert_eq!(sync.sinks, ["shop_api"]);
    assert!(sync.key.is_none() && sync.sql.is_none() && sync.after_publish.is_none());
    assert!(sync.ignore.is_empty() && sync.changes.is_empty() && sync.messages.is_empty());
    assert!(!sync.keep_document);
    assert!(sync.root.through.is_none() && sync.root.limit.is_none());
}

#[test]
fn a_sync_says_what_it_does_besides_its_tree() {
    let keys = r#"
[syncs.orders]
table = "orders"
sink = "out"
deletes = "ignore"
ignore = ["/updated_at", "/lines/0/a~1b"]
debounce = "250ms"
min_interval = "5s"
refresh_every = "1d"
keep_document = true
priority = "high"
after_publish = "update orders set sent = $document where id = $1"
[syncs.orders.changes]
rates = { sql = "select id from orders where currency = any($1)", from = ["currency"] }
settings = "all"
"shop.legacy_orders" = ["order_id"]
"all" = ["all"]
[syncs.orders.messages]
"shop.orders" = true
off = false
"#;
    let sync = loaded(&format!("{BASE}{keys}")).config.syncs.remove(0);
    assert_eq!((sync.deletes, sync.priority), (Deletes::Ignore, Precedence::High));
    let ignored: Vec<_> = sync.ignore.iter().map(|pointer| pointer.0.join("|")).collect();
    assert_eq!(ignored, ["updated_at", "lines|0|a/b"]);
    assert_eq!(
        (sync.debounce, sync.min_interval, sync.refresh_every),
        (
            Duration::from_millis(250),
            Duration::from_secs(5),
            Some(Duration::from_hours(24))
        )
    );
    assert!(sync.keep_document);
    let after_publish = sync.after_publish.unwrap();
    assert_eq!(after_publish.sql, "update orders set sent = $document where id = $1");
    assert_eq!(after_publish.place.path, "syncs.orders.after_publish");
    let ways: Vec<_> = sync
        .changes
        .iter()
        .map(|watched| match &watched.way {
            Way::All => format!("{}: all", watched.table.written()),
            Way::Columns(columns) => format!("{}: {}", watched.table.written(), columns.join(", ")),
            Way::Query { sql, from } => format!("{}: {} / {}", watched.table.written(), sql.sql, from.join(", ")),
        })
        .collect();
    let wanted = [
        "rates: select id from orders where currency = any($1) / currency",
        "settings: all",
        "shop.legacy_orders: order_id",
        "all: all",
    ];
    assert_eq!(ways, wanted);
    assert!(matches!(sync.changes[3].way, Way::Columns(_)));
    assert_eq!(sync.messages, ["shop.orders"]);
}
#[test]
fn a_connection_may_be_written_as_keys() {
    let text = r#"
[source]
host = "db.example"
port = 6432
user = "app"
password = "it's \\ ${SECRET}"
database = "shop"
sslmode = "verify-full"
sslrootcert = "/etc/ca.pem"
[sinks.out]
type = "stdout"
[syncs.orders]
table = "orders"
sink = "out"
"#;
    let config = loaded(text).config;
    assert_eq!(
        config.source.connection.text().expose_secret(),
        r"host='db.example' user='app' dbname='shop' sslrootcert='/etc/ca.pem' port='6432' sslmode='verify-full' password='it\'s \\ hunter2'"
    );
    assert_eq!(config.source.connection.place.path, "source.host");
    assert!(
        config.print_masked().contains(r"password='***'"),
        "{}",
        config.print_masked()
    );
}

#[test]
fn a_connection_may_be_left_to_the_environment() {
    let text = "[source]\n[sinks.out]\ntype = 'stdout'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'\n";
    for (variable, accepted) in [
        ("PGHOST", true),
        ("PGHOSTADDR", true),
        ("PGSERVICE", true),
        ("PGUSER", false),
    ] {
        let env = |name: &str| (name == variable).then(|| "db".to_owned());
        let parsed = Config::parse(Path::new("config.toml"), text, &env);
        assert_eq!(parsed.is_ok(), accepted, "{variable}");
        if let Ok(Loaded { config, .. }) = parsed {
            assert!(config.source.connection.url.is_none() && config.source.connection.parameters.is_empty());
            assert!(!config.print_masked().contains("url"), "{}", config.print_masked());
        }
    }
}

#[test]
fn a_secret_with_a_file_of_its_own_is_read_again_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://app:hunter2@db/shop\n").unwrap();
    let sync = "[sinks.out]\ntype = 'stdout'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'\n";
    let config = loaded(&format!("[source]\nurl = 'file:{}'\n{sync}", file.display())).config;
    let url = config.source.connection.url.as_ref().unwrap();
    assert_eq!(url.read().unwrap().expose_secret(), "postgres://app:hunter2@db/shop");
    let printed = config.print_masked();
    assert!(
        !printed.contains("hunter2") && printed.contains(&format!("file:{}", file.display())),
        "{printed}"
    );
    std::fs::write(&file, "postgres://app:hunter3@db/shop\n").unwrap();
    assert_eq!(url.read().unwrap().expose_secret(), "postgres://app:hunter3@db/shop");
    std::fs::remove_file(&file).unwrap();
    assert!(url.read().is_err());
}

#[test]
fn a_token_opens_the_door_to_other_addresses() {
    let sync = "[syncs.orders]\ntable = 'orders'\nsink = 'out'\n";
    let text = format!("{BASE}{sync}[admin]\nlisten = '[::]:9000'\ntoken = '${{SECRET}}'\n");
    let admin = loaded(&text).config.admin;
    assert_eq!(admin.listen.to_string(), "[::]:9000");
    assert_eq!(admin.token.unwrap().expose_secret(), "hunter2");
    let text = format!("{BASE}{sync}[admin]\ntoken = '${{EMPTY}}'\n");
    assert!(loaded(&text).config.admin.token.is_none());
}
#[test]
fn a_file_that_is_not_there_is_told_by_name() {
    let error = Config::load(Path::new("/no/such/config.toml"), &env).unwrap_err();
    assert_eq!(error.to_string(), "can't read /no/such/config.toml");
    assert!(std::error::Error::source(&error).is_some());
}
