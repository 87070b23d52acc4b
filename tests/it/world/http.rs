//! A plain HTTP client.

/// Without proxies, whatever the environment says.
pub fn http_client() -> reqwest::Client {
    // Fails when another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
