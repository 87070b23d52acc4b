//! What a file that is in order comes to.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{
    BatchFormat, Cardinality, Deletes, Document, History, Initial, Member, OnLostSlot, Precedence, SinkKind,
    StatusRange, Way,
};
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
fn a_table_between_is_told_in_short_or_in_full() {
    let keys = r#"
[syncs.books]
table = "books"
sink = "out"
[syncs.books.many.authors]
through = "shop.book_authors"
document = "name"
limit = 3
[syncs.books.many.editors]
table = "people"
through = { table = "book_editors", on = { book = "id", year = "year" }, to = { editor = "id" } }
document = "name"
"#;
    let root = loaded(&format!("{BASE}{keys}")).config.syncs.remove(0).root;
    let (authors, editors) = (&root.children[0], &root.children[1]);
    let short = authors.through.as_ref().unwrap();
    assert_eq!(
        (short.table.written().as_str(), &short.on, &short.to),
        ("shop.book_authors", &None, &None)
    );
    assert_eq!((authors.limit, editors.limit), (Some(3), None));
    let full = editors.through.as_ref().unwrap();
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(full.table.written(), "book_editors");
    assert_eq!(full.on, Some(vec![pair("book", "id"), pair("year", "year")]));
    assert_eq!(full.to, Some(vec![pair("editor", "id")]));
}

#[test]
fn members_and_children_keep_the_order_of_the_file() {
    let text = format!(
        r#"{BASE}
[syncs.orders.many.zebras.one.deep]
[syncs.orders]
table = "shop.orders"
sinks = ["out"]
key = ["number", "year"]
[syncs.orders.document]
z = "id"
a = 1_000
m.y = true
m.b = "x"
n = {{ q = +1.5, p = -0x0 }}
[syncs.orders.many.zebras]
document = "name"
[syncs.orders.one.ape]
on = {{ id = "ape_id", year = "year" }}
[syncs.orders.many.bears]
aggregate = {{ y = "count(*)", x = "1" }}
"#
    )
    .replace("-0x0", "0xff");
    let config = loaded(&text).config;
    let root = &config.syncs[0].root;
    let Some(Document::Object(members)) = &root.document else {
        panic!("{root:?}")
    };
    assert_eq!(outline(members), "z a=1000 m{y=true b} n{q=1.5 p=255}");
    let children: Vec<_> = root
        .children
        .iter()
        .map(|child| (child.name.as_str(), child.cardinality))
        .collect();
    let wanted = [
        ("zebras", Cardinality::Many),
        ("ape", Cardinality::One),
        ("bears", Cardinality::Many),
    ];
    assert_eq!(children, wanted);
    assert_eq!(root.table.written(), "shop.orders");
    assert_eq!(
        config.syncs[0].key.as_deref(),
        Some(&["number".to_owned(), "year".to_owned()][..])
    );
    assert!(matches!(root.children[0].document, Some(Document::Bare(_))));
    assert_eq!(root.children[0].children[0].table.name, "deep");
    let on = root.children[1].on.as_ref().unwrap();
    assert_eq!(on[0], ("id".to_owned(), "ape_id".to_owned()));
    assert_eq!(root.children[2].aggregate[0].0, "y");
}

