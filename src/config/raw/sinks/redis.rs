//! `type = "redis"`

use std::time::Duration;

use super::access::{RawTls, read_tls};
use crate::config::Secret;
use crate::config::mask::Secrecy;
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::Field;

pub struct RawRedis {
    pub url: Field<Secret>,
    pub key: Field<String>,
    pub expire: Field<Duration>,
    pub stream: Field<String>,
    pub max_len: Field<u64>,
    pub tls: Field<RawTls>,
    pub batch: RawRedisBatch,
}

#[derive(Default)]
pub struct RawRedisBatch {
    pub max: Field<u64>,
    pub bytes: Field<u64>,
}

pub fn read(mut reader: Reader<'_>) -> RawRedis {
    let redis = RawRedis {
        url: reader.renewable("url", Secrecy::Url),
        key: reader.string("key"),
        expire: reader.duration("expire"),
        stream: reader.string("stream"),
        max_len: reader.count("max_len"),
        tls: reader.table("tls").map(read_tls),
        batch: super::inner(&mut reader, "batch", batch),
    };
    reader.finish();
    redis
}

fn batch(mut reader: Reader<'_>) -> RawRedisBatch {
    let batch = RawRedisBatch {
        max: reader.count("max"),
        bytes: reader.size("bytes"),
    };
    reader.finish();
    batch
}
