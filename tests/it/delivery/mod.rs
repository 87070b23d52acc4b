//! What becomes of deliveries: the ids that sinks give, failures and tries, and how hard a sink is pressed.

mod batches;
mod breaker;
mod budget;
mod desk;
mod pressure;
mod rate;
mod remote_ids;
