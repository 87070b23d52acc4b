//! `walsift demo`.

use clap::Args;

use super::Exit;

#[derive(Debug, Args)]
pub(super) struct Options {}

pub(super) async fn demo(_options: &Options) -> Exit {
    Exit::Failed
}
