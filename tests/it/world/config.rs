//! Configuration files for a world.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use toml::{Table, Value};

use super::World;

static FILES: AtomicUsize = AtomicUsize::new(0);

impl World {
    /// Writes a configuration file: `body`, and what it leaves out of
    /// * `[source]`: `url` and `slot` of this world;
    /// * `[sinks.shop_api]`: `type = "http"` and `url`, this world's receiver at `/orders/{id}`;
    /// * `[admin]`: `listen` on a free port.
    ///
    /// A sink `shop_api` that names its own `type` is left as it is.
    pub fn config(&self, body: &str) -> PathBuf {
        let mut config: Table = body.parse().unwrap();
        let mut defaults = Table::new();
        defaults.insert(
            "source".to_owned(),
            table([("url", self.url()), ("slot", self.slot().to_owned())]),
        );
        defaults.insert("admin".to_owned(), table([("listen", "127.0.0.1:0".to_owned())]));
        let own_type = config
            .get("sinks")
            .and_then(|sinks| sinks.get("shop_api")?.get("type"))
            .is_some();
        if !own_type {
            let url = format!("{}/orders/{{id}}", self.receiver().url());
            let shop_api = table([("type", "http".to_owned()), ("url", url)]);
            defaults.insert(
                "sinks".to_owned(),
                Value::Table(Table::from_iter([("shop_api".to_owned(), shop_api)])),
            );
        }
        fill_in(&mut config, defaults);
        let file = self
            .folder()
            .join(format!("config-{}.toml", FILES.fetch_add(1, Ordering::Relaxed)));
        fs::write(&file, config.to_string()).unwrap();
        file
    }
}

fn table<const N: usize>(members: [(&str, String); N]) -> Value {
    Value::Table(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect(),
    )
}

/// Adds what `config` does not have, at any depth.
fn fill_in(config: &mut Table, defaults: Table) {
    for (name, default) in defaults {
        match (config.get_mut(&name), default) {
            (Some(Value::Table(inner)), Value::Table(defaults)) => fill_in(inner, defaults),
            (Some(_), _) => {}
            (None, default) => {
                config.insert(name, default);
            }
        }
    }
}
