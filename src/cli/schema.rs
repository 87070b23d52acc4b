//! `walsift schema`.

use super::Exit;
use crate::config::SCHEMA;

pub(super) fn schema() -> Exit {
    print!("{SCHEMA}");
    Exit::Done
}
