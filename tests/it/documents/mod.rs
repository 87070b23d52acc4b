//! The language of documents, held against Postgres: every construct on tables of its own, with a query written by hand
//! that says what must be published.

mod by_hand;
mod filters;
mod generated;
mod keys;
mod links;
mod names;
mod partitions;
mod temporal;
mod through;
mod trees;
mod values;

use crate::world::{Engine, World};

/// A sync into `/d/…`, all of it published, and the oracle it is held to.
struct Mirror {
    _engine: Engine,
    world: World,
    oracle: String,
}

impl Mirror {
    /// The sync's table has a key column `id`. `oracle` selects the path below `/d/`, and the document.
    async fn open(schema: &str, sync: &str, oracle: &str) -> Mirror {
        Mirror::open_at("{id}", schema, sync, oracle).await
    }

    /// `path` is what comes behind `/d/` in the url of the sink.
    async fn open_at(path: &str, schema: &str, sync: &str, oracle: &str) -> Mirror {
        let world = World::new().await;
        world.sql(schema).await;
        let url = format!("{}/d/{path}", world.receiver().url());
        let config = world.config(&format!(
            "[sinks.shop_api]\nurl = \"{url}\"\n[syncs.d]\nsink = \"shop_api\"\n{sync}"
        ));
        let engine = world.synced(&config).await;
        let mirror = Mirror {
            _engine: engine,
            world,
            oracle: format!("select '/d/' || path, document from ({oracle}) as o(path, document)"),
        };
        mirror.world.assert_converged(&mirror.oracle, "/d/").await;
        mirror
    }

    /// The requests that statements cause, `PUT 1` for one of `/d/1`; afterwards the receiver holds what the oracle says.
    async fn after(&self, statements: &str) -> Vec<String> {
        let requests = self.world.caused_by(statements).await;
        self.world.assert_converged(&self.oracle, "/d/").await;
        requests
            .iter()
            .map(|request| request.replacen(" /d/", " ", 1))
            .collect()
    }

    /// What the receiver holds at `/d/` and this path, as it was sent.
    fn held(&self, path: &str) -> String {
        self.world.receiver().body(&format!("/d/{path}")).expect("it is held")
    }
}

const NOTHING: [&str; 0] = [];
