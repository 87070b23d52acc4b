//! The sinks.

mod kafka;
mod nats;
mod redis;

use secrecy::SecretString;
use toml::{Table, Value};

use super::{number, renewable, secret, table, text};
use crate::config::mask::Secrecy;
use crate::config::raw::units::{format_duration, format_rate, format_size, format_status};
use crate::config::{
    Access, Auth, BatchFormat, ClientAuth, ElasticSink, HttpSink, OAuth2, Pem, Requests, Sink, SinkKind, StatusRange,
    Template, Terms, Tls,
};

pub fn sink(sink: &Sink) -> Table {
    let mut printed = match &sink.kind {
        SinkKind::Http(sink) => http(sink),
        SinkKind::Elastic(sink) => elastic(sink),
        SinkKind::Kafka(sink) => kafka::kafka(sink),
        SinkKind::Nats(sink) => nats::nats(sink),
        SinkKind::Redis(sink) => redis::redis(sink),
        SinkKind::Stdout => return table([("type", "stdout".into())]),
    };
    printed.extend(terms(&sink.terms));
    printed
}

fn terms(terms: &Terms) -> Table {
    let retry = table([
        ("attempts", i64::from(terms.retry.attempts).into()),
        ("base", format_duration(terms.retry.base).into()),
        ("max", format_duration(terms.retry.max).into()),
    ]);
    let breaker = table([
        ("failures", i64::from(terms.breaker.failures).into()),
        ("cooldown", format_duration(terms.breaker.cooldown).into()),
    ]);
    let mut printed = table([
        ("timeout", format_duration(terms.timeout).into()),
        ("concurrency", number(terms.concurrency)),
        ("retry", retry.into()),
        ("breaker", breaker.into()),
    ]);
    if let Some(rate) = terms.rate_limit {
        printed.insert("rate_limit".to_owned(), format_rate(rate).into());
    }
    printed
}

fn http(http: &HttpSink) -> Table {
    let mut printed = table([
        ("type", "http".into()),
        ("url", secret(&http.url, Secrecy::Url)),
        ("method", text(&http.method)),
        ("gzip", http.gzip.into()),
    ]);
    if !http.headers.is_empty() {
        printed.insert("headers".to_owned(), named_secrets(&http.headers).into());
    }
    if !http.sign.is_empty() {
        let secrets: Vec<_> = http.sign.iter().map(renewable).collect();
        printed.insert("sign".to_owned(), secrets.into());
    }
    printed.extend(access(&http.access));
    printed.extend(requests(&http.requests));
    printed
}

fn elastic(elastic: &ElasticSink) -> Table {
    let batch = table([
        ("max", number(elastic.max)),
        ("bytes", format_size(elastic.bytes as u64).into()),
    ]);
    let mut printed = table([
        ("type", elastic.product.into()),
        ("url", secret(&elastic.url, Secrecy::Url)),
        ("index", text(&elastic.index)),
        ("gzip", elastic.gzip.into()),
        ("batch", batch.into()),
    ]);
    let given = [
        ("id", &elastic.id),
        ("routing", &elastic.routing),
        ("pipeline", &elastic.pipeline),
        ("mapping", &elastic.mapping.as_ref().map(|mapping| mapping.file.clone())),
    ];
    let given = given
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), text(value.as_ref()?))));
    printed.extend(given);
    printed.extend(access(&elastic.access));
    printed
}

/// `auth` and `tls`, as far as they are given.
fn access(access: &Access) -> Table {
    let mut printed = tls(&access.tls);
    if let Some(auth) = &access.auth {
        printed.insert("auth".to_owned(), self::auth(auth).into());
    }
    printed
}

/// `tls`, if it is given.
fn tls(tls: &Tls) -> Table {
    let (roots, client) = (&tls.roots, &tls.client);
    let files = [
        ("roots", roots.as_ref()),
        ("cert", client.as_ref().map(|(cert, _)| cert)),
        ("key", client.as_ref().map(|(_, key)| key)),
    ];
    let files: Table = files
        .into_iter()
        .filter_map(|(key, found)| Some((key.to_owned(), pem(found?))))
        .collect();
    if files.is_empty() {
        return Table::new();
    }
    table([("tls", files.into())])
}

