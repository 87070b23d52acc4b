//! `type = "http"`

use secrecy::SecretString;

use super::access::{self, RawAccess};
use super::requests::{self, RawRequests};
use crate::config::Secret;
use crate::config::mask::Secrecy;
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::{At, Field};

pub struct RawHttp {
    pub url: Field<SecretString>,
    pub method: Field<&'static str>,
    pub headers: Field<Vec<(At<String>, At<SecretString>)>>,
    pub access: RawAccess,
    pub sign: Field<Vec<At<Secret>>>,
    pub gzip: Field<bool>,
    pub requests: RawRequests,
}

/// How `method` may be written: ways to hand over a document.
const METHODS: [(&str, &str); 3] = [("PUT", "PUT"), ("POST", "POST"), ("PATCH", "PATCH")];

pub fn read(mut reader: Reader<'_>) -> RawHttp {
    let http = RawHttp {
        url: reader.secret("url", Secrecy::Url),
        method: reader.word("method", &METHODS),
        headers: reader.named_secrets("headers"),
        access: access::read(&mut reader),
        sign: reader.renewables("sign", Secrecy::Whole),
        gzip: reader.boolean("gzip"),
        requests: requests::read(&mut reader),
    };
    reader.finish();
    http
}
