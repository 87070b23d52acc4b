//! The parameters of libpq, and what becomes of each here.

use super::InvalidDsn;

/// One parameter.
pub(super) struct Keyword {
    pub name: &'static str,
    /// Of the environment.
    pub variable: Option<&'static str>,
    support: Support,
}

enum Support {
    Full,
    /// There is nothing that it could change.
    Moot,
    /// These values ask for nothing but what is done anyway.
    Only(&'static [&'static str]),
    Never,
}

const fn keyword(name: &'static str, variable: Option<&'static str>, support: Support) -> Keyword {
    Keyword {
        name,
        variable,
        support,
    }
}

use Support::{Full, Moot, Never, Only};

/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("service", Some("PGSERVICE"), Full),
    keyword("servicefile", Some("PGSERVICEFILE"), Full),
    keyword("host", Some("PGHOST"), Full),
    keyword("hostaddr", Some("PGHOSTADDR"), Full),
    keyword("port", Some("PGPORT"), Full),
    keyword("dbname", Some("PGDATABASE"), Full),
    keyword("user", Some("PGUSER"), Full),
    keyword("password", Some("PGPASSWORD"), Full),
    keyword("passfile", Some("PGPASSFILE"), Full),
    keyword("connect_timeout", Some("PGCONNECT_TIMEOUT"), Full),
    keyword("application_name", Some("PGAPPNAME"), Full),
    keyword("fallback_application_name", None, Full),
    keyword("options", Some("PGOPTIONS"), Full),
    keyword("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Full),
    keyword("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), Full),
    keyword("keepalives", None, Full),
    keyword("keepalives_idle", None, Full),
    keyword("keepalives_interval", None, Full),
    keyword("keepalives_count", None, Full),
    keyword("tcp_user_timeout", None, Full),
    keyword("channel_binding", Some("PGCHANNELBINDING"), Full),
    keyword("sslmode", Some("PGSSLMODE"), Full),
    keyword("sslnegotiation", Some("PGSSLNEGOTIATION"), Full),
    keyword("sslrootcert", Some("PGSSLROOTCERT"), Full),
    keyword("sslcert", Some("PGSSLCERT"), Full),
    keyword("sslkey", Some("PGSSLKEY"), Full),
    keyword("sslsni", Some("PGSSLSNI"), Full),
    // Text is always exchanged in UTF-8; `PGCLIENTENCODING` is for what prints it.
    keyword(
        "client_encoding",
        None,
        Only(&["UTF8", "utf8", "UTF-8", "utf-8", "auto"]),
    ),
    // Compression by TLS is extinct.
    keyword("sslcompression", Some("PGSSLCOMPRESSION"), Moot),
    keyword("sslcertmode", Some("PGSSLCERTMODE"), Only(&["allow"])),
    keyword(
        "ssl_min_protocol_version",
        Some("PGSSLMINPROTOCOLVERSION"),
        Only(&["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ),
    keyword(
        "ssl_max_protocol_version",
        Some("PGSSLMAXPROTOCOLVERSION"),
        Only(&["TLSv1.3"]),
    ),
    keyword("sslpassword", None, Never),
    keyword("sslcrl", Some("PGSSLCRL"), Never),
    keyword("sslcrldir", Some("PGSSLCRLDIR"), Never),
    keyword("sslkeylogfile", None, Never),
    keyword("min_protocol_version", Some("PGMINPROTOCOLVERSION"), Only(&["3.0"])),
    keyword(
        "max_protocol_version",
        Some("PGMAXPROTOCOLVERSION"),
        Only(&["3.0", "3.2", "latest"]),
    ),
    keyword("gssencmode", Some("PGGSSENCMODE"), Only(&["disable", "prefer"])),
    keyword("gssdelegation", Some("PGGSSDELEGATION"), Only(&["0"])),
    keyword("krbsrvname", Some("PGKRBSRVNAME"), Moot),
    keyword("gsslib", Some("PGGSSLIB"), Moot),
    keyword("requirepeer", Some("PGREQUIREPEER"), Never),
    keyword("require_auth", Some("PGREQUIREAUTH"), Never),
    keyword("scram_client_key", None, Never),
    keyword("scram_server_key", None, Never),
    keyword("oauth_issuer", None, Never),
    keyword("oauth_client_id", None, Never),
    keyword("oauth_client_secret", None, Never),
    keyword("oauth_scope", None, Never),
    // Whether a session replicates is not for the configuration to say.
    keyword("replication", None, Never),
];

pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

impl Keyword {
    /// Whether a value asks for something that is done. `told_as` is what the value came under.
    pub(super) fn check(&self, told_as: &str, value: &str) -> Result<(), InvalidDsn> {
        let reason = match self.support {
            Full | Moot => return Ok(()),
            _ if value.is_empty() => return Ok(()),
            Only(values) if values.contains(&value) => return Ok(()),
            Only(values) => format!("can only be {} here", values.join(", ")),
            Never => "is not supported".to_owned(),
        };
        Err(InvalidDsn::Unsupported {
            name: told_as.to_owned(),
            reason,
        })
    }
}
