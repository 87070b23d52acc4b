//! Who we are: the first message, and the proof that the server demands.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP> and
//! <https://www.postgresql.org/docs/current/sasl-authentication.html>.

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::frontend;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::answer::{Answer, Demand};
use super::wire::Wire;
use crate::pg::{ChannelBinding, Login};

/// Sends the first message, with `options` in place of those of the login.
pub(super) async fn introduce<S>(wire: &mut Wire<S>, login: &Login, options: &str) -> Result<(), StreamError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let parameters = [
        ("user", login.user.as_str()),
        ("database", &login.database),
        ("replication", "database"),
        ("application_name", &login.application_name),
        ("client_encoding", "UTF8"),
        ("options", options),
    ];
    wire.send(|message| frontend::startup_message(parameters, message))
        .await
}

/// Gives the proof that the server demands. `end_point` is what identifies its TLS certificate, absent without TLS.
pub(super) async fn authenticate<S>(
    wire: &mut Wire<S>,
    login: &Login,
    end_point: Option<&[u8]>,
) -> Result<(), StreamError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let demand = next_demand(wire).await?;
    if let Demand::Sasl { mechanisms } = demand {
        let scram = Scram::choose(login, &mechanisms, end_point)?;
        scram.prove(wire).await?;
    } else if login.channel_binding == ChannelBinding::Require {
        return Err(refusal("channel binding is required, and the server does not offer it"));
    } else {
        match demand {
            Demand::Nothing => return Ok(()),
            Demand::Cleartext => tell(wire, password(login)?).await?,
            Demand::Md5 { salt } => {
                let hash = md5_hash(login.user.as_bytes(), password(login)?.as_bytes(), salt);
                tell(wire, &hash).await?;
            }
            demand => return Err(unexpected(&demand)),
        }
    }
    match next_demand(wire).await? {
        Demand::Nothing => Ok(()),
        demand => Err(unexpected(&demand)),
    }
}

struct Scram {
    mechanism: &'static str,
    exchange: ScramSha256,
}

impl Scram {
    fn choose(login: &Login, mechanisms: &[String], end_point: Option<&[u8]>) -> Result<Self, StreamError> {
        let offers = |wanted: &str| mechanisms.iter().any(|mechanism| mechanism == wanted);
        let end_point = end_point.filter(|_| login.channel_binding != ChannelBinding::Disable);
        let (mechanism, binding) = match end_point {
            Some(end_point) if offers(SCRAM_SHA_256_PLUS) => (
                SCRAM_SHA_256_PLUS,
                sasl::ChannelBinding::tls_server_end_point(end_point.to_vec()),
            ),
            _ if login.channel_binding == ChannelBinding::Require => {
                return Err(refusal(
                    "channel binding is required, and cannot be had on this connection",
                ));
            }
            _ if !offers(SCRAM_SHA_256) => return Err(refusal("the server offers no mechanism that is known here")),
            // Says that we could have: a server that could have as well then knows that somebody took its offer away.
            Some(_) => (SCRAM_SHA_256, sasl::ChannelBinding::unrequested()),
            None => (SCRAM_SHA_256, sasl::ChannelBinding::unsupported()),
        };
        Ok(Self {
            mechanism,
            exchange: ScramSha256::new(password(login)?.as_bytes(), binding),
        })
    }

    /// Both sides prove that they know the password.
    async fn prove<S>(self, wire: &mut Wire<S>) -> Result<(), StreamError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Self {
            mechanism,
            mut exchange,
        } = self;
        wire.send(|message| frontend::sasl_initial_response(mechanism, exchange.message(), message))
            .await?;
        match next_demand(wire).await? {
            Demand::SaslContinue(data) => exchange.update(&data).map_err(|error| refusal(&error.to_string()))?,
            demand => return Err(unexpected(&demand)),
        }
        wire.send(|message| frontend::sasl_response(exchange.message(), message))
            .await?;
        match next_demand(wire).await? {
            Demand::SaslFinal(data) => exchange.finish(&data).map_err(|error| refusal(&error.to_string())),
            demand => Err(unexpected(&demand)),
        }
    }
}

async fn next_demand<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> Result<Demand, StreamError> {
    match wire.answer().await? {
        Answer::Authentication(demand) => Ok(demand),
        _ => Err(StreamError::Protocol(
            "an answer out of turn while logging in".to_owned(),
        )),
    }
}

async fn tell<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, password: &str) -> Result<(), StreamError> {
    wire.send(|message: &mut BytesMut| frontend::password_message(password.as_bytes(), message))
        .await
}

fn password(login: &Login) -> Result<&str, StreamError> {
    let password = login.password.as_ref().map(ExposeSecret::expose_secret);
    password.ok_or_else(|| refusal("the server demands a password, and there is none"))
}

fn unexpected(demand: &Demand) -> StreamError {
    match demand {
        Demand::Unknown(kind) => refusal(&format!("the server demands method {kind}, which is not known here")),
        _ => StreamError::Protocol("a step of authentication out of turn".to_owned()),
    }
}

fn refusal(why: &str) -> StreamError {
    StreamError::Authentication(why.to_owned())
}
