//! What the parameters come to: a place to connect to, and how.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::passfile::{Passfile, Whom};
use super::settings::Settings;
use super::tls::TlsSettings;
use super::{InvalidDsn, Variables};

/// Where to connect, as whom, and how the connection is secured: as of now, see [`super::super::Dsn`].
#[derive(Debug, Clone)]
pub struct Target {
    /// At least one, in the order in which they were named.
    pub hosts: Vec<Host>,
    pub user: String,
    pub database: String,
    pub application_name: String,
    /// Command-line options for the server, `-c name=value`.
    pub options: Option<String>,
    pub tls: TlsSettings,
    pub channel_binding: ChannelBinding,
    /// For each address, from the first packet to the end of the login; `None` is for ever.
    pub connect_timeout: Option<Duration>,
    pub liveness: Liveness,
    pub session_attrs: SessionAttrs,
    /// Whether hosts, and the addresses of each, are tried in random order.
    pub shuffle: bool,
    /// Why a password file that is there was not read.
    pub passfile_problem: Option<String>,
}

/// One place where the server may be.
#[derive(Debug, Clone)]
pub struct Host {
    /// A name, an address, or the folder of a Unix socket.
    pub name: String,
    /// Where to connect instead of looking the name up.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub password: Option<SecretString>,
}

/// Whether the proof of the password is bound to the TLS session, which keeps anybody from standing in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    Disable,
    #[default]
    Prefer,
    Require,
}

/// When a TCP peer that does not answer counts as dead; `None` is what the operating system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liveness {
    pub keepalives: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    /// How long sent data may stay unacknowledged.
    pub user_timeout: Option<Duration>,
}

/// What a server must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    /// A standby, or else any.
    PreferStandby,
}

const PORT: u16 = 5432;

/// Where the servers of most systems have their sockets, and where the others have theirs.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const LIVENESS: Liveness = Liveness {
    keepalives: true,
    idle: Some(Duration::from_secs(10)),
    interval: Some(Duration::from_secs(5)),
    count: Some(3),
    user_timeout: Some(Duration::from_secs(20)),
};

pub(super) fn target(
    settings: &Settings,
    variables: Variables<'_>,
    of_several: SessionAttrs,
) -> Result<Target, InvalidDsn> {
    let home = variables("HOME").map(PathBuf::from);
    let user = match settings.get("user") {
        Some(user) => user.to_owned(),
        None => whoami::username().map_err(|_| InvalidDsn::NoUser)?,
    };
    let database = settings.get("dbname").unwrap_or(&user).to_owned();
    let mut hosts = hosts(settings)?;
    let passfile_problem = passwords(settings, home.as_deref(), &user, &database, &mut hosts);
    let application_name = settings
        .get("application_name")
        .or_else(|| settings.get("fallback_application_name"));
    Ok(Target {
        session_attrs: match session_attrs(settings)? {
            Some(attrs) => attrs,
            None if hosts.len() > 1 => of_several,
            None => SessionAttrs::Any,
        },
        shuffle: settings
            .word("load_balance_hosts", &[("disable", false), ("random", true)])?
            .unwrap_or(false),
        hosts,
        user,
        database,
        application_name: application_name.unwrap_or("walsift").to_owned(),
        options: settings.get("options").map(str::to_owned),
        tls: TlsSettings::of(settings, home.as_deref())?,
        channel_binding: settings
            .word(
                "channel_binding",
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
            )?
            .unwrap_or_default(),
        connect_timeout: connect_timeout(settings)?,
        liveness: liveness(settings)?,
        passfile_problem,
    })
}

