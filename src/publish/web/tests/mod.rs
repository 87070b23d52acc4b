//! The server's client against real servers.

mod credentials;
mod tls;
mod tokens;
mod wire;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use super::{Request, Secrets, Server};
use crate::config::{Access, Auth, Secret, Tls};
use crate::publish::peer::{Answer, Peer, TERMS};
use crate::publish::{Failure, Outcome};

fn server(access: &Access, url: &str) -> Server {
    // Another test was first otherwise.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Server::new(access, &TERMS, true, &[url.parse().unwrap()], Secrets::default()).unwrap()
}

fn with(auth: Auth) -> Access {
    Access {
        auth: Some(auth),
        tls: Tls::default(),
    }
}

fn secret(text: &str) -> Secret {
    secrecy::SecretString::from(text).into()
}

fn url(peer: &Peer, path: &str) -> String {
    format!("http://{}{path}", peer.address)
}

fn ok() -> Answer {
    Answer::status("200 OK", "", "")
}

fn unauthorized() -> Answer {
    Answer::status("401 Unauthorized", "", "who are you?")
}

async fn send(server: &Server, url: &str, body: &str) -> Result<Response, Outcome> {
    let request = Request {
        method: Method::PUT,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    server.send(request, TERMS.timeout).await
}

/// The status of what was answered.
async fn status(server: &Server, url: &str) -> u16 {
    send(server, url, "{}").await.unwrap().status().as_u16()
}

/// Why there was no answer, where it is worth another try.
async fn failure(server: &Server, url: &str) -> Failure {
    match send(server, url, "{}").await {
        Err(Outcome::Retry { failure, .. }) => failure,
        other => panic!("to be tried again: {other:?}"),
    }
}
