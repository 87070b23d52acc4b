//! `type = "kafka"`

use std::time::Duration;

use secrecy::SecretString;

use super::{Secret, Tls};

/// Whether this program was built with it.
pub const HAS_KAFKA: bool = cfg!(feature = "kafka");

/// A topic that documents are sent to.
#[derive(Debug, Clone)]
pub struct KafkaSink {
    /// Those that are asked for all others, `host:port` each.
    pub brokers: Vec<String>,
    pub topic: String,
    pub auth: Option<KafkaAuth>,
    /// `None`: connections are in the clear.
    pub tls: Option<Tls>,
    pub compression: Compression,
    /// What else librdkafka is told; values may be secrets.
    pub properties: Vec<(String, SecretString)>,
    /// Most messages in one batch.
    pub max: usize,
    /// Most bytes of their documents together.
    pub bytes: usize,
    /// After so much time a message is given up that is not acknowledged.
    pub expiry: Duration,
}

#[derive(Debug, Clone)]
pub struct KafkaAuth {
    pub mechanism: Mechanism,
    pub user: String,
    pub password: Secret,
}

/// Of SASL: <https://www.rfc-editor.org/rfc/rfc4616>, <https://www.rfc-editor.org/rfc/rfc5802>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    pub const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// As its key of `auth` is written.
    pub fn key(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::ScramSha256 => "scram_sha_256",
            Self::ScramSha512 => "scram_sha_512",
        }
    }

    /// As the protocol has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    pub const ALL: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("gzip", Self::Gzip),
        ("snappy", Self::Snappy),
        ("lz4", Self::Lz4),
        ("zstd", Self::Zstd),
    ];

    /// As it is written, here and by librdkafka.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}
