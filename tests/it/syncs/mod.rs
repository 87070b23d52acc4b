//! What the keys of a sync promise, a file for each.

mod deletes;
mod ignore;
mod several_sinks;
