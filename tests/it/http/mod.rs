//! The requests of the HTTP sink, made by the real program.

mod batches;
mod ids;
mod templates;
