//! TLS, HTTP/2, and answers that are compressed, with certificates made for the tests.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Version;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::Pem;
use crate::publish::FailureClass;
use crate::publish::web::{End, start_of};

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Certificate and key, in PEM.
type Identity = (String, String);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, subjects: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let subjects: Vec<String> = subjects.iter().map(|subject| (*subject).to_owned()).collect();
        let certificate = CertificateParams::new(subjects)
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn root(&self) -> Pem {
        Pem::Text(self.0.pem().into())
    }
}

/// Answers everybody who comes over TLS, and says who they are; in HTTP/2 if that was agreed.
async fn listen(authority: &Authority, asks_for_certificates: bool, protocols: &[&str]) -> SocketAddr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (certificate, key) = authority.sign(&["127.0.0.1"]);
    let builder = ServerConfig::builder();
    let builder = if asks_for_certificates {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(acceptor.clone(), stream));
        }
    });
    address
}

async fn converse(acceptor: TlsAcceptor, stream: TcpStream) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    let service = service_fn(async |request: hyper::Request<_>| Ok::<_, Infallible>(answer(&request)));
    let _ = if h2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(stream, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .serve_connection(stream, service)
            .await
    };
}

/// Compressed, if that may be.
fn answer(request: &hyper::Request<hyper::body::Incoming>) -> hyper::Response<Full<Bytes>> {
    let takes_gzip = request
        .headers()
        .get("accept-encoding")
        .is_some_and(|value| value == "gzip");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all("tea ".repeat(1000).as_bytes()).unwrap();
    let body = if takes_gzip {
        encoder.finish().unwrap()
    } else {
        Vec::new()
    };
    let response = hyper::Response::builder().header("content-encoding", "gzip");
    response.body(Full::from(body)).unwrap()
}

fn trusting(roots: Option<Pem>, client: Option<Identity>) -> Access {
    let client = client.map(|(cert, key)| (Pem::Text(cert.into()), Pem::Text(key.into())));
    Access {
        auth: None,
        tls: Tls { roots, client },
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let authority = Authority::new();
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let url = format!("https://{}/", listen(&authority, false, protocols).await);
        let server = server(&trusting(Some(authority.root()), None), &url);
        let response = send(&server, &url, "{}").await.unwrap();
        assert_eq!(response.version(), version, "{protocols:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_compressed_is_read_up_to_its_limit() {
    let authority = Authority::new();
    let url = format!("https://{}/", listen(&authority, false, &[]).await);
    let server = server(&trusting(Some(authority.root()), None), &url);
    let mut response = send(&server, &url, "{}").await.unwrap();
    assert_eq!(start_of(&mut response, 7).await, (b"tea tea".to_vec(), End::Cut));
}

#[tokio::test]
async fn only_those_who_are_trusted_are_talked_to() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = format!("https://{}/", listen(&authority, false, &[]).await);
    // Neither another authority nor the system's vouch for it.
    for roots in [Some(other.root()), None] {
        let server = server(&trusting(roots, None), &url);
        let failure = failure(&server, &url).await;
        assert_eq!((failure.class, failure.certain), (FailureClass::Connection, true));
        assert!(failure.message.contains("certificate"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_server_that_asks_is_shown_our_certificate() {
    let authority = Authority::new();
    let url = format!("https://{}/", listen(&authority, true, &[]).await);
    let own = authority.sign(&["walsift"]);
    let server_with = |client| server(&trusting(Some(authority.root()), client), &url);
    assert_eq!(status(&server_with(Some(own)), &url).await, 200);
    let failure = failure(&server_with(None), &url).await;
    assert_eq!(failure.class, FailureClass::Connection, "{}", failure.message);
}

#[tokio::test]
async fn certificates_are_renewed_without_a_restart() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = format!("https://{}/", listen(&authority, true, &[]).await);
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Pem::File(path)
    };
    let renew = |authority: &Authority, roots: &str| {
        let (cert, key) = authority.sign(&["walsift"]);
        let client = (file("cert", &cert), file("key", &key));
        Tls {
            roots: Some(file("roots", roots)),
            client: Some(client),
        }
    };
    let tls = renew(&other, &other.0.pem());
    let server = server(&Access { auth: None, tls }, &url);
    assert_eq!(failure(&server, &url).await.class, FailureClass::Connection);

    // Half of it is of no use, and does no harm.
    renew(&authority, "not yet");
    assert_eq!(failure(&server, &url).await.class, FailureClass::Connection);

    renew(&authority, &authority.0.pem());
    assert_eq!(status(&server, &url).await, 200);
}

#[test]
fn certificates_that_cannot_be_read_are_no_reason_to_trust_everybody() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (roots, said) in [
        (Pem::File(PathBuf::from("/no/such/file")), "can't read /no/such/file"),
        (Pem::Text("hunter2".into()), "there is no certificate in it"),
    ] {
        let access = trusting(Some(roots), None);
        let url = "https://h/".parse().unwrap();
        let error = Server::new(&access, &TERMS, false, &[url], Secrets::default()).unwrap_err();
        assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
    }
}
