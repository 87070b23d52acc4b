//! What the keys of a sync promise, a file for each.

mod several_sinks;
