//! `type = "nats"`

use std::fs;
use std::path::PathBuf;

use reqwest::Url;
use secrecy::ExposeSecret;

use super::access;
use super::elastic::check_template;
use crate::config::check::settings::within;
use crate::config::raw::units::format_size;
use crate::config::raw::{At, Field, RawNats, RawNatsAuth, RawTls};
use crate::config::wording::{listed, quoted};
use crate::config::{
    NatsAuth, NatsAuthError, NatsServer, NatsSink, Problem, Report, Secret, nats_credentials, nats_user_key,
};

const BATCH_MAX: usize = 1_000;
const BATCH_MAX_MAX: u64 = 10_000;
const BATCH_BYTES: u64 = 8 << 20;
const BATCH_BYTES_MIN: u64 = 1 << 10;

/// What servers listen on unless they are told otherwise.
const PORT: u16 = 4222;

const AUTH_KINDS: [&str; 4] = ["basic", "token", "nkey", "creds"];

pub fn sink(raw: RawNats, name: &At<String>, report: &mut Report) -> NatsSink {
    let servers = servers(raw.urls, name, report);
    check_subject(&raw.subject, name, report);
    if let Some(stream) = raw.stream.given().filter(|stream| !is_stream(&stream.value)) {
        let summary = format!("{} can't be the name of a stream", quoted(&stream.value));
        report.push(
            Problem::at(&stream.place, summary).help("it has no spaces, and none of `.`, `*`, `>`, `/` and `\\`"),
        );
    }
    if let Some(bytes) = raw.batch.bytes.given().filter(|bytes| bytes.value < BATCH_BYTES_MIN) {
        let problem = Problem::at(&bytes.place, "`bytes` is too small");
        report.push(problem.help(format!("wanted is at least \"{}\"", format_size(BATCH_BYTES_MIN))));
    }
    NatsSink {
        servers,
        subject: raw.subject.or(String::new()),
        stream: raw.stream.into_given().map(|at| at.value),
        auth: raw.auth.into_given().and_then(|auth| self::auth(auth, report)),
        tls: access::tls(raw.tls.or(RawTls::default()), report),
        max: within("max", raw.batch.max, BATCH_MAX, 1..=BATCH_MAX_MAX, report),
        bytes: usize::try_from(raw.batch.bytes.or(BATCH_BYTES)).unwrap_or(usize::MAX),
    }
}

fn servers(urls: Field<Vec<At<Secret>>>, name: &At<String>, report: &mut Report) -> Vec<NatsServer> {
    match urls {
        Field::Given(urls) => {
            if urls.value.is_empty() {
                report.push(Problem::at(&urls.place, "`url` is empty").help("name one server at least"));
            }
            urls.value.iter().filter_map(|url| server(url, report)).collect()
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `url`", name.value));
            report.push(problem.help("add `url = \"nats://nats.example.com:4222\"`, or a list of them"));
            Vec::new()
        }
        Field::Unusable => Vec::new(),
    }
}

/// Says nothing of what the URL holds, for that may be secret.
fn server(url: &At<Secret>, report: &mut Report) -> Option<NatsServer> {
    let problem = |summary: &str| Problem::at(&url.place, summary);
    let parsed = match Url::parse(url.value.text.expose_secret()) {
        Ok(parsed) if matches!(parsed.scheme(), "nats" | "tls") => parsed,
        Ok(_) => {
            report.push(problem("the url of a NATS begins with nats:// or tls://"));
            return None;
        }
        Err(error) => {
            report.push(problem(&format!("the url is malformed: {error}")));
            return None;
        }
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        let help = "say who we are by `auth = { basic = { user = \"…\", password = \"…\" } }`";
        report.push(problem("the url of a NATS can't have a user").help(help));
    }
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
        report.push(problem("the url is where the server answers, and no more"));
    }
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host.is_empty() {
        report.push(problem("the url has no host"));
    }
    Some(NatsServer {
        tls: parsed.scheme() == "tls",
        host: host.to_owned(),
        port: parsed.port().unwrap_or(PORT),
    })
}

