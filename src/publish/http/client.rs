//! The client of a sink: its connections.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use crate::config::Terms;

const USER_AGENT: &str = concat!("walsift/", env!("CARGO_PKG_VERSION"));

/// A connection that isn't there by then won't be: the next try begins sooner, and nothing was sent.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Below what common servers and load balancers keep, so that we rarely send into a connection that is being closed.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(30);

/// `sample` is a url of the sink. Says why not, without secrets.
pub(super) fn client(terms: &Terms, sample: &Url) -> Result<Client, String> {
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
        .tcp_nodelay(true);
    // A proxy's localhost is another one.
    if is_loopback(sample) {
        builder = builder.no_proxy();
    }
    // A plain sink must start on a machine without root certificates, as in an image with nothing but this program.
    if sample.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let cause = error.source().map(ToString::to_string);
        format!(
            "the http client cannot be made: {}",
            cause.unwrap_or_else(|| error.without_url().to_string())
        )
    })
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
