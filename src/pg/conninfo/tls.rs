//! How a connection is to be secured.

use std::path::{Path, PathBuf};

use super::InvalidDsn;
use super::settings::Settings;

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

impl TlsSettings {
    /// From what is set, and from the files that stand under `.postgresql` at home.
    pub(super) fn of(settings: &Settings, home: Option<&Path>) -> Result<Self, InvalidDsn> {
        let folder = home.map(|home| home.join(".postgresql"));
        let default = |file: &str| folder.as_ref().map(|folder| folder.join(file));
        let root_cert = match settings.get("sslrootcert") {
            Some("system") => Some(RootCert::System),
            Some(file) => Some(RootCert::File(file.into())),
            None => default("root.crt").filter(|file| file.exists()).map(RootCert::File),
        };
        let mode = settings.word(
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
        let direct = settings
            .word("sslnegotiation", &[("postgres", false), ("direct", true)])?
            .unwrap_or(false);
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
        Ok(Self {
            mode,
            direct,
            root_cert,
            client: cert.and_then(|cert| Some((cert, key()?))),
            sni: settings.word("sslsni", &[("1", true), ("0", false)])?.unwrap_or(true),
        })
    }
}
