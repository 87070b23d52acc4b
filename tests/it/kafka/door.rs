//! What stands before a broker: TLS, and SASL with a password. The imitation knows neither.
//!
//! Frames and their headers: <https://kafka.apache.org/protocol#protocol_messages>

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::servers::kafka::Kafka;

const API_VERSIONS: i16 = 18;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;
const UNSUPPORTED_MECHANISM: i16 = 33;
const UNSUPPORTED_VERSION: i16 = 35;
const AUTHENTICATION_FAILED: i16 = 58;

pub struct Door {
    pub address: SocketAddr,
    /// Of the user `walsift`.
    password: Arc<Mutex<String>>,
}

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Else it had the name of those that it signs, and OpenSSL took them for signed by themselves.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// In PEM.
    pub fn root(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key, in PEM.
    pub fn sign(&self, subject: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![subject.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server that asks everybody for a certificate of this authority.
    fn acceptor(&self) -> TlsAcceptor {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let (certificate, key) = self.sign("127.0.0.1");
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_client_cert_verifier(clients);
        TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
    }
}

impl Door {
    /// Whoever comes in talks to the broker, which seems to be where the door is.
    pub async fn before(kafka: &Kafka, password: &str, authority: Option<&Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let password = Arc::new(Mutex::new(password.to_owned()));
        let broker: SocketAddr = kafka.brokers().parse().unwrap();
        let acceptor = authority.map(Authority::acceptor);
        let ports = Ports {
            broker: broker.port(),
            door: address.port(),
        };
        let wanted = Arc::clone(&password);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, wanted) = (acceptor.clone(), Arc::clone(&wanted));
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => serve(acceptor.accept(stream).await?, ports, &wanted).await,
                        None => serve(stream, ports, &wanted).await,
                    }
                });
            }
        });
        Self { address, password }
    }

    pub fn change_password(&self, password: &str) {
        password.clone_into(&mut self.password.lock().unwrap());
    }
}

#[derive(Clone, Copy)]
struct Ports {
    broker: u16,
    door: u16,
}

/// Until one of the two hangs up.
async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    ports: Ports,
    password: &Mutex<String>,
) -> io::Result<()> {
    let mut broker = TcpStream::connect(("127.0.0.1", ports.broker)).await?;
    let mut is_in = false;
    loop {
        let request = read(&mut client).await?;
        let short = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
        let (api, version) = (short(0), short(2));
        let answer = match api {
            API_VERSIONS if version == 0 => {
                write(&mut broker, &request).await?;
                with_sasl(read(&mut broker).await?)
            }
            API_VERSIONS => answer(&request, UNSUPPORTED_VERSION, &0_i32.to_be_bytes()),
            SASL_HANDSHAKE => {
                let error = if request.ends_with(b"PLAIN") {
                    0
                } else {
                    UNSUPPORTED_MECHANISM
                };
                answer(&request, error, b"\0\0\0\x01\0\x05PLAIN")
            }
            SASL_AUTHENTICATE => {
                let token = format!("\0walsift\0{}", password.lock().unwrap());
                is_in = request.ends_with(token.as_bytes());
                let said = String::from_utf8_lossy(&request).into_owned();
                let why = format!("no such password: {}", said.rsplit('\0').next().unwrap());
                let length = u16::try_from(why.len()).unwrap().to_be_bytes();
                let error = if is_in { 0 } else { AUTHENTICATION_FAILED };
                answer(&request, error, &[&length[..], why.as_bytes(), &[0; 4]].concat())
            }
            _ if is_in => {
                write(&mut broker, &request).await?;
                moved(read(&mut broker).await?, ports)
            }
            _ => return Ok(()),
        };
        write(&mut client, &answer).await?;
    }
}

/// With the number of the request, and what is wrong with it.
fn answer(request: &[u8], error: i16, rest: &[u8]) -> Vec<u8> {
    [&request[4..8], &error.to_be_bytes(), rest].concat()
}

/// The versions that a broker speaks, and those of what it does not know of.
fn with_sasl(mut versions: Vec<u8>) -> Vec<u8> {
    let count = i32::from_be_bytes(versions[6..10].try_into().unwrap()) + 2;
    versions[6..10].copy_from_slice(&count.to_be_bytes());
    for (api, most) in [(SASL_HANDSHAKE, 1_i16), (SASL_AUTHENTICATE, 0)] {
        versions.extend([api, 0, most].map(i16::to_be_bytes).concat());
    }
    versions
}

/// Wherever it says where it is.
fn moved(mut answer: Vec<u8>, ports: Ports) -> Vec<u8> {
    let name = |port: u16| [&b"127.0.0.1"[..], &u32::from(port).to_be_bytes()].concat();
    let (from, to) = (name(ports.broker), name(ports.door));
    for at in 0..answer.len().saturating_sub(from.len()) {
        if answer[at..].starts_with(&from) {
            answer[at..at + to.len()].copy_from_slice(&to);
        }
    }
    answer
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = vec![0; length as usize];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    to.write_u32(u32::try_from(frame.len()).unwrap()).await?;
    to.write_all(frame).await?;
    to.flush().await
}
