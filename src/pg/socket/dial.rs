//! From an address to a connection.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{Socket, Stream};
use crate::pg::conninfo::Liveness;
use crate::pg::login::Failure;

/// Where to dial.
#[derive(Debug, Clone)]
pub(in crate::pg) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// How a TCP connection is to be secured.
#[derive(Clone)]
pub(in crate::pg) enum Encryption {
    None,
    /// If the server offers it.
    Offered(Tls),
    Required(Tls),
    /// Without asking for it.
    Direct(Tls),
}

/// What a handshake needs.
#[derive(Clone)]
pub(in crate::pg) struct Tls {
    pub config: Arc<ClientConfig>,
    /// What the certificate is for.
    pub host: String,
}

/// `SSLRequest`: its length, and a version that no protocol has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

pub(in crate::pg) async fn dial(
    address: &Address,
    liveness: &Liveness,
    encryption: Encryption,
) -> Result<Socket, Failure> {
    let stream = match address {
        Address::Unix(path) => return Ok(Socket::new(Stream::Unix(UnixStream::connect(path).await?))),
        Address::Tcp(address) => TcpStream::connect(address).await?,
    };
    stream.set_nodelay(true)?;
    keep_alive(&stream, liveness)?;
    let stream = match encryption {
        Encryption::None => Stream::Tcp(stream),
        Encryption::Direct(tls) => secure(stream, tls).await?,
        Encryption::Offered(tls) => match ask_for_tls(stream).await? {
            (stream, true) => secure(stream, tls).await?,
            (stream, false) => Stream::Tcp(stream),
        },
        Encryption::Required(tls) => match ask_for_tls(stream).await? {
            (stream, true) => secure(stream, tls).await?,
            (_, false) => return Err(Failure::NoTls),
        },
    };
    Ok(Socket::new(stream))
}

fn keep_alive(stream: &TcpStream, liveness: &Liveness) -> io::Result<()> {
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(liveness.user_timeout)?;
    if !liveness.keepalives {
        return Ok(());
    }
    let mut keepalive = TcpKeepalive::new();
    if let Some(idle) = liveness.idle {
        keepalive = keepalive.with_time(idle);
    }
    if let Some(interval) = liveness.interval {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(count) = liveness.count {
        keepalive = keepalive.with_retries(count);
    }
    socket.set_tcp_keepalive(&keepalive)
}

/// Whether the server is willing.
async fn ask_for_tls(mut stream: TcpStream) -> Result<(TcpStream, bool), Failure> {
    stream.write_all(&SSL_REQUEST).await?;
    // One byte and no more: what follows is the handshake's.
    match stream.read_u8().await? {
        b'S' => Ok((stream, true)),
        b'N' => Ok((stream, false)),
        // An error message, from a server that is out of processes; it is not authenticated, so not to be shown.
        b'E' => Err(Failure::Tls(
            "the server answered the request for TLS with an error".to_owned(),
        )),
        _ => Err(Failure::Tls("the server does not speak Postgres' protocol".to_owned())),
    }
}

async fn secure(stream: TcpStream, tls: Tls) -> Result<Stream, Failure> {
    let name = ServerName::try_from(tls.host)
        .map_err(|_| Failure::Tls("the host's name is none that a certificate could be for".to_owned()))?;
    match TlsConnector::from(tls.config).connect(name, stream).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(Failure::Tls(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_dead_peer_is_looked_for_as_the_parameters_say() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let liveness = Liveness {
            keepalives: true,
            idle: seconds(11),
            interval: seconds(6),
            count: Some(4),
            user_timeout: seconds(21),
        };
        keep_alive(&stream, &liveness).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(Some(socket.tcp_keepalive_time().unwrap()), liveness.idle);
        assert_eq!(Some(socket.tcp_keepalive_interval().unwrap()), liveness.interval);
        assert_eq!(Some(socket.tcp_keepalive_retries().unwrap()), liveness.count);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), liveness.user_timeout);
    }
}
