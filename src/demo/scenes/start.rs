//! The first start.

use std::time::Instant;

use hyper::Method;

use super::{Failure, each_once};
use crate::demo::shop;
use crate::demo::stage::{Stage, WITHIN};
use crate::demo::story::Story;

pub(super) async fn first_start(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("The first start: every order once");
    story.note("run", "walsift run --config config.toml");
    let started = Instant::now();
    stage.start_engine().await?;
    stage.receiver.wait_for_requests(shop::ORDERS, WITHIN).await?;
    let took = started.elapsed();
    let requests = stage.settle(0).await?;
    story.sent(format!("PUT /orders/1 … PUT /orders/{}", shop::ORDERS));
    each_once(&requests, &Method::PUT, 1..=shop::MARKER)?;
    let documents = shop::compare(&stage.client, &stage.receiver).await?;
    story.proved(format!(
        "{} requests for {documents} orders, {:.1} s after the start of the process",
        requests.len(),
        took.as_secs_f64()
    ));
    Ok(())
}
