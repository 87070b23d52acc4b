//! `type = "nats"`

use super::access::{RawBasic, RawTls, read_basic, read_tls};
use crate::config::Secret;
use crate::config::mask::Secrecy;
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::{At, Field};

pub struct RawNats {
    pub urls: Field<Vec<At<Secret>>>,
    pub subject: Field<String>,
    pub stream: Field<String>,
    pub auth: Field<RawNatsAuth>,
    pub tls: Field<RawTls>,
    pub batch: RawNatsBatch,
}

pub struct RawNatsAuth {
    pub basic: Field<RawBasic>,
    pub token: Field<Secret>,
    pub nkey: Field<Secret>,
    pub creds: Field<Secret>,
}

#[derive(Default)]
pub struct RawNatsBatch {
    pub max: Field<u64>,
    pub bytes: Field<u64>,
}

pub fn read(mut reader: Reader<'_>) -> RawNats {
    let nats = RawNats {
        urls: reader.renewables("url", Secrecy::Url),
        subject: reader.string("subject"),
        stream: reader.string("stream"),
        auth: reader.table_of_secrets("auth").map(read_auth),
        tls: reader.table("tls").map(read_tls),
        batch: super::inner(&mut reader, "batch", batch),
    };
    reader.finish();
    nats
}

fn read_auth(mut reader: Reader<'_>) -> RawNatsAuth {
    let auth = RawNatsAuth {
        basic: reader.table_of_secrets("basic").map(read_basic),
        token: reader.renewable("token", Secrecy::Whole),
        nkey: reader.renewable("nkey", Secrecy::Whole),
        creds: reader.renewable("creds", Secrecy::Pem),
    };
    reader.finish();
    auth
}

fn batch(mut reader: Reader<'_>) -> RawNatsBatch {
    let batch = RawNatsBatch {
        max: reader.count("max"),
        bytes: reader.size("bytes"),
    };
    reader.finish();
    batch
}
