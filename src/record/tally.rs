//! Counts that outlive the process, for people who ask what has been done.

use std::collections::BTreeMap;

use crate::pg;
use crate::queue::RouteId;

/// Counts since they were last added to the database.
pub type Tally = BTreeMap<(RouteId, &'static str), u64>;

pub async fn add_tally(client: &pg::Client, tally: &Tally) -> Result<(), pg::Error> {
    let routes: Vec<i16> = tally.keys().map(|(route, _)| route.0).collect();
    let names: Vec<&str> = tally.keys().map(|(_, name)| *name).collect();
    let values: Vec<i64> = tally
        .values()
        .map(|&value| i64::try_from(value).unwrap_or(i64::MAX))
        .collect();
    let statement = client
        .prepare_cached(include_str!("../../sql/record/add_tally.sql"))
        .await?;
    client.execute(&statement, &[&routes, &names, &values]).await?;
    Ok(())
}
