//! `type = "http"`

use secrecy::SecretString;

use crate::config::mask::Secrecy;
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::{At, Field};

pub struct RawHttp {
    pub url: Field<SecretString>,
    pub method: Field<&'static str>,
    pub headers: Field<Vec<(At<String>, At<SecretString>)>>,
}

/// How `method` may be written: ways to hand over a document.
const METHODS: [(&str, &str); 3] = [("PUT", "PUT"), ("POST", "POST"), ("PATCH", "PATCH")];

pub fn read(mut reader: Reader<'_>) -> RawHttp {
    let http = RawHttp {
        url: reader.secret("url", Secrecy::Url),
        method: reader.word("method", &METHODS),
        headers: reader.named_secrets("headers"),
    };
    reader.not_yet(&["body", "create", "delete", "auth", "sign", "batch", "ok", "reject"]);
    reader.finish();
    http
}
