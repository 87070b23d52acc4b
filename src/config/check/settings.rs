//! Source, state, engine and admin.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::names;
use crate::config::raw::units::{format_duration, format_size};
use crate::config::raw::{At, Field, RawAdmin, RawEngine, RawRetention, RawSource, RawState};
use crate::config::wording::quoted;
use crate::config::{
    Admin, Connection, Engine, OnLostSlot, Place, Problem, Replica, Report, Retention, Secret, Source, State,
};

const PUBLICATION: &str = "walsift";
const SLOT: &str = "walsift";
const SCHEMA: &str = "walsift";
const HEARTBEAT: Duration = Duration::from_secs(10);
const READ_WAIT: Duration = Duration::from_secs(5);
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
const WORKERS: usize = 4;
const WORKERS_MAX: u64 = 1_000;
const BATCH: usize = 500;
const BATCH_MAX: u64 = 100_000;
const LEASE: Duration = Duration::from_mins(1);
const LEASE_MIN: Duration = Duration::from_secs(5);
const MEMORY_BYTES: u64 = 256 << 20;
const MEMORY_BYTES_MIN: u64 = 1 << 20;
const SUCCEEDED: Duration = Duration::from_hours(24);
const FAILED: Duration = Duration::from_hours(30 * 24);
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

pub fn source(raw: RawSource, report: &mut Report) -> Source {
    let connection = connection(&raw, report);
    if let Some(publication) = raw.publication.given() {
        names::check_identifier("publication", publication, report);
    }
    if let Some(slot) = raw.slot.given() {
        names::check_plain_identifier("slot", slot, report);
    }
    check_not_empty(&raw.read_url, report);
    Source {
        connection,
        publication: raw.publication.or(PUBLICATION.to_owned()),
        slot: raw.slot.or(SLOT.to_owned()),
        manage: raw.manage.or(true),
        column_lists: raw.column_lists.or(false),
        failover: raw.failover.or(true),
        on_lost_slot: raw.on_lost_slot.or(OnLostSlot::Resync),
        heartbeat: at_least("heartbeat", raw.heartbeat, HEARTBEAT, HEARTBEAT_MIN, report),
        read: replica(&raw.read_url, raw.read_wait, raw.read_fallback, report),
    }
}

fn replica(url: &Field<Secret>, wait: Field<Duration>, fallback: Field<bool>, report: &mut Report) -> Option<Replica> {
    if matches!(url, Field::Absent) {
        let idle = [
            ("read_wait", wait.given().map(|given| &given.place)),
            ("read_fallback", fallback.given().map(|given| &given.place)),
        ];
        for (key, place) in idle {
            if let Some(place) = place {
                report.push(Problem::at(place, format!("`{key}` means nothing without `read_url`")));
            }
        }
    }
    Some(Replica {
        connection: of_url(url.given()?),
        wait: wait.or(READ_WAIT),
        fallback: fallback.or(true),
    })
}

pub fn state(raw: RawState, source: &Source, report: &mut Report) -> State {
    if let Some(schema) = raw.schema.given() {
        names::check_plain_identifier("schema", schema, report);
        if schema.value.starts_with("pg_") {
            let problem = Problem::at(&schema.place, "a schema of Walsift's own can't begin with `pg_`");
            report.push(problem.help("Postgres keeps such names for itself"));
        }
    }
    check_not_empty(&raw.url, report);
    State {
        connection: raw.url.given().map_or_else(|| source.connection.clone(), of_url),
        schema: raw.schema.or(SCHEMA.to_owned()),
    }
}

pub fn engine(raw: RawEngine, report: &mut Report) -> Engine {
    if let Some(memory) = raw.memory.given()
        && memory.value < MEMORY_BYTES_MIN
    {
        let problem = Problem::at(&memory.place, "`memory` is too small");
        report.push(problem.help(format!("wanted is at least \"{}\"", format_size(MEMORY_BYTES_MIN))));
    }
    Engine {
        workers: within("workers", raw.workers, WORKERS, 1..=WORKERS_MAX, report),
        batch: within("batch", raw.batch, BATCH, 1..=BATCH_MAX, report),
        lease: at_least("lease", raw.lease, LEASE, LEASE_MIN, report),
        memory_bytes: usize::try_from(raw.memory.or(MEMORY_BYTES)).unwrap_or(usize::MAX),
    }
}

pub fn retention(raw: RawRetention) -> Retention {
    Retention {
        succeeded: raw.succeeded.or(SUCCEEDED),
        failed: raw.failed.or(FAILED),
    }
}

