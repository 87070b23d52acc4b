//! What it takes to be let in by a web server: who we are, and whom we trust.

use std::fs;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use xxhash_rust::xxh3::Xxh3;

use super::Secret;

#[derive(Debug, Clone, Default)]
pub struct Access {
    pub auth: Option<Auth>,
    pub tls: Tls,
}

/// How requests say who sends them.
#[derive(Debug, Clone)]
pub enum Auth {
    Basic {
        user: String,
        password: Secret,
    },
    Bearer(Secret),
    /// As Elasticsearch hands it out, encoded.
    ApiKey(Secret),
    OAuth2(Box<OAuth2>),
}

/// Client credentials, <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>.
#[derive(Debug, Clone)]
pub struct OAuth2 {
    pub token_url: SecretString,
    pub client_id: String,
    pub client_secret: Secret,
    pub scope: Option<String>,
    pub client_auth: ClientAuth,
    /// Sent with each request for a token.
    pub parameters: Vec<(String, SecretString)>,
}

/// Where a request for a token has the client's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the header `Authorization`.
    Basic,
    /// In its body.
    Post,
}

#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Those who may vouch for the server, in the place of the system's.
    pub roots: Option<Pem>,
    /// Shown to a server that asks who we are: certificates, our own first, and the private key.
    pub client: Option<(Pem, Pem)>,
}

impl Tls {
    /// Whether what it says may change while we run.
    pub fn has_files(&self) -> bool {
        self.parts().any(|pem| pem.file().is_some())
    }

    /// Of all that is in it at present; `None` if it cannot be read.
    pub fn fingerprint(&self) -> Option<u64> {
        let texts: Result<Vec<_>, _> = self.parts().map(Pem::text).collect();
        let mut hasher = Xxh3::new();
        for text in texts.ok()? {
            hasher.update(text.expose_secret().as_bytes());
            // No PEM has such a byte: nothing moves from one file to the next unseen.
            hasher.update(&[0]);
        }
        Some(hasher.digest())
    }

    fn parts(&self) -> impl Iterator<Item = &Pem> {
        let client = self.client.iter().flat_map(|(cert, key)| [cert, key]);
        self.roots.iter().chain(client)
    }
}

/// Certificates or a key: <https://www.rfc-editor.org/rfc/rfc7468>
#[derive(Debug, Clone)]
pub enum Pem {
    File(PathBuf),
    Text(SecretString),
}

/// What is wrong with a [`Pem`]. Without any of its text.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    #[error("can't read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("there is no {0} in it")]
    Nothing(&'static str),
    #[error("it is damaged PEM")]
    Damaged,
}

impl Pem {
    /// At least one.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, PemError> {
        let text = self.text()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.expose_secret().as_bytes()).collect();
        let certificates = certificates.map_err(|error| unusable(&error, "certificate"))?;
        if certificates.is_empty() {
            return Err(PemError::Nothing("certificate"));
        }
        Ok(certificates)
    }

    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, PemError> {
        let text = self.text()?;
        PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes()).map_err(|error| unusable(&error, "private key"))
    }

    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) => None,
        }
    }

    pub fn text(&self) -> Result<SecretString, PemError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => match fs::read_to_string(path) {
                Ok(text) => Ok(text.into()),
                Err(source) => Err(PemError::File {
                    path: path.clone(),
                    source,
                }),
            },
        }
    }
}

/// What the library says may repeat a line of it.
fn unusable(error: &pem::Error, wanted: &'static str) -> PemError {
    match error {
        pem::Error::NoItemsFound => PemError::Nothing(wanted),
        _ => PemError::Damaged,
    }
}
