//! What was sent lately, for the case that the state forgets it.
//!
//! A failover may take back the last commits: a standby took over that did not have them. The source is then compared, but the
//! state may say of a sink what was true before deliveries that nobody has on record any more. So each process remembers its
//! own; once the server of the state has become another, they are looked at as uncertain.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use super::engine::Routes;
use crate::mapping::SubjectKey;
use crate::pg;
use crate::queue::{self, Entry, Priority, RouteId};
use crate::record;

/// Most deliveries that are remembered; some ten megabytes.
const MOST: usize = 100_000;

/// Deliveries of this process, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    // Held to add one, or to take them all.
    sent: Mutex<VecDeque<(RouteId, SubjectKey)>>,
}

impl Recent {
    pub fn note(&self, route: RouteId, key: &SubjectKey) {
        let mut sent = self.sent.lock().expect("no holder panics");
        if sent.len() == MOST {
            sent.pop_front();
        }
        sent.push_back((route, key.clone()));
    }

    /// Has every one of these subjects built and sent again, whatever is on record. Remembered until that is committed.
    pub async fn doubt(&self, state: &mut pg::Client, routes: &Routes) -> Result<usize, pg::Error> {
        let sent: Vec<(RouteId, SubjectKey)> = self.sent.lock().expect("no holder panics").iter().cloned().collect();
        let mut by_route: HashMap<RouteId, Vec<SubjectKey>> = HashMap::new();
        for (route, key) in sent {
            by_route.entry(route).or_default().push(key);
        }
        let tx = state.transaction().await?;
        queue::skip_versions(&tx).await?;
        let mut doubted: Vec<(RouteId, Vec<SubjectKey>)> = Vec::new();
        for route in routes.iter() {
            let mut keys = by_route.remove(&route.id).unwrap_or_default();
            keys.sort_unstable();
            keys.dedup();
            doubted.push((route.id, keys));
        }
        let entries: Vec<Entry> = (doubted.iter())
            .flat_map(|(route, keys)| keys.iter().map(|key| (*route, key.clone())))
            .map(|(route, key)| Entry {
                route,
                key,
                changed_at: None,
            })
            .collect();
        let subjects = entries.len();
        // The jobs first, as whoever settles one locks it before what is on record.
        queue::enqueue(&tx, entries, Priority::Normal, Duration::ZERO).await?;
        for (route, keys) in &doubted {
            record::doubt(&tx, *route, keys).await?;
        }
        tx.commit().await?;
        Ok(subjects)
    }
}
