//! G12: a bad configuration never starts.

use crate::world::{DEADLINE, SHOP, World};

async fn is_refused(world: &World, body: &str, wanted: &[&str]) {
    let config = world.config(body);
    let mut engine = world.engine(&config);
    let status = engine.wait_exit(DEADLINE).await;
    let said = engine.log().join("\n");
    assert_eq!(status.code(), Some(2), "{said}");
    for wanted in wanted {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let made = world
        .query_one(
            "select exists (select from pg_replication_slots where slot_name = $1),
                    exists (select from pg_publication),
                    exists (select from pg_namespace where nspname = 'walsift')",
            &[&world.slot()],
        )
        .await;
    let made: [bool; 3] = [made.get(0), made.get(1), made.get(2)];
    assert_eq!(made, [false; 3], "slot, publication, schema");
    assert_eq!(world.receiver().request_count(), 0);
}

#[tokio::test]
async fn g12_a_file_with_mistakes_is_refused_with_all_of_them_and_makes_nothing() {
    let world = World::with_shop().await;
    let body = format!("{SHOP}\n[engine]\nworkers = 0\nwrokers = 1\n[source]\nheartbeat = \"1ms\"");
    is_refused(&world, &body, &["wrokers", "`workers` can't be 0", "heartbeat"]).await;
}

#[tokio::test]
async fn g12_a_file_that_does_not_fit_the_database_is_refused_with_all_that_is_wrong_and_makes_nothing() {
    let world = World::with_shop().await;
    let body = format!(
        "{SHOP}
         [syncs.ghosts]
         table = \"ghosts\"
         sink  = \"shop_api\"
         [syncs.typos]
         table = \"customers\"
         sink  = \"shop_api\"
         document = {{ name = \"first_nmae\" }}"
    );
    is_refused(&world, &body, &["ghosts", "first_nmae"]).await;
}

#[tokio::test]
async fn g12_a_configuration_that_would_lose_changes_is_refused_with_the_remedy_and_makes_nothing() {
    let world = World::with_shop().await;
    world.sql("alter table order_lines replica identity default").await;
    let remedy = "replica identity using index \"order_lines_identity\";";
    is_refused(&world, SHOP, &["order_lines", remedy]).await;
}
