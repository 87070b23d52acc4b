//! What the parameters come to: a place to connect to, and how.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::passfile::{Passfile, Whom};
use super::settings::Settings;
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

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    pub mode: SslMode,
    /// Whether TLS begins at once, without asking the server for it first (Postgres 17 and later).
    pub direct: bool,
    pub root_cert: Option<RootCert>,
    /// PEM files: certificates and private key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether the server is told the name that it was looked up under.
    pub sni: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// PEM.
    File(PathBuf),
    /// Those that the operating system trusts.
    System,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    Disable,
    /// TLS if the server does not take a login without.
    Allow,
    /// TLS if the server offers it.
    #[default]
    Prefer,
    /// TLS, whoever answers.
    Require,
    /// TLS, and a certificate that a trusted root signed.
    VerifyCa,
    /// TLS, and a certificate that a trusted root signed for this host.
    VerifyFull,
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

pub(super) fn target(settings: &Settings, variables: Variables<'_>) -> Result<Target, InvalidDsn> {
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
        session_attrs: session_attrs(settings, hosts.len())?,
        shuffle: word(settings, "load_balance_hosts", &[("disable", false), ("random", true)])?.unwrap_or(false),
        hosts,
        user,
        database,
        application_name: application_name.unwrap_or("walsift").to_owned(),
        options: settings.get("options").map(str::to_owned),
        tls: tls(settings, home.as_deref())?,
        channel_binding: word(
            settings,
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
                .ok_or_else(|| invalid("port", "a number from 1 to 65535"))
        });
        Ok(Host {
            name: nth(&names, index)
                .or_else(|| address.clone())
                .unwrap_or_else(socket_folder),
            address: match address {
                Some(address) => Some(address.parse().map_err(|_| invalid("hostaddr", "an IP address"))?),
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

fn tls(settings: &Settings, home: Option<&Path>) -> Result<TlsSettings, InvalidDsn> {
    let folder = home.map(|home| home.join(".postgresql"));
    let default = |file: &str| folder.as_ref().map(|folder| folder.join(file));
    let root_cert = match settings.get("sslrootcert") {
        Some("system") => Some(RootCert::System),
        Some(file) => Some(RootCert::File(file.into())),
        None => default("root.crt").filter(|file| file.exists()).map(RootCert::File),
    };
    let mode = word(
        settings,
        "sslmode",
        &[
            ("disable", SslMode::Disable),
            ("allow", SslMode::Allow),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ],
    )?;
    let mode = match (mode, &root_cert) {
        (None, Some(RootCert::System)) => SslMode::VerifyFull,
        // Whoever has a certificate for any name at all could pass.
        (Some(mode), Some(RootCert::System)) if mode != SslMode::VerifyFull => {
            return Err(InvalidDsn::Conflict(
                "`sslrootcert=system` goes with `sslmode=verify-full` only",
            ));
        }
        (Some(SslMode::VerifyCa), None) => {
            return Err(InvalidDsn::Conflict(
                "`sslmode=verify-ca` needs `sslrootcert`, a file of certificates",
            ));
        }
        (mode, _) => mode.unwrap_or_default(),
    };
    let direct = word(settings, "sslnegotiation", &[("postgres", false), ("direct", true)])?.unwrap_or(false);
    if direct && matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer) {
        return Err(InvalidDsn::Conflict(
            "`sslnegotiation=direct` goes with `sslmode=require` or stricter only",
        ));
    }
    let cert = settings
        .get("sslcert")
        .map(PathBuf::from)
        .or_else(|| default("postgresql.crt").filter(|file| file.exists()));
    let key = || {
        settings
            .get("sslkey")
            .map(PathBuf::from)
            .or_else(|| default("postgresql.key"))
    };
    Ok(TlsSettings {
        mode,
        direct,
        root_cert,
        client: cert.and_then(|cert| Some((cert, key()?))),
        sni: word(settings, "sslsni", &[("1", true), ("0", false)])?.unwrap_or(true),
    })
}

fn session_attrs(settings: &Settings, hosts: usize) -> Result<SessionAttrs, InvalidDsn> {
    let attrs = word(
        settings,
        "target_session_attrs",
        &[
            ("any", SessionAttrs::Any),
            ("read-write", SessionAttrs::ReadWrite),
            ("read-only", SessionAttrs::ReadOnly),
            ("primary", SessionAttrs::Primary),
            ("standby", SessionAttrs::Standby),
            ("prefer-standby", SessionAttrs::PreferStandby),
        ],
    )?;
    Ok(match attrs {
        Some(attrs) => attrs,
        // A standby among them is of no use to those who write, or read from a slot that fails over.
        None if hosts > 1 => SessionAttrs::Primary,
        None => SessionAttrs::Any,
    })
}

fn connect_timeout(settings: &Settings) -> Result<Option<Duration>, InvalidDsn> {
    Ok(match whole(settings, "connect_timeout")? {
        None => Some(CONNECT_TIMEOUT),
        Some(seconds) if seconds <= 0 => None,
        Some(seconds) => Some(Duration::from_secs(seconds.unsigned_abs())),
    })
}

fn liveness(settings: &Settings) -> Result<Liveness, InvalidDsn> {
    let seconds = |name, default| time(settings, name, default, Duration::from_secs);
    Ok(Liveness {
        keepalives: whole(settings, "keepalives")? != Some(0),
        idle: seconds("keepalives_idle", LIVENESS.idle)?,
        interval: seconds("keepalives_interval", LIVENESS.interval)?,
        count: match whole(settings, "keepalives_count")? {
            None => LIVENESS.count,
            Some(count) => u32::try_from(count).ok().filter(|count| *count > 0),
        },
        user_timeout: time(
            settings,
            "tcp_user_timeout",
            LIVENESS.user_timeout,
            Duration::from_millis,
        )?,
    })
}

/// Zero is for what the operating system does.
fn time(
    settings: &Settings,
    name: &'static str,
    default: Option<Duration>,
    unit: impl Fn(u64) -> Duration,
) -> Result<Option<Duration>, InvalidDsn> {
    Ok(match whole(settings, name)? {
        None => default,
        Some(number) => u64::try_from(number).ok().filter(|number| *number > 0).map(unit),
    })
}

fn whole(settings: &Settings, name: &'static str) -> Result<Option<i64>, InvalidDsn> {
    let number = |text: &str| text.trim().parse::<i32>().map(i64::from);
    let found = settings.get(name).map(number).transpose();
    found.map_err(|_| invalid(name, "a whole number"))
}

fn word<T: Copy>(settings: &Settings, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, InvalidDsn> {
    let Some(found) = settings.get(name) else {
        return Ok(None);
    };
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == found) {
        return Ok(Some(*meaning));
    }
    let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    Err(invalid(name, &format!("one of {}", names.join(", "))))
}

fn invalid(name: &'static str, wanted: &str) -> InvalidDsn {
    InvalidDsn::Value {
        name,
        wanted: wanted.to_owned(),
    }
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
