//! Many updates that amount to little.

use hyper::Method;

use super::{Failure, each_once, ensure, line, some, write};
use crate::demo::stage::Stage;
use crate::demo::story::{Story, thousands};

const FLOOD: &str = "\
do $$ begin
  for pass in 1..13 loop
    update orders set status = upper(status) where id <= 400;
    update orders set status = lower(status) where id <= 400;
  end loop;
  update orders set status = 'on hold' where id in (80, 160, 240, 320, 400);
end $$";

/// 13 times two updates of 400 orders, and five.
const UPDATES: u64 = 10_405;

pub(super) async fn ten_thousand_updates(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("Ten thousand updates in one transaction: only what is different after it");
    let followed = write(stage, story, FLOOD).await?;
    let counts = followed.counts;
    ensure(counts.changes == UPDATES, || {
        format!("wanted {UPDATES} changes in the stream, there were {}", counts.changes)
    })?;
    each_once(&followed.requests, &Method::PUT, [80, 160, 240, 320, 400])?;
    let mut lines: Vec<String> = followed.requests.iter().map(line).collect();
    lines.sort_unstable_by_key(|line| (line.len(), line.clone()));
    story.sent(some(&lines));
    ensure(counts.equal + counts.irrelevant >= 395, || {
        format!("the engine's counts do not say that it held back 395 equal documents: {counts:?}")
    })?;
    story.proved(format!(
        "{} updates read: {} folded into others (`covered`), {} documents `equal`, {} sent",
        thousands(counts.changes),
        thousands(counts.covered),
        counts.equal + counts.irrelevant,
        followed.requests.len()
    ));
    Ok(())
}
