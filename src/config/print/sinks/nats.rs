//! `type = "nats"`

use toml::{Table, Value};

use super::{number, renewable, table, text, tls};
use crate::config::raw::units::format_size;
use crate::config::{NatsAuth, NatsSink};

pub(super) fn nats(nats: &NatsSink) -> Table {
    let urls: Vec<Value> = nats.servers.iter().map(|server| text(&server.to_string())).collect();
    let batch = table([
        ("max", number(nats.max)),
        ("bytes", format_size(nats.bytes as u64).into()),
    ]);
    let mut printed = table([
        ("type", "nats".into()),
        ("url", urls.into()),
        ("subject", text(&nats.subject)),
        ("batch", batch.into()),
    ]);
    let stream = nats.stream.as_ref().map(|stream| text(stream));
    let auth = nats.auth.as_ref().map(|auth| Value::from(self::auth(auth)));
    let given = [("stream", stream), ("auth", auth)];
    printed.extend(
        given
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
    printed.extend(tls(&nats.tls));
    printed
}

fn auth(auth: &NatsAuth) -> Table {
    match auth {
        NatsAuth::Basic { user, password } => {
            let basic = table([("user", text(user)), ("password", renewable(password))]);
            table([("basic", basic.into())])
        }
        NatsAuth::Token(token) => table([("token", renewable(token))]),
        NatsAuth::Nkey(seed) => table([("nkey", renewable(seed))]),
        NatsAuth::Creds(creds) => table([("creds", renewable(creds))]),
    }
}