fn hosts(settings: &Settings) -> Result<Vec<Host>, InvalidDsn> {
    let list = |name| settings.get(name).map(|text| text.split(',').collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    let fits = |name, values: Option<&Vec<&str>>, one_for_all: bool| match values.map(Vec::len) {
        Some(values) if values != count && !(one_for_all && values == 1) => Err(InvalidDsn::Count {
            name,
            hosts: count,
            values,
        }),
        _ => Ok(()),
    };
    fits("host", names.as_ref(), false)?;
    fits("port", ports.as_ref(), true)?;
    let nth = |values: &Option<Vec<&str>>, index: usize| -> Option<String> {
        let values = values.as_ref()?;
        let value = values.get(index).or_else(|| values.first())?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let host = |index| {
        let address = nth(&addresses, index);
        let port = nth(&ports, index).map_or(Ok(PORT), |port| {
            port.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| InvalidDsn::value("port", "a number from 1 to 65535"))
        });
        Ok(Host {
            name: nth(&names, index)
                .or_else(|| address.clone())
                .unwrap_or_else(socket_folder),
            address: match address {
                Some(address) => Some(
                    address
                        .parse()
                        .map_err(|_| InvalidDsn::value("hostaddr", "an IP address"))?,
                ),
                None => None,
            },
            port: port?,
            password: None,
        })
    };
    (0..count).map(host).collect()
}

fn socket_folder() -> String {
    let [first, other] = SOCKET_FOLDERS;
    if Path::new(first).is_dir() { first } else { other }.to_owned()
}

/// Gives each host its password; answers with why the password file is of no use, if it is not.
fn passwords(
    settings: &Settings,
    home: Option<&Path>,
    user: &str,
    database: &str,
    hosts: &mut [Host],
) -> Option<String> {
    if let Some(password) = settings.get("password") {
        for host in hosts {
            host.password = Some(password.into());
        }
        return None;
    }
    let path = match settings.get("passfile") {
        Some(file) => PathBuf::from(file),
        None => home?.join(".pgpass"),
    };
    let file = match Passfile::open(&path) {
        Ok(file) => file?,
        Err(problem) => return Some(problem),
    };
    for host in hosts {
        let is_default_socket = SOCKET_FOLDERS.contains(&host.name.as_str());
        host.password = file.password(&Whom {
            host: if is_default_socket { "localhost" } else { &host.name },
            port: host.port,
            database,
            user,
        });
    }
    None
}

fn session_attrs(settings: &Settings) -> Result<Option<SessionAttrs>, InvalidDsn> {
    settings.word(
        "target_session_attrs",
        &[
            ("any", SessionAttrs::Any),
            ("read-write", SessionAttrs::ReadWrite),
            ("read-only", SessionAttrs::ReadOnly),
            ("primary", SessionAttrs::Primary),
            ("standby", SessionAttrs::Standby),
            ("prefer-standby", SessionAttrs::PreferStandby),
        ],
    )
}

fn connect_timeout(settings: &Settings) -> Result<Option<Duration>, InvalidDsn> {
    Ok(match settings.whole("connect_timeout")? {
        None => Some(CONNECT_TIMEOUT),
        Some(seconds) if seconds <= 0 => None,
        Some(seconds) => Some(Duration::from_secs(seconds.unsigned_abs())),
    })
}

fn liveness(settings: &Settings) -> Result<Liveness, InvalidDsn> {
    let seconds = |name, default| settings.time(name, default, Duration::from_secs);
    Ok(Liveness {
        keepalives: settings.whole("keepalives")? != Some(0),
        idle: seconds("keepalives_idle", LIVENESS.idle)?,
        interval: seconds("keepalives_interval", LIVENESS.interval)?,
        count: match settings.whole("keepalives_count")? {
            None => LIVENESS.count,
            Some(count) => u32::try_from(count).ok().filter(|count| *count > 0),
        },
        user_timeout: settings.time("tcp_user_timeout", LIVENESS.user_timeout, Duration::from_millis)?,
    })
}

impl Host {
    /// Where its socket is, if the host is a folder.
    pub fn socket(&self) -> Option<PathBuf> {
        let is_folder = self.name.starts_with('/') && self.address.is_none();
        is_folder.then(|| Path::new(&self.name).join(format!(".s.PGSQL.{}", self.port)))
    }
}

/// As people write it: `host:port`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// As people write it in a log line: `user@host:port/database`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).collect();
        write!(f, "{}@{}/{}", self.user, hosts.join(","), self.database)
    }
}
