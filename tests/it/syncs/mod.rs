//! What the keys of a sync promise, a file for each.

mod after_publish;
mod debounce;
mod deletes;
mod ignore;
mod min_interval;
mod priority;
mod refresh;
mod several_sinks;