fn outline(members: &[(String, Member)]) -> String {
    let one = |(name, member): &(String, Member)| match member {
        Member::Expression(_) => name.clone(),
        Member::Constant(json) => format!("{name}={json}"),
        Member::Object(members) => format!("{name}{{{}}}", outline(members)),
    };
    members.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn expressions_know_where_they_stand() {
    let text =
        format!("{BASE}[syncs.o]\ntable = 'o'\nsink = 'out'\nwhere = 'id > 1'\ndocument = {{ a = {{ b = 'c' }} }}\n");
    let Loaded { config, file, .. } = loaded(&text);
    let root = &config.syncs[0].root;
    let filter = root.filter.as_ref().unwrap();
    assert_eq!(filter.place.path, "syncs.o.where");
    assert_eq!(&text[filter.place.span.clone()], "'id > 1'");
    let Some(Document::Object(members)) = &root.document else {
        panic!("{root:?}")
    };
    let Member::Object(members) = &members[0].1 else {
        panic!("{members:?}")
    };
    let Member::Expression(expression) = &members[0].1 else {
        panic!("{members:?}")
    };
    assert_eq!(expression.place.path, "syncs.o.document.a.b");
    let position = file.position(&expression.place).unwrap();
    assert_eq!((position.line, position.column), (9, 24));
    assert_eq!(&text[root.place.span.clone()], "[syncs.o]");
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
#[expect(clippy::too_many_lines, reason = "most of it is what is printed")]
fn the_print_reads_back_as_the_same_configuration() {
    let text = format!(
        r#"{BASE}
[sinks.api]
type = "http"
url = "https://me:pw@api.example.com/{{id}}?token=${{SECRET}}&v={{v}}"
headers = {{ authorization = "Bearer ${{SECRET}}" }}
retry = {{ attempts = 3 }}
[syncs.orders]
table = 'shop."order.lines"'
sinks = ["out", "api"]
where = "name <> '$${{x}}' and a = $$b$$"
initial = "none"
history = "all"
document = {{ id = "id", n = {{ one = 1, half = 0.5, yes = true }} }}
[syncs.orders.many.lines]
on = {{ order_id = "id" }}
order_by = "id desc"
limit = 10
document = "name"
aggregate = {{ total = "sum(price)" }}
[syncs.orders.many.tags]
through = "order_tags"
document = "name"
[syncs.orders.many.parts]
through = {{ table = "shop.\"order.parts\"", on = {{ order_id = "id" }}, to = {{ part_id = "id" }} }}
document = "name"
[syncs.orders.changes]
settings = "all"
legacy = ["order_id"]
rates = {{ sql = "select id from orders where currency = any($1)", from = ["currency"] }}
[syncs.orders.messages]
"shop.orders" = true
off = false
[syncs.invoices]
table = "invoices"
sink = "out"
deletes = "ignore"
ignore = ["/a~1b", "/lines/0/~0"]
debounce = "1500ms"
min_interval = "1m"
refresh_every = "1d"
priority = "low"
after_publish = "select f($1, $document, '$${{x}}')"
sql = "select id, document from g($1)"
changes = {{ invoices = ["id"] }}
"#
    );
    let printed = loaded(&text).config.print_masked();
    insta::assert_snapshot!(printed, @r#"
    [source]
    url = "postgres://db/shop"
    publication = "walsift"
    slot = "walsift"
    manage = true
    column_lists = false
    failover = true
    on_lost_slot = "resync"
    heartbeat = "10s"

    [state]
    url = "postgres://db/shop"
    schema = "walsift"

    [engine]
    workers = 4
    batch = 500
    lease = "1m"
    memory = "256MiB"

    [retention]
    succeeded = "1d"
    failed = "30d"

    [admin]
    listen = "127.0.0.1:8080"

    [sinks.out]
    type = "stdout"

    [sinks.api]
    type = "http"
    url = "https://me:***@api.example.com/{id}?token=***&v={v}"
    method = "PUT"
    gzip = false
    timeout = "10s"
    concurrency = 16

    [sinks.api.headers]
    authorization = "***"

    [sinks.api.delete]
    method = "DELETE"

    [sinks.api.retry]
    attempts = 3
    base = "1s"
    max = "15m"

    [sinks.api.breaker]
    failures = 20
    cooldown = "30s"

    [syncs.orders]
    table = 'shop."order.lines"'
    where = "name <> '$${x}' and a = $$b$$"
    sinks = ["out", "api"]
    deletes = "publish"
    ignore = []
    debounce = "0ms"
    min_interval = "0ms"
    priority = "normal"
    initial = "none"
    history = "all"
    keep_document = false

    [syncs.orders.document]
    id = "id"

    [syncs.orders.document.n]
    one = 1
    half = 0.5
    yes = true

    [syncs.orders.many.lines]
    table = "lines"
    limit = 10
    order_by = "id desc"
    document = "name"

    [syncs.orders.many.lines.on]
    order_id = "id"

    [syncs.orders.many.lines.aggregate]
    total = "sum(price)"

    [syncs.orders.many.tags]
    table = "tags"
    document = "name"

    [syncs.orders.many.tags.through]
    table = "order_tags"

    [syncs.orders.many.parts]
    table = "parts"
    document = "name"

    [syncs.orders.many.parts.through]
    table = 'shop."order.parts"'

    [syncs.orders.many.parts.through.on]
    order_id = "id"

    [syncs.orders.many.parts.through.to]
    part_id = "id"

    [syncs.orders.changes]
    settings = "all"
    legacy = ["order_id"]

    [syncs.orders.changes.rates]
    sql = "select id from orders where currency = any($1)"
    from = ["currency"]

    [syncs.orders.messages]
    "shop.orders" = true

    [syncs.invoices]
    table = "invoices"
    sinks = ["out"]
    deletes = "ignore"
    ignore = ["/a~1b", "/lines/0/~0"]
    debounce = "1500ms"
    min_interval = "1m"
    refresh_every = "1d"
    priority = "low"
    after_publish = "select f($1, $document, '$${x}')"
    sql = "select id, document from g($1)"
    initial = "all"
    history = "failures"
    keep_document = false

    [syncs.invoices.changes]
    invoices = ["id"]
    "#);
    assert_eq!(loaded(&printed).config.print_masked(), printed);
}

#[test]
fn a_file_that_is_not_there_is_told_by_name() {
    let error = Config::load(Path::new("/no/such/config.toml"), &env).unwrap_err();
    assert_eq!(error.to_string(), "can't read /no/such/config.toml");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_http_sink_says_which_requests_it_makes_and_how_answers_are_read() {
    let text = r#"
[source]
url = "postgres://db/shop"
[sinks.shop]
type = "http"
url = "https://h/orders/{remote_id}"
body = '{"o": {{ document }}}'
create = { method = "PUT", url = "https://h/orders", id = "/data/id" }
delete = { method = "POST", url = "https://h/gone/{id}", body = "{{ key }}" }
read = { url = "https://h/shown/{remote_id}", headers = { Accept = "application/json" } }
ok = ["2xx", 409]
reject = "400-405"
[sinks.bulk]
type = "http"
url = "https://h/bulk"
batch = { max = 500, bytes = "8MiB", format = "ndjson", results = "" }
ok = 202
[sinks.plain]
type = "http"
url = "https://h/{id}"
create = { url = "https://h/" }
[sinks.small]
type = "http"
url = "https://h/bulk"
batch = { results = "/items" }
body = "{{ document }}"
delete = { body = "{{ key }}" }
[syncs.orders]
table = "orders"
sinks = ["shop", "bulk", "plain", "small"]
"#;
    let Loaded { config, report, .. } = loaded(text);
    assert!(report.is_empty(), "{report:?}");
    let requests = |at: usize| match &config.sinks[at].kind {
        SinkKind::Http(http) => http.requests.clone(),
        other => panic!("{other:?}"),
    };
    let range = |from, to| StatusRange { from, to };
    let shop = requests(0);
    assert_eq!(shop.body.unwrap().text, r#"{"o": {{ document }}}"#);
    let create = shop.create.unwrap();
    assert_eq!(
        (
            create.method.as_str(),
            create.url.expose_secret(),
            create.id.written().as_str()
        ),
        ("PUT", "https://h/orders", "/data/id")
    );
    assert_eq!(shop.delete.method, "POST");
    assert_eq!(shop.delete.url.unwrap().expose_secret(), "https://h/gone/{id}");
    assert_eq!(shop.delete.body.unwrap().text, "{{ key }}");
    let read = shop.read.unwrap();
    assert_eq!(read.url.expose_secret(), "https://h/shown/{remote_id}");
    let headers: Vec<_> = read
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(headers, [("Accept", "application/json")]);
    assert_eq!(shop.statuses.ok.unwrap(), [range(200, 299), range(409, 409)]);
    assert_eq!(shop.statuses.reject.unwrap(), [range(400, 405)]);
    assert!(shop.batch.is_none());

    let bulk = requests(1);
    let batch = bulk.batch.unwrap();
    assert_eq!(
        (batch.max, batch.bytes, batch.format),
        (500, 8 << 20, BatchFormat::Ndjson)
    );
    assert!(batch.results.unwrap().0.is_empty());
    assert_eq!(bulk.statuses.ok.unwrap(), [range(202, 202)]);
    assert!(bulk.statuses.reject.is_none());

    let plain = requests(2);
    let create = plain.create.unwrap();
    assert_eq!((create.method.as_str(), create.id.written().as_str()), ("POST", "/id"));
    assert_eq!(
        (plain.delete.method.as_str(), plain.delete.url.is_none()),
        ("DELETE", true)
    );
    assert!(plain.read.is_none());
    assert!(plain.body.is_none() && plain.statuses.ok.is_none() && plain.delete.body.is_none());
    let batch = requests(3).batch.unwrap();
    assert_eq!(
        (batch.max, batch.bytes, batch.format),
        (100, 1 << 20, BatchFormat::Json)
    );

    let printed = config.print_masked();
    let again = loaded(&printed).config;
    assert_eq!(again.print_masked(), printed);
}

#[test]
fn what_a_template_takes_from_elsewhere_is_not_printed() {
    let sink = "[sinks.out]\ntype = 'http'\nurl = 'https://h/{id}'\n";
    let file = |body: &str| {
        let head = "[source]\nurl = 'postgres://db'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'\n";
        loaded(&format!("{head}{sink}body = {body}")).config.print_masked()
    };
    let shown = file(r#"'{"token": "${SECRET}"}'"#);
    assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    let shown = file(r#""{\"of\": {{ key }}}""#);
    assert!(shown.contains("{{ key }}"), "{shown}");
}