fn auth(auth: &Auth) -> Table {
    match auth {
        Auth::Basic { user, password } => {
            let basic = table([("user", text(user)), ("password", renewable(password))]);
            table([("basic", basic.into())])
        }
        Auth::Bearer(token) => table([("bearer", renewable(token))]),
        Auth::ApiKey(key) => table([("api_key", renewable(key))]),
        Auth::OAuth2(found) => table([("oauth2", oauth2(found).into())]),
    }
}

fn oauth2(oauth2: &OAuth2) -> Table {
    let mut printed = table([
        ("token_url", secret(&oauth2.token_url, Secrecy::Url)),
        ("client_id", text(&oauth2.client_id)),
        ("client_secret", renewable(&oauth2.client_secret)),
        (
            "client_auth",
            match oauth2.client_auth {
                ClientAuth::Basic => "client_secret_basic",
                ClientAuth::Post => "client_secret_post",
            }
            .into(),
        ),
    ]);
    if let Some(scope) = &oauth2.scope {
        printed.insert("scope".to_owned(), text(scope));
    }
    if !oauth2.parameters.is_empty() {
        printed.insert("parameters".to_owned(), named_secrets(&oauth2.parameters).into());
    }
    printed
}

fn named_secrets(secrets: &[(String, SecretString)]) -> Table {
    let masked = |(name, value): &(String, SecretString)| (name.clone(), secret(value, Secrecy::Whole));
    secrets.iter().map(masked).collect()
}

fn pem(pem: &Pem) -> Value {
    match pem {
        Pem::File(path) => text(&path.display().to_string()),
        Pem::Text(found) => secret(found, Secrecy::Pem),
    }
}

/// What is not the default.
fn requests(requests: &Requests) -> Table {
    let create = requests.create.as_ref().map(|create| {
        table([
            ("method", text(&create.method)),
            ("url", secret(&create.url, Secrecy::Url)),
            ("id", text(&create.id.written())),
        ])
    });
    let batch = requests.batch.as_ref().map(|batch| {
        let mut printed = table([
            ("max", number(batch.max)),
            ("bytes", format_size(batch.bytes as u64).into()),
            (
                "format",
                match batch.format {
                    BatchFormat::Json => "json",
                    BatchFormat::Ndjson => "ndjson",
                }
                .into(),
            ),
        ]);
        let results = batch.results.as_ref().map(|results| text(&results.written()));
        printed.extend(results.map(|results| ("results".to_owned(), results)));
        printed
    });
    let read = requests.read.as_ref().map(|read| {
        let mut printed = table([("url", secret(&read.url, Secrecy::Url))]);
        if !read.headers.is_empty() {
            printed.insert("headers".to_owned(), named_secrets(&read.headers).into());
        }
        printed
    });
    let given = [
        ("body", requests.body.as_ref().map(template)),
        ("create", create.map(Value::from)),
        ("delete", delete(requests).map(Value::from)),
        ("batch", batch.map(Value::from)),
        ("read", read.map(Value::from)),
        ("ok", requests.statuses.ok.as_deref().map(statuses)),
        ("reject", requests.statuses.reject.as_deref().map(statuses)),
    ];
    given
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

/// In batches deletes have neither a method nor a url of their own.
fn delete(requests: &Requests) -> Option<Table> {
    let delete = &requests.delete;
    let method = requests.batch.is_none().then(|| text(&delete.method));
    let given = [
        ("method", method),
        ("url", delete.url.as_ref().map(|url| secret(url, Secrecy::Url))),
        ("body", delete.body.as_ref().map(template)),
    ];
    let given = given
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let printed: Table = given.collect();
    (!printed.is_empty()).then_some(printed)
}

/// Not what it takes from elsewhere, which may be a secret.
fn template(template: &Template) -> Value {
    if template.from_outside {
        "***".into()
    } else {
        text(&template.text)
    }
}

fn statuses(ranges: &[StatusRange]) -> Value {
    ranges
        .iter()
        .map(|range| Value::from(format_status(*range)))
        .collect::<Vec<_>>()
        .into()
}
