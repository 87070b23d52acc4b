//! TLS for connections to Postgres, after the meaning that libpq gives to `sslmode`.
//! See <https://www.postgresql.org/docs/current/libpq-ssl.html>.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::pg::conninfo::{InvalidDsn, RootCert, SslMode, TlsSettings};

/// Why TLS cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    File(#[from] InvalidDsn),
    #[error("can't read {}: {source}", path.display())]
    Pem { path: PathBuf, source: pem::Error },
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    #[error("cannot use the certificates of {}: {source}", path.display())]
    Roots {
        path: PathBuf,
        source: VerifierBuilderError,
    },
}

/// The name under which Postgres is known to those who begin with TLS at once.
const ALPN: &[u8] = b"postgresql";

/// What the settings ask for, ready for use. Reads the files that they name.
pub(in crate::pg) fn client_config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(settings, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &settings.client {
        Some((cert, key)) => builder.with_client_auth_cert(certificates(cert)?, private_key(key)?)?,
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = settings.sni;
    if settings.direct {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(config)
}

fn verifier(settings: &TlsSettings, provider: &Arc<CryptoProvider>) -> Result<Arc<LibpqVerifier>, TlsError> {
    let mut pinned = Vec::new();
    let inner: Option<Arc<dyn ServerCertVerifier>> = match (settings.mode, &settings.root_cert) {
        // As in libpq, `require` with a root certificate at hand checks it.
        (SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull, Some(RootCert::File(path))) => {
            pinned = certificates(path)?;
            Some(trusted(path, &pinned, provider)?)
        }
        (SslMode::VerifyCa | SslMode::VerifyFull, _) => {
            Some(Arc::new(rustls_platform_verifier::Verifier::new(provider.clone())?))
        }
        _ => None,
    };
    Ok(Arc::new(LibpqVerifier {
        inner,
        pinned,
        any_name: settings.mode != SslMode::VerifyFull,
        provider: provider.clone(),
    }))
}

fn trusted(
    path: &Path,
    certificates: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    builder.build().map_err(|source| TlsError::Roots {
        path: path.to_owned(),
        source,
    })
}

/// libpq, too, refuses a key that others than its owner, or than root's group, could have read.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let metadata = fs::metadata(path).map_err(|source| InvalidDsn::File {
        path: path.to_owned(),
        source,
    })?;
    let forbidden = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(InvalidDsn::KeyPermissions(path.to_owned()).into());
    }
    PrivateKeyDer::from_pem_file(path).map_err(|source| unreadable(path, source))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: pem::Error) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        source,
    }
}

#[derive(Debug)]
struct LibpqVerifier {
    /// Absent: any certificate will do.
    inner: Option<Arc<dyn ServerCertVerifier>>,
    /// Trusted as they are: a server may show the very certificate that was named as the root, as one does that has signed
    /// its own.
    pinned: Vec<CertificateDer<'static>>,
    /// A good chain will do, whatever name it is for.
    any_name: bool,
    provider: Arc<CryptoProvider>,
}

impl LibpqVerifier {
    /// As the library does it, which takes no authority for a server; so the time and the name are left to be checked.
    fn verify_pinned(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let validity = parsed.tbs_certificate.validity;
        let now = Duration::from_secs(now.as_secs());
        if now < validity.not_before.to_unix_duration() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > validity.not_after.to_unix_duration() {
            return Err(CertificateError::Expired.into());
        }
        if !self.any_name {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for LibpqVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        if self.pinned.contains(end_entity) {
            return self.verify_pinned(end_entity, server_name, now);
        }
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
