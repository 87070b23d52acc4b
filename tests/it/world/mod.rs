//! What a test lives in: a database of its own, a receiver of its own, and engines to start and kill.
//!
//! ```ignore
//! let world = World::with_shop().await;
//! let config = world.config(SHOP);
//! let engine = world.engine(&config);
//! world.sql("update customers set last_name = 'Lovelace' where id = 1").await;
//! world.settled().await;
//! world.assert_converged(SHOP_ORDERS, "/orders/").await;
//! ```

mod caused;
mod config;
mod database;
mod engine;
mod eventually;
mod http;
mod oracle;
mod proxy;
mod settled;
mod shop;

pub use database::World;
pub use engine::{Engine, Printed, field};
pub use eventually::{DEADLINE, eventually, try_eventually};
pub use http::http_client;
pub use proxy::{Proxy, Weather};
pub use settled::Nudge;
pub use shop::{SHOP, SHOP_ORDERS};
