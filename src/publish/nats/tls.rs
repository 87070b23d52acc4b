//! TLS as it is configured: whom to trust, and who we are.

use std::sync::Arc;

use rustls::client::{WebPkiServerVerifier, danger::ServerCertVerifier};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::config::Tls;

/// Reads the files anew, as they may have changed. Says why not, without secrets.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, String> {
    configured(tls).map_err(|error| format!("`tls` cannot be used: {error}"))
}

fn configured(tls: &Tls) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match &tls.roots {
        Some(roots) => {
            let mut store = RootCertStore::empty();
            for root in roots.certificates()? {
                store.add(root)?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build()?
        }
        None => Arc::new(Verifier::new(provider.clone())?),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match &tls.client {
        Some((cert, key)) => builder.with_client_auth_cert(cert.certificates()?, key.private_key()?)?,
        None => builder.with_no_client_auth(),
    })
}
