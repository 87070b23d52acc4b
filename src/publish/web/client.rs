//! The client of a sink: its connections. HTTP/2 where the server offers it in the handshake; proxies by the usual variables
//! of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
//!
//! Certificates that live in files are read again, every half minute and after each failure, so that they can be renewed without a
//! restart. What cannot be used does not replace what can.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Url, redirect};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{PemError, Terms, Tls};

const USER_AGENT: &str = concat!("walsift/", env!("CARGO_PKG_VERSION"));

/// A connection that isn't there by then won't be: the next try begins sooner, and nothing was sent.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Below what common servers and load balancers keep, so that we rarely send into a connection that is being closed.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(30);

/// A connection that carries many requests at once is found dead in so much time, twice.
const PING_PERIOD: Duration = Duration::from_secs(15);

/// Between two looks at the files of the certificates.
const LOOK_PERIOD: Duration = Duration::from_secs(30);

/// A client with the certificates that are there now.
#[derive(Debug)]
pub(super) struct Clients {
    terms: Terms,
    tls: Tls,
    samples: Vec<Url>,
    // Held for a look at small files at most.
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    client: Client,
    fingerprint: Option<u64>,
    /// `None`: something failed since.
    looked_at: Option<Instant>,
}

impl Clients {
    /// `samples` are urls of the sink, one of each kind. Says why not, without secrets.
    pub fn new(terms: &Terms, tls: &Tls, samples: &[Url]) -> Result<Self, String> {
        let current = Current {
            // Before they are read for use: what changes in between is noticed.
            fingerprint: tls.fingerprint(),
            client: client(terms, tls, samples)?,
            looked_at: Some(Instant::now()),
        };
        Ok(Self {
            terms: *terms,
            tls: tls.clone(),
            samples: samples.to_vec(),
            current: Mutex::new(current),
        })
    }

    pub fn get(&self) -> Client {
        let mut current = self.current.lock().expect("no holder panics");
        if self.tls.has_files() && current.looked_at.is_none_or(|at| at.elapsed() >= LOOK_PERIOD) {
            current.looked_at = Some(Instant::now());
            self.look(&mut current);
        }
        current.client.clone()
    }

    /// The certificates may be why something failed.
    pub fn doubt(&self) {
        self.current.lock().expect("no holder panics").looked_at = None;
    }

    fn look(&self, current: &mut Current) {
        let fingerprint = self.tls.fingerprint();
        if fingerprint.is_none() || fingerprint == current.fingerprint {
            return;
        }
        match client(&self.terms, &self.tls, &self.samples) {
            Ok(client) => {
                tracing::info!("the certificates of a sink have changed: new connections use the new ones");
                (current.client, current.fingerprint) = (client, fingerprint);
            }
            // Perhaps one of the files is still to be written.
            Err(error) => tracing::warn!(error, "the new certificates of a sink cannot be used"),
        }
    }
}

fn client(terms: &Terms, tls: &Tls, samples: &[Url]) -> Result<Client, String> {
    // The client would panic.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err("no cryptography provider is installed in this process".to_owned());
    }
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT_MAX.min(terms.timeout / 2))
        .pool_max_idle_per_host(terms.concurrency)
        .pool_idle_timeout(IDLE_CONNECTION_MAX)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_PERIOD)
        .http2_keep_alive_timeout(PING_PERIOD);
    // A proxy's localhost is another one.
    if samples.iter().all(is_loopback) {
        builder = builder.no_proxy();
    }
    // A plain sink must start on a machine without root certificates, as in an image with nothing but this program.
    if samples.iter().all(|sample| sample.scheme() == "http") {
        builder = builder.tls_certs_only([]);
    } else {
        builder = with_tls(builder, tls)?;
    }
    builder.build().map_err(|error| {
        let cause = error.source().map(ToString::to_string);
        format!(
            "the http client cannot be made: {}",
            cause.unwrap_or_else(|| error.without_url().to_string())
        )
    })
}

fn with_tls(mut builder: ClientBuilder, tls: &Tls) -> Result<ClientBuilder, String> {
    let unusable = |error: PemError| format!("`tls` cannot be used: {error}");
    let refused = |error: reqwest::Error| format!("`tls` cannot be used: {}", error.without_url());
    if let Some(roots) = &tls.roots {
        let roots = roots.certificates().map_err(unusable)?;
        let roots: Result<Vec<_>, _> = roots.iter().map(|root| Certificate::from_der(root)).collect();
        builder = builder.tls_certs_only(roots.map_err(refused)?);
    }
    if let Some((cert, key)) = &tls.client {
        let chain = cert.certificates().map_err(unusable)?;
        let key = key.private_key().map_err(unusable)?;
        builder = builder.identity(identity(&chain, &key).map_err(refused)?);
    }
    Ok(builder)
}

/// The client wants it as text.
fn identity(chain: &[CertificateDer<'_>], key: &PrivateKeyDer<'_>) -> Result<Identity, reqwest::Error> {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    let mut text = pem(label, key.secret_der());
    for certificate in chain {
        text.push_str(&pem("CERTIFICATE", certificate));
    }
    Identity::from_pem(text.as_bytes())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://localhost:1/", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]:80/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example.com/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
