//! `priority`: where syncs compete for the places of a sink, the more urgent go first.

use walsift::demo::{Behaviour, Paths};

use crate::guarantees::let_go;
use crate::world::{DEADLINE, World, eventually};

/// As many orders of each sync.
const ORDERS: usize = 8;

fn sync(name: &str, priority: &str, document: &str) -> String {
    format!(
        "[syncs.{name}]
         table    = \"orders\"
         sink     = \"shop_api\"
         initial  = \"none\"
         {priority}
         document = {document}\n"
    )
}

/// Orders change while the sink's one place is taken; then requests are let go of one by one.
#[tokio::test]
async fn documents_of_a_more_urgent_sync_go_first() {
    let world = World::with_shop().await;
    world.stock_shop(1, 8).await;
    let syncs = [
        sync("slow", "priority = \"low\"", "{ id = \"id\", low = \"status\" }"),
        sync("usual", "", "{ id = \"id\", normal = \"status\" }"),
        sync("fast", "priority = \"high\"", "{ id = \"id\", high = \"status\" }"),
    ];
    let file = world.config(&format!(
        "{}[sinks.shop_api]\nconcurrency = 1\ntimeout = \"60s\"",
        syncs.concat()
    ));
    let engine = world.synced(&file).await;
    world.receiver().rule(Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'first' where id = 1").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    world.sql("update orders set status = 'rest' where id > 1").await;
    // Every sync is at the gate with something: all is claimed, and all of it has been built.
    let all_held = format!("select count(*) filter (where worker is not null) = 3 * {ORDERS} from walsift.job");
    world.wait_until_true(&all_held).await;
    let all_built = async || {
        let built = engine.metric("walsift_subjects_built_total", &[]).await;
        (built >= 3 * ORDERS as u64).then_some(())
    };
    eventually(DEADLINE, "a document of every order for every sync", all_built).await;

    world.receiver().clear_rules();
    let_go(&world).await;
    world.settled().await;

    let order: Vec<&str> = world.receiver().look(|ledger| {
        let requests = ledger.journal().iter().skip(1);
        let kinds = requests.map(|request| {
            ["high", "normal", "low"]
                .into_iter()
                .find(|kind| request.body.contains(kind))
        });
        kinds.map(Option::unwrap).collect()
    });
    let highs = order.iter().rposition(|kind| *kind == "high").unwrap();
    let first_low = order.iter().position(|kind| *kind == "low").unwrap();
    let first_normal = order.iter().position(|kind| *kind == "normal").unwrap();
    assert!(highs < first_normal && first_normal < first_low, "{order:?}");
}