pub fn admin(raw: &RawAdmin, report: &mut Report) -> Admin {
    // A variable that is not set, as in `${WALSIFT_TOKEN:-}`, is no token.
    let token = raw
        .token
        .given()
        .filter(|token| !token.value.expose_secret().is_empty());
    if let Some(token) = token
        && !token.value.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())
    {
        report.push(Problem::at(
            &token.place,
            "the token must be printable ASCII without spaces",
        ));
    }
    let listen = match raw
        .listen
        .given()
        .map(|listen| (listen, listen.value.parse::<SocketAddr>()))
    {
        None => LISTEN,
        Some((listen, Ok(address))) => {
            if !address.ip().is_loopback() && token.is_none() && !matches!(raw.token, Field::Unusable) {
                let problem = Problem::at(&listen.place, "listening beyond this machine needs a token");
                let problem = problem.label(format!("{} is not a loopback address", address.ip()));
                let problem = match raw.token.given() {
                    Some(token) => problem.also(&token.place, "this is empty"),
                    None => problem,
                };
                report.push(problem.help("add `token = \"${WALSIFT_TOKEN}\"` to [admin], or listen on 127.0.0.1"));
            }
            address
        }
        Some((listen, Err(_))) => {
            let problem = Problem::at(
                &listen.place,
                format!("{} is not an address to listen on", quoted(&listen.value)),
            );
            report
                .push(problem.help("wanted are an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\""));
            LISTEN
        }
    };
    Admin {
        listen,
        token: token.map(|token| token.value.clone()),
    }
}

/// A whole number within bounds.
pub fn within(key: &str, field: Field<u64>, default: usize, bounds: RangeInclusive<u64>, report: &mut Report) -> usize {
    let Some(At { value, place }) = field.into_given() else {
        return default;
    };
    if !bounds.contains(&value) {
        let problem = Problem::at(&place, format!("`{key}` can't be {value}"));
        report.push(problem.help(format!(
            "wanted is a number from {} to {}",
            bounds.start(),
            bounds.end()
        )));
    }
    usize::try_from(value).unwrap_or(default)
}

/// A duration that is long enough.
pub fn at_least(
    key: &str,
    field: Field<Duration>,
    default: Duration,
    least: Duration,
    report: &mut Report,
) -> Duration {
    let Some(At { value, place }) = field.into_given() else {
        return default;
    };
    if value < least {
        let problem = Problem::at(&place, format!("`{key}` is too short"));
        report.push(problem.help(format!("wanted is at least \"{}\"", format_duration(least))));
    }
    value
}

/// From `url`, or from the keys that stand for its parts.
fn connection(raw: &RawSource, report: &mut Report) -> Connection {
    let nothing = |place: Place| Connection {
        url: None,
        parameters: Vec::new(),
        place,
    };
    let Some(section) = &raw.place else {
        let problem = Problem::at(&Place::absent("source"), "there is no source");
        report.push(problem.help("add a section [source] with `url = \"${DATABASE_URL}\"`"));
        return nothing(Place::absent("source.url"));
    };
    let parameters = parameters(raw);
    match &raw.url {
        Field::Given(url) => {
            check_not_empty(&raw.url, report);
            for (name, _, place) in parameters {
                let problem = Problem::at(place, format!("`{}` and `url` can't both be given", key_of(name)));
                let problem = problem.also(&url.place, "the url is here");
                report.push(if name.starts_with("ssl") {
                    problem.help(format!("make it a part of the url: `?{name}=…`"))
                } else {
                    problem.help("keep the `url`, or the keys of which one is made")
                });
            }
            of_url(url)
        }
        Field::Unusable => nothing(section.clone()),
        Field::Absent if raw.host.is_absent() && !raw.host_in_environment => {
            let problem = Problem::at(section, "the source has neither a `url` nor a `host`");
            report.push(problem.help("add `url = \"${DATABASE_URL}\"`, or set PGHOST"));
            nothing(section.clone())
        }
        Field::Absent => {
            if let Some(port) = raw.port.given()
                && !(1..=u64::from(u16::MAX)).contains(&port.value)
            {
                report.push(Problem::at(&port.place, format!("there is no port {}", port.value)));
            }
            let place = raw.host.given().map_or(section, |host| &host.place);
            Connection {
                parameters: parameters.into_iter().map(|(name, value, _)| (name, value)).collect(),
                ..nothing(place.clone())
            }
        }
    }
}

fn of_url(url: &At<Secret>) -> Connection {
    Connection {
        url: Some(url.value.clone()),
        parameters: Vec::new(),
        place: url.place.clone(),
    }
}

/// libpq's name, value and place of each key that is given.
fn parameters(raw: &RawSource) -> Vec<(&'static str, Secret, &Place)> {
    let plain = [
        ("host", &raw.host),
        ("user", &raw.user),
        ("dbname", &raw.database),
        ("sslrootcert", &raw.sslrootcert),
        ("sslcert", &raw.sslcert),
        ("sslkey", &raw.sslkey),
    ];
    let shown = |text: &str| Secret::from(SecretString::from(text));
    let plain = plain.into_iter().filter_map(|(name, field)| {
        let At { value, place } = field.given()?;
        Some((name, shown(value), place))
    });
    let port = raw
        .port
        .given()
        .map(|at| ("port", shown(&at.value.to_string()), &at.place));
    let mode = raw.sslmode.given().map(|at| ("sslmode", shown(at.value), &at.place));
    let password = raw.password.given().map(|at| ("password", at.value.clone(), &at.place));
    plain.chain(port).chain(mode).chain(password).collect()
}

/// The key of the file for a keyword of libpq.
fn key_of(keyword: &str) -> &str {
    if keyword == "dbname" { "database" } else { keyword }
}

fn check_not_empty(url: &Field<Secret>, report: &mut Report) {
    if let Some(url) = url.given()
        && url.value.text.expose_secret().trim().is_empty()
    {
        report.push(Problem::at(&url.place, "the url is empty").label("this comes to nothing"));
    }
}
