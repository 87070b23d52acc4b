//! Signatures as in <https://www.standardwebhooks.com>: whoever has the secret can tell that a request is ours, and new.
//!
//! ```text
//! webhook-id         the `Idempotency-Key`: the same for every try of one version
//! webhook-timestamp  seconds since 1970, of this try
//! webhook-signature  v1,BASE64 v1,BASE64    one for each secret, of `id.timestamp.body` by HMAC-SHA256
//! ```

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::request::Request;
use crate::config::{Secret, signing_key};
use crate::publish::web::{REDACTED, Secrets};

pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Files with secrets are read again no more often than this.
const READ_PERIOD: Duration = Duration::from_secs(5);

/// Signs requests with all of its secrets.
pub(super) struct Signer {
    secrets: Vec<Secret>,
    period: Duration,
    // Held for a look or a change only, and while files are read.
    keys: Mutex<Option<(Instant, Vec<Vec<u8>>)>>,
}

impl Signer {
    pub fn new(secrets: &[Secret]) -> Self {
        Self {
            secrets: secrets.to_vec(),
            period: READ_PERIOD,
            keys: Mutex::default(),
        }
    }

    /// Adds the headers. Nothing about a request may change afterwards. Says why not, without secrets.
    pub fn sign(&self, request: &mut Request, now: SystemTime, secrets: &Secrets) -> Result<(), String> {
        if self.secrets.is_empty() {
            return Ok(());
        }
        let id = request.headers.get(IDEMPOTENCY_KEY).cloned();
        let id = id.expect("each request has its key");
        let timestamp = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
            .to_string();
        let keys = self.keys(secrets)?;
        let signatures: Vec<_> = keys
            .iter()
            .map(|key| signature(key, id.as_bytes(), &timestamp, &request.body))
            .collect();
        request.headers.insert(ID, id);
        request.headers.insert(TIMESTAMP, visible(&timestamp));
        request.headers.insert(SIGNATURE, visible(&signatures.join(" ")));
        Ok(())
    }

    fn keys(&self, secrets: &Secrets) -> Result<Vec<Vec<u8>>, String> {
        let mut keys = self.keys.lock().expect("no holder panics");
        let files = self.secrets.iter().any(|secret| secret.file().is_some());
        if let Some((at, keys)) = &*keys
            && (!files || at.elapsed() < self.period)
        {
            return Ok(keys.clone());
        }
        let read: Result<Vec<_>, _> = self.secrets.iter().map(|secret| key(secret, secrets)).collect();
        let read = read?;
        *keys = Some((Instant::now(), read.clone()));
        Ok(read)
    }
}

fn key(secret: &Secret, secrets: &Secrets) -> Result<Vec<u8>, String> {
    let text = secret.read();
    let text = text.map_err(|error| format!("can't read the file of a secret to sign with: {error}"))?;
    secrets.learn(key_of(text.expose_secret()));
    signing_key(text.expose_secret()).map_err(|error| error.to_string())
}

/// What of a secret must not be seen, with its prefix or without.
pub(super) fn key_of(secret: &str) -> &str {
    secret.trim().trim_start_matches("whsec_")
}

fn signature(key: &[u8], id: &[u8], timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    for part in [id, b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// A signature as it is shown: whoever has one could send the request again.
pub(super) fn masked(signatures: &str) -> String {
    let masked: Vec<_> = signatures.split(' ').map(|_| format!("v1,{REDACTED}")).collect();
    masked.join(" ")
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digits and Base64 are fit for a header")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::Method;
    use reqwest::header::HeaderMap;
    use secrecy::SecretString;

    use super::*;

    /// Of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: u64 = 1_614_265_330;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn request() -> Request {
        let key = (
            HeaderName::from_static(IDEMPOTENCY_KEY),
            HeaderValue::from_static(MESSAGE),
        );
        Request {
            method: Method::POST,
            url: "https://h/".parse().unwrap(),
            headers: HeaderMap::from_iter([key]),
            body: Bytes::from_static(br#"{"test": 2432232314}"#),
        }
    }

    fn header(request: &Request, name: &HeaderName) -> String {
        let value = request.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    }

    fn signed(signer: &Signer) -> Request {
        let mut request = request();
        let now = UNIX_EPOCH + Duration::from_secs(SENT);
        signer.sign(&mut request, now, &Secrets::default()).unwrap();
        request
    }

    fn secret(text: &str) -> Secret {
        SecretString::from(text).into()
    }

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let request = signed(&Signer::new(&[secret(SECRET)]));
        assert_eq!(header(&request, &ID), MESSAGE);
        assert_eq!(header(&request, &TIMESTAMP), SENT.to_string());
        assert_eq!(header(&request, &SIGNATURE), SIGNED);
    }

    #[test]
    fn each_secret_signs_and_none_signs_nothing() {
        let request = signed(&Signer::new(&[secret("whsec_aHVudGVyMg=="), secret(SECRET)]));
        let signatures = header(&request, &SIGNATURE);
        let (other, own) = signatures.split_once(' ').unwrap();
        assert_eq!(own, SIGNED);
        assert!(other.starts_with("v1,") && other != SIGNED);
        assert_eq!(masked(&signatures), "v1,*** v1,***");
        assert_eq!(signed(&Signer::new(&[])).headers.len(), 1);
    }

    #[test]
    fn a_secret_that_changes_in_its_file_signs_what_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "whsec_aHVudGVyMg==").unwrap();
        let signer = Signer {
            period: Duration::ZERO,
            ..Signer::new(&[Secret::of_file(String::new(), file.clone())])
        };
        assert_ne!(header(&signed(&signer), &SIGNATURE), SIGNED);
        std::fs::write(&file, SECRET).unwrap();
        assert_eq!(header(&signed(&signer), &SIGNATURE), SIGNED);
        std::fs::write(&file, "hunter2").unwrap();
        let refused = signer.sign(&mut request(), SystemTime::now(), &Secrets::default());
        assert_eq!(refused.unwrap_err(), "a secret to sign with begins with `whsec_`");
    }
}
