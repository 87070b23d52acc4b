//! A configuration that is printed and read again.

use super::*;

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
