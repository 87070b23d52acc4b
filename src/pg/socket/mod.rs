//! A connection to a server, before anything of Postgres' protocol but the request for TLS was said.
//!
//! ```text
//! dial ──▶ TCP or Unix ──▶ TLS, or not ──▶ answers ──▶ Socket
//!          keepalive       as sslmode has it   a limit to silence
//! ```
//!
//! SQL and the replication stream are both spoken over one of these, so that each is secured, and found dead, in the
//! same way.

mod answers;
mod binding;
mod dial;
mod stream;
mod tls;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use answers::Answers;
pub(super) use dial::{Address, Encryption, Tls, dial};
use stream::Stream;
pub use tls::TlsError;
pub(super) use tls::client_config;

/// A secured connection, or one that need not be.
pub struct Socket {
    inner: Answers<Stream>,
    end_point: Option<Vec<u8>>,
}

impl Socket {
    fn new(stream: Stream) -> Self {
        Self {
            end_point: stream.certificate().and_then(binding::tls_server_end_point),
            inner: Answers::new(stream),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.inner.get_ref().is_encrypted()
    }

    /// To a server on this machine, and not by TCP.
    pub fn is_unix(&self) -> bool {
        self.inner.get_ref().is_unix()
    }

    /// What binds a login to this TLS session: a hash of the server's certificate (RFC 5929). `None` without TLS, and
    /// for certificates whose signature names no hash.
    pub fn tls_server_end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref()
    }

    /// From now on, a server that owes an answer to a query and says nothing at all for so long is taken for dead: reads
    /// fail with [`io::ErrorKind::TimedOut`]. To be called before the first byte is written. Not for replication, and
    /// not for `copy … from stdin`, where silence is in order.
    pub fn limit_answers(&mut self, limit: Duration) {
        self.inner.limit(limit);
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket(encrypted: {})", self.is_encrypted())
    }
}
