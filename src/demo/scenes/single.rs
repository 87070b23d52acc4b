//! Single writes: what they cause, and what they do not.

use hyper::Method;

use super::{Failure, each_once, ensure, line, write};
use crate::demo::shop;
use crate::demo::stage::{Stage, status_of};
use crate::demo::story::{Story, shorten};

pub(super) async fn status_change(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("A status changes: one request");
    let followed = write(stage, story, "update orders set status = 'paid' where id = 17").await?;
    each_once(&followed.requests, &Method::PUT, [17])?;
    for request in &followed.requests {
        story.sent(format!("{}\n{}", line(request), shorten(&request.body)));
        ensure(status_of(&request.body).as_deref() == Some("paid"), || {
            format!("the document does not say that the order is paid: {}", request.body)
        })?;
    }
    story.proved(format!("one PUT, {} ms after the write", followed.after.as_millis()));
    Ok(())
}

pub(super) async fn same_value(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("The same value once more: no request");
    nothing_follows(stage, story, "update orders set status = 'paid' where id = 17").await
}

pub(super) async fn unread_column(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("A column that no document reads: no request");
    nothing_follows(stage, story, "update orders set warehouse_code = 'W9' where id = 17").await
}

async fn nothing_follows(stage: &mut Stage, story: &Story, sql: &str) -> Result<(), Failure> {
    let followed = write(stage, story, sql).await?;
    let (counts, sent) = (followed.counts, &followed.requests);
    ensure(sent.is_empty(), || {
        format!("something was sent: {:?}", sent.iter().map(line).collect::<Vec<_>>())
    })?;
    story.sent("no request");
    ensure(counts.changes == 1 && counts.equal + counts.irrelevant == 1, || {
        format!("the engine's counts do not say that it saw the change and held it back: {counts:?}")
    })?;
    let reason = if counts.equal == 1 {
        "equal"
    } else {
        "irrelevant-columns"
    };
    story.proved(format!(
        "counted as `{reason}`; a change of order {} right after it did arrive, so nothing is on its way",
        shop::MARKER
    ));
    Ok(())
}

pub(super) async fn renamed_customer(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("A customer is renamed: that customer's orders, once each");
    let followed = write(
        stage,
        story,
        "update customers set last_name = 'Lovelace' where id = 17",
    )
    .await?;
    let rows = stage
        .client
        .query("select id from orders where customer_id = 17 order by id", &[])
        .await?;
    let orders: Vec<u32> = rows
        .iter()
        .filter_map(|row| row.get::<_, i64>("id").try_into().ok())
        .collect();
    each_once(&followed.requests, &Method::PUT, orders.iter().copied())?;
    let paths: Vec<String> = orders.iter().map(|order| shop::path(*order)).collect();
    story.sent(format!("PUT {}", paths.join(" ")));
    let renamed = followed
        .requests
        .iter()
        .all(|request| request.body.contains("Lovelace"));
    ensure(renamed, || "a document has the old name".to_owned())?;
    story.proved(format!("{} orders, {} requests", orders.len(), followed.requests.len()));
    Ok(())
}

pub(super) async fn moved_line(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("A line moves to another order: both");
    // The first line of order 17.
    let followed = write(stage, story, "update order_lines set order_id = 18 where id = 33").await?;
    each_once(&followed.requests, &Method::PUT, [17, 18])?;
    let told = followed.requests.iter().map(|request| {
        let document: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        format!(
            "{}  line_count {}, total {}",
            line(request),
            document["line_count"],
            document["total"]
        )
    });
    let mut told: Vec<String> = told.collect();
    told.sort_unstable();
    story.sent(told.join("\n"));
    story.proved("the order that lost the line, and the one that got it");
    Ok(())
}

pub(super) async fn deleted_order(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("An order is deleted, with its lines: one DELETE");
    let followed = write(stage, story, "delete from orders where id = 412").await?;
    each_once(&followed.requests, &Method::DELETE, [412])?;
    story.sent(followed.requests.iter().map(line).collect::<String>());
    story.proved(format!(
        "{} rows went, one request, and the receiver no longer has it",
        followed.counts.changes
    ));
    Ok(())
}
