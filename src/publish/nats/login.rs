//! How we introduce ourselves.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol#connect>

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use nkeys::KeyPair;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::wire::Info;
use crate::config::{NatsAuth, Secret, nats_credentials, nats_user_key};
use crate::publish::web::Secrets;

/// The object that we introduce ourselves with. Secrets that have files are read again, and kept from view. Says why not,
/// without them.
pub(super) fn introduction(
    auth: Option<&NatsAuth>,
    info: &Info,
    tls: bool,
    secrets: &Secrets,
) -> Result<Value, String> {
    let mut about = json!({
        "verbose": false,
        "pedantic": false,
        "echo": false,
        "headers": true,
        "no_responders": true,
        // As a client that takes news of the server at any time.
        "protocol": 1,
        "tls_required": tls,
        "name": "walsift",
        "lang": "rust",
        "version": env!("CARGO_PKG_VERSION"),
    });
    match auth {
        None => {}
        Some(NatsAuth::Basic { user, password }) => {
            about["user"] = user.as_str().into();
            about["pass"] = read(password, secrets)?.expose_secret().into();
        }
        Some(NatsAuth::Token(token)) => about["auth_token"] = read(token, secrets)?.expose_secret().into(),
        Some(NatsAuth::Nkey(seed)) => {
            let seed = read(seed, secrets)?;
            let key = nats_user_key(seed.expose_secret()).map_err(|error| format!("`nkey` cannot be used: {error}"))?;
            about["nkey"] = key.public_key().into();
            about["sig"] = signed(&key, &info.nonce)?.into();
        }
        Some(NatsAuth::Creds(creds)) => {
            let creds = read(creds, secrets)?;
            let (jwt, key) =
                nats_credentials(creds.expose_secret()).map_err(|error| format!("`creds` cannot be used: {error}"))?;
            secrets.learn(jwt);
            about["jwt"] = jwt.into();
            about["sig"] = signed(&key, &info.nonce)?.into();
        }
    }
    Ok(about)
}

fn read(secret: &Secret, secrets: &Secrets) -> Result<SecretString, String> {
    let text = secret
        .read()
        .map_err(|error| format!("can't read the file of the credentials: {error}"))?;
    secrets.learn(text.expose_secret().trim());
    Ok(text)
}

fn signed(key: &KeyPair, nonce: &str) -> Result<String, String> {
    let signature = key.sign(nonce.as_bytes());
    let signature = signature.map_err(|_| "the server's nonce could not be signed".to_owned())?;
    Ok(BASE64.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        SecretString::from(text).into()
    }

    #[test]
    fn each_kind_of_credentials_has_its_members() {
        let info = Info {
            nonce: "abc".to_owned(),
            ..Info::default()
        };
        let key = KeyPair::new_user();
        let seed = key.seed().unwrap();
        let creds = format!("-----BEGIN NATS USER JWT-----\njwt\n-----BEGIN USER NKEY SEED-----\n{seed}\n");
        let signature = BASE64.encode(key.sign(b"abc").unwrap());
        let public = key.public_key();
        let basic = NatsAuth::Basic {
            user: "me".to_owned(),
            password: secret("hunter2"),
        };
        let cases = [
            (basic, vec![("user", "me"), ("pass", "hunter2")]),
            (NatsAuth::Token(secret("t0k3n")), vec![("auth_token", "t0k3n")]),
            (
                NatsAuth::Nkey(secret(&seed)),
                vec![("nkey", &public), ("sig", &signature)],
            ),
            (
                NatsAuth::Creds(secret(&creds)),
                vec![("jwt", "jwt"), ("sig", &signature)],
            ),
        ];
        let nobody = introduction(None, &info, true, &Secrets::default()).unwrap();
        assert_eq!(nobody["tls_required"], true);
        for (auth, members) in cases {
            let about = introduction(Some(&auth), &info, true, &Secrets::default()).unwrap();
            let mut expected = nobody.clone();
            for (name, value) in members {
                expected[name] = value.into();
            }
            assert_eq!(about, expected);
        }
    }

    #[test]
    fn secrets_are_read_again_and_kept_from_view() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("token");
        let secrets = Secrets::default();
        let auth = NatsAuth::Token(Secret::of_file("old".to_owned(), file.clone()));
        let refused = introduction(Some(&auth), &Info::default(), false, &secrets).unwrap_err();
        assert!(
            refused.starts_with("can't read the file of the credentials"),
            "{refused}"
        );
        std::fs::write(&file, "n3w-t0k3n\n").unwrap();
        let about = introduction(Some(&auth), &Info::default(), false, &secrets).unwrap();
        assert_eq!(about["auth_token"], "n3w-t0k3n");
        assert_eq!(secrets.redacted("got n3w-t0k3n"), "got ***");
        let wrong = NatsAuth::Nkey(secret("n0-s33d"));
        let refused = introduction(Some(&wrong), &Info::default(), false, &secrets).unwrap_err();
        assert!(!refused.contains("n0-s33d"), "{refused}");
    }
}
