//! Connections of sinks that speak a protocol of their own.
//!
//! Nothing goes on behind them: what is not written when its future is dropped is never written, and when one is closed our system
//! throws away what it has not sent yet. So nothing arrives after it was given up.

use std::io;
use std::sync::Arc;

use rustls::client::{WebPkiServerVerifier, danger::ServerCertVerifier};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Tls;

pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for S {}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTls {
    /// Ours are to blame: the certificates of the configuration.
    #[error("`tls` cannot be used: {0}")]
    Unusable(String),
    #[error("{0}")]
    Failed(#[from] io::Error),
}

/// Connects to a host, by name or address.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// From now on in secret, with a server that shows to be this host. Reads the files anew, as they may have changed.
pub(super) async fn secure(plain: Box<dyn Socket>, host: &str, tls: &Tls) -> Result<Box<dyn Socket>, NoTls> {
    let unusable = |error: Box<dyn std::error::Error>| NoTls::Unusable(error.to_string());
    let config = client_config(tls).map_err(unusable)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unusable(error.into()))?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, plain).await?;
    Ok(Box::new(secured))
}

fn client_config(tls: &Tls) -> Result<ClientConfig, Box<dyn std::error::Error>> {
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
