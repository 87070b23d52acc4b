//! A NATS with `JetStream`, and who we are to it.

use std::fmt;

use nkeys::{KeyPair, KeyPairType};

use super::{Secret, Tls};

/// A stream of messages, of which each is a document.
#[derive(Debug, Clone)]
pub struct NatsSink {
    /// Of one cluster, at least one; tried in this order.
    pub servers: Vec<NatsServer>,
    /// With `{name}` placeholders.
    pub subject: String,
    /// The stream that has to store the messages; `None` is whichever does.
    pub stream: Option<String>,
    pub auth: Option<NatsAuth>,
    pub tls: Tls,
    /// Most deliveries that are sent before the first is answered.
    pub max: usize,
    /// Most bytes of their documents together.
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsServer {
    /// Whether nothing is said to it in the clear.
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
}

/// <https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro>
#[derive(Debug, Clone)]
pub enum NatsAuth {
    Basic {
        user: String,
        password: Secret,
    },
    Token(Secret),
    /// The seed of a user's key.
    Nkey(Secret),
    /// What stands in a credentials file: a user's JWT and the seed of his key.
    Creds(Secret),
}

/// Why a text is no seed or no credentials. Without any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NatsAuthError {
    #[error("it is not the seed of a user's key, which begins with `SU`")]
    Seed,
    #[error("it has no section `NATS USER JWT`")]
    NoJwt,
    #[error("it has no section `USER NKEY SEED`")]
    NoSeed,
}

/// The key of a user by its seed.
pub fn nats_user_key(seed: &str) -> Result<KeyPair, NatsAuthError> {
    let key = KeyPair::from_seed(seed.trim()).map_err(|_| NatsAuthError::Seed)?;
    if key.key_pair_type() != KeyPairType::User {
        return Err(NatsAuthError::Seed);
    }
    Ok(key)
}

/// The JWT and the key of credentials:
/// <https://docs.nats.io/using-nats/developer/connecting/creds>
pub fn nats_credentials(text: &str) -> Result<(&str, KeyPair), NatsAuthError> {
    let jwt = section(text, "NATS USER JWT").ok_or(NatsAuthError::NoJwt)?;
    let seed = section(text, "USER NKEY SEED").ok_or(NatsAuthError::NoSeed)?;
    Ok((jwt, nats_user_key(seed)?))
}

/// The line below `-----BEGIN name-----`; some write more dashes.
fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("BEGIN {name}");
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.trim_matches('-') == heading)?;
    lines
        .find(|line| !line.is_empty())
        .filter(|line| !line.starts_with('-'))
}

/// As a url.
impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "nats" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_a_jwt_and_a_seed() {
        let seed = KeyPair::new_user().seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\n"
        );
        let (jwt, key) = nats_credentials(&text).unwrap();
        assert_eq!((jwt, key.seed().unwrap()), ("eyJ0.eyJq.c2ln", seed.clone()));
        let refused = |text: &str| nats_credentials(text).unwrap_err();
        assert_eq!(refused(&seed), NatsAuthError::NoJwt);
        assert_eq!(refused(&text.replace("USER NKEY SEED", "SEED")), NatsAuthError::NoSeed);
        assert_eq!(refused(&text.replace(&seed, "SUA")), NatsAuthError::Seed);
        assert_eq!(
            refused(&text.replace(&format!("{seed}\r\n"), "")),
            NatsAuthError::NoSeed
        );
    }

    #[test]
    fn only_a_user_s_seed_is_one() {
        let user = KeyPair::new_user();
        assert!(nats_user_key(&format!("{}\n", user.seed().unwrap())).is_ok());
        for other in [KeyPair::new_account().seed().unwrap(), user.public_key(), String::new()] {
            assert_eq!(nats_user_key(&other).unwrap_err(), NatsAuthError::Seed);
        }
    }

    #[test]
    fn servers_are_shown_as_urls() {
        let server = |tls, host: &str| NatsServer {
            tls,
            host: host.to_owned(),
            port: 4222,
        };
        assert_eq!(server(false, "bus").to_string(), "nats://bus:4222");
        assert_eq!(server(true, "::1").to_string(), "tls://[::1]:4222");
    }
}
