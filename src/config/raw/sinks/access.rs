//! `auth` and `tls`, of every sink that is reached over HTTP.

use secrecy::SecretString;

use crate::config::mask::Secrecy;
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::{At, Field};
use crate::config::{ClientAuth, Secret};

pub struct RawAccess {
    pub auth: Field<RawAuth>,
    pub tls: RawTls,
}

pub struct RawAuth {
    pub basic: Field<RawBasic>,
    pub bearer: Field<Secret>,
    pub api_key: Field<Secret>,
    pub oauth2: Field<RawOAuth2>,
}

pub struct RawBasic {
    pub user: Field<String>,
    pub password: Field<Secret>,
}

pub struct RawOAuth2 {
    pub token_url: Field<SecretString>,
    pub client_id: Field<String>,
    pub client_secret: Field<Secret>,
    pub scope: Field<String>,
    pub client_auth: Field<ClientAuth>,
    pub parameters: Field<Vec<(At<String>, At<SecretString>)>>,
}

#[derive(Default)]
pub struct RawTls {
    pub roots: Field<Secret>,
    pub cert: Field<Secret>,
    pub key: Field<Secret>,
}

/// How `client_auth` may be written: <https://www.rfc-editor.org/rfc/rfc7591#section-2>
const CLIENT_AUTHS: [(&str, ClientAuth); 2] = [
    ("client_secret_basic", ClientAuth::Basic),
    ("client_secret_post", ClientAuth::Post),
];

pub fn read(reader: &mut Reader<'_>) -> RawAccess {
    RawAccess {
        auth: reader.table_of_secrets("auth").map(read_auth),
        tls: reader.table("tls").map(read_tls).or(RawTls::default()),
    }
}

fn read_auth(mut reader: Reader<'_>) -> RawAuth {
    let auth = RawAuth {
        basic: reader.table_of_secrets("basic").map(read_basic),
        bearer: reader.renewable("bearer", Secrecy::Whole),
        api_key: reader.renewable("api_key", Secrecy::Whole),
        oauth2: reader.table_of_secrets("oauth2").map(read_oauth2),
    };
    reader.finish();
    auth
}

pub(super) fn read_basic(mut reader: Reader<'_>) -> RawBasic {
    let basic = RawBasic {
        user: reader.string("user"),
        password: reader.renewable("password", Secrecy::Whole),
    };
    reader.finish();
    basic
}

fn read_oauth2(mut reader: Reader<'_>) -> RawOAuth2 {
    let oauth2 = RawOAuth2 {
        token_url: reader.secret("token_url", Secrecy::Url),
        client_id: reader.string("client_id"),
        client_secret: reader.renewable("client_secret", Secrecy::Whole),
        scope: reader.string("scope"),
        client_auth: reader.word("client_auth", &CLIENT_AUTHS),
        parameters: reader.named_secrets("parameters"),
    };
    reader.finish();
    oauth2
}

pub(super) fn read_tls(mut reader: Reader<'_>) -> RawTls {
    let tls = RawTls {
        roots: reader.renewable("roots", Secrecy::Pem),
        cert: reader.renewable("cert", Secrecy::Pem),
        key: reader.renewable("key", Secrecy::Pem),
    };
    reader.finish();
    tls
}
