//! A session for SQL over a [`Socket`].

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::config::{self, SslMode, SslNegotiation};
use tokio_postgres::tls::{self, TlsConnect};
use tokio_postgres::{Client, Connection};

use super::conninfo::ChannelBinding;
use super::login::{Login, LoginError, ServerTraits, log_in};
use super::{ConnectError, Dsn, Session, Socket, describe};

/// A connection of its own, closed when the client is dropped.
pub async fn connect(dsn: &Dsn, session: &Session) -> Result<Client, ConnectError> {
    Ok(open(dsn, session).await?.0)
}

/// The same, with the task that serves the connection.
pub(super) async fn open(dsn: &Dsn, session: &Session) -> Result<(Client, JoinHandle<()>), ConnectError> {
    let (client, connection) = log_in(dsn, |socket, login| start(socket, login, session.clone())).await?;
    let served = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = describe(&error), "connection to postgres ended");
        }
    });
    Ok((client, served))
}

type Opened = (Client, Connection<Socket, Secured>);

async fn start(mut socket: Socket, login: Login, session: Session) -> Result<(Opened, ServerTraits), LoginError> {
    if let Some(limit) = session.answer_limit() {
        socket.limit_answers(limit);
    }
    let mut config = tokio_postgres::Config::new();
    config
        .user(&login.user)
        .dbname(&login.database)
        .application_name(&login.application_name)
        .options(match &login.options {
            Some(own) => format!("{own} {}", session.options()),
            None => session.options(),
        })
        .channel_binding(match login.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        })
        // The driver is to take the socket as it is: this way it asks nobody before it takes it for secured.
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    if let Some(password) = &login.password {
        config.password(password.expose_secret());
    }
    let (client, connection) = config.connect_raw(socket, AsItIs).await?;
    let traits = ServerTraits::of(|name| connection.parameter(name));
    Ok(((client, connection), traits))
}

/// Secures nothing.
struct AsItIs;

impl TlsConnect<Socket> for AsItIs {
    type Stream = Secured;
    type Error = Infallible;
    type Future = Ready<Result<Secured, Infallible>>;

    fn connect(self, socket: Socket) -> Self::Future {
        ready(Ok(Secured(socket)))
    }
}

/// A socket, to the driver.
struct Secured(Socket);

impl tls::TlsStream for Secured {
    fn channel_binding(&self) -> tls::ChannelBinding {
        match self.0.tls_server_end_point() {
            Some(hash) => tls::ChannelBinding::tls_server_end_point(hash.to_vec()),
            None => tls::ChannelBinding::none(),
        }
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