fn check_subject(subject: &Field<String>, name: &At<String>, report: &mut Report) {
    match subject {
        Field::Given(subject) => {
            check_template("subject", subject, report);
            if !is_subject(&subject.value) {
                let summary = format!("{} can't be a subject to publish to", quoted(&subject.value));
                let problem = Problem::at(&subject.place, summary);
                report.push(problem.help("it is words with dots between them, without spaces, `*` and `>`"));
            }
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `subject`", name.value));
            report.push(problem.help("add `subject = \"shop.orders.{id}\"`; `{id}` stands for a key column"));
        }
        Field::Unusable => {}
    }
}

/// Whether what stands around the placeholders leads to a subject; what they stand for is encoded.
fn is_subject(template: &str) -> bool {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((literal, placeholder)) = rest.split_once('{') {
        filled.push_str(literal);
        filled.push('x');
        rest = placeholder.split_once('}').map_or("", |(_, rest)| rest);
    }
    filled.push_str(rest);
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '*' | '>');
    filled.chars().all(fits) && filled.split('.').all(|token| !token.is_empty())
}

fn is_stream(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '.' | '*' | '>' | '/' | '\\');
    !name.is_empty() && name.chars().all(fits)
}

fn auth(At { value: raw, place }: At<RawNatsAuth>, report: &mut Report) -> Option<NatsAuth> {
    let present = [
        !raw.basic.is_absent(),
        !raw.token.is_absent(),
        !raw.nkey.is_absent(),
        !raw.creds.is_absent(),
    ];
    if present.into_iter().filter(|is| *is).count() != 1 {
        let named: Vec<_> = AUTH_KINDS.into_iter().zip(present).filter(|(_, is)| *is).collect();
        let summary = match named.as_slice() {
            [] => "`auth` does not say how".to_owned(),
            [(one, _), (other, _), ..] => format!("`auth` can't be {one} and {other} at a time"),
            [_] => return None,
        };
        let problem = Problem::at(&place, summary);
        report.push(problem.help(format!("wanted is one of {}", listed(&AUTH_KINDS, '`'))));
    }
    if let Some(at) = raw.basic.into_given() {
        let (user, password) = access::basic(at, report);
        return Some(NatsAuth::Basic { user, password });
    }
    if let Some(token) = raw.token.into_given() {
        if token.value.text.expose_secret().is_empty() {
            report.push(Problem::at(&token.place, "`token` is empty").label("this comes to nothing"));
        }
        return Some(NatsAuth::Token(token.value));
    }
    if let Some(nkey) = raw.nkey.into_given() {
        let read = nats_user_key(nkey.value.text.expose_secret()).map(drop);
        report_unfit("nkey", &nkey, read, report);
        return Some(NatsAuth::Nkey(nkey.value));
    }
    let creds = creds(raw.creds.into_given()?, report)?;
    let read = nats_credentials(creds.value.text.expose_secret()).map(drop);
    report_unfit("creds", &creds, read, report);
    Some(NatsAuth::Creds(creds.value))
}

/// The name of a file, or what stands in one.
fn creds(At { value, place }: At<Secret>, report: &mut Report) -> Option<At<Secret>> {
    let text = value.text.expose_secret();
    if value.file().is_some() || text.contains("-----BEGIN") || text.contains('\n') {
        return Some(At::new(value, place));
    }
    let file = PathBuf::from(text);
    match fs::read_to_string(&file) {
        Ok(text) => Some(At::new(Secret::of_file(text, file), place)),
        Err(error) => {
            let summary = format!("the file of `creds` can't be read: {error}");
            report.push(Problem::at(&place, summary));
            None
        }
    }
}

fn report_unfit(key: &str, secret: &At<Secret>, read: Result<(), NatsAuthError>, report: &mut Report) {
    if let Err(error) = read {
        let summary = format!("the value of `{key}` is of no use: {error}");
        report.push(Problem::at(&secret.place, summary));
    }
}
