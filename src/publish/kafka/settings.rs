//! What librdkafka is told.
//!
//! <https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md>

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use secrecy::{ExposeSecret, SecretString};
use xxhash_rust::xxh3::Xxh3;

use crate::config::{KafkaSink, Pem};

/// Between two tries of librdkafka's own, by and large.
const RETRY_BACKOFF: Duration = Duration::from_secs(1);

/// No message is tried twice in less: the back-off has a jitter of a fifth.
pub(super) const SECOND_TRY_MIN: Duration = Duration::from_millis(800);

/// A broker that is back is found so soon.
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// What librdkafka takes.
const CONNECT_MIN: Duration = Duration::from_secs(1);
const CONNECT_MAX: Duration = Duration::from_secs(5);
const SOCKET_TIMEOUT_MIN: Duration = Duration::from_millis(10);
const SOCKET_TIMEOUT_MAX: Duration = Duration::from_mins(5);

/// Secrets of one moment, and all that is said with them.
pub(super) struct Settings {
    pub client: ClientConfig,
    /// Of what may change while we run.
    pub fingerprint: u64,
    /// None of these may be shown.
    pub secrets: Vec<SecretString>,
}

/// Reads what is in files. Says why it cannot, without secrets.
pub(super) fn settings(config: &KafkaSink) -> Result<Settings, String> {
    let mut client = ClientConfig::new();
    client.set_log_level(RDKafkaLogLevel::Warning);
    for (name, value) in given(config) {
        client.set(name, value);
    }
    for (name, value) in &config.properties {
        client.set(name, value.expose_secret());
    }
    let mut secrets = Vec::new();
    if let Some(auth) = &config.auth {
        let password = auth.password.read();
        let password = password.map_err(|error| format!("the password can't be read: {error}"))?;
        client.set("sasl.mechanism", auth.mechanism.name());
        client.set("sasl.username", &auth.user);
        client.set("sasl.password", password.expose_secret());
        secrets.push(password);
    }
    for (name, pem) in certificates(config) {
        let text = pem.text().map_err(|error| format!("`tls` cannot be used: {error}"))?;
        client.set(name, text.expose_secret());
        secrets.push(text);
    }
    Ok(Settings {
        client,
        fingerprint: fingerprint(&secrets),
        secrets,
    })
}

/// Whether they may change while we run.
pub(super) fn has_files(config: &KafkaSink) -> bool {
    let password = config.auth.as_ref().and_then(|auth| auth.password.file());
    password.is_some() || config.tls.as_ref().is_some_and(crate::config::Tls::has_files)
}

fn given(config: &KafkaSink) -> Vec<(&'static str, String)> {
    let expiry = ms(config.expiry.max(Duration::from_millis(1)));
    let mut given = vec![
        ("bootstrap.servers", config.brokers.join(",")),
        ("client.id", "walsift".to_owned()),
        ("security.protocol", protocol(config).to_owned()),
        ("compression.codec", config.compression.name().to_owned()),
        ("acks", "all".to_owned()),
        ("enable.idempotence", "true".to_owned()),
        // As the clients of Java have it: the same key is in the same partition, whoever sends it.
        ("partitioner", "murmur2_random".to_owned()),
        // A batch is here as a whole; nothing is to be waited for.
        ("linger.ms", "0".to_owned()),
        ("message.timeout.ms", expiry.clone()),
        ("request.timeout.ms", expiry),
        (
            "socket.timeout.ms",
            ms(config.expiry.clamp(SOCKET_TIMEOUT_MIN, SOCKET_TIMEOUT_MAX)),
        ),
        (
            "socket.connection.setup.timeout.ms",
            ms(config.expiry.clamp(CONNECT_MIN, CONNECT_MAX)),
        ),
        ("socket.keepalive.enable", "true".to_owned()),
        ("retry.backoff.ms", ms(RETRY_BACKOFF)),
        ("retry.backoff.max.ms", ms(2 * RETRY_BACKOFF)),
        ("reconnect.backoff.max.ms", ms(RECONNECT_BACKOFF_MAX)),
    ];
    if config.tls.as_ref().is_some_and(|tls| tls.roots.is_none()) {
        // Where systems have them; OpenSSL itself would look where it was built for.
        given.push(("ssl.ca.location", "probe".to_owned()));
    }
    given
}

fn protocol(config: &KafkaSink) -> &'static str {
    match (&config.auth, &config.tls) {
        (None, None) => "plaintext",
        (None, Some(_)) => "ssl",
        (Some(_), None) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    }
}

fn certificates(config: &KafkaSink) -> impl Iterator<Item = (&'static str, &Pem)> {
    let tls = config.tls.as_ref();
    let roots = tls.and_then(|tls| tls.roots.as_ref());
    let client = tls.and_then(|tls| tls.client.as_ref());
    let all = [
        ("ssl.ca.pem", roots),
        ("ssl.certificate.pem", client.map(|(cert, _)| cert)),
        ("ssl.key.pem", client.map(|(_, key)| key)),
    ];
    all.into_iter().filter_map(|(name, pem)| Some((name, pem?)))
}

fn fingerprint(secrets: &[SecretString]) -> u64 {
    let mut hasher = Xxh3::new();
    for secret in secrets {
        hasher.update(secret.expose_secret().as_bytes());
        // Neither a password nor PEM has such a byte: nothing moves from one to the next unseen.
        hasher.update(&[0]);
    }
    hasher.digest()
}

fn ms(time: Duration) -> String {
    time.as_millis().to_string()
}
