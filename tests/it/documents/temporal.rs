//! Keys without overlaps and foreign keys of periods, from Postgres 18 on.

use serde_json::Value;

use super::{Mirror, NOTHING};
use crate::world::World;

const RATES: &str = "
    create extension btree_gist;
    create table rooms (id int, during daterange, price int, primary key (id, during without overlaps));
    create table stays (id int primary key, room_id int, during daterange, guest text,
                        foreign key (room_id, period during) references rooms (id, period during));
    create index on stays (room_id);
    insert into rooms values (1, '[2024-01-01,2024-07-01)', 80), (1, '[2024-07-01,2025-01-01)', 90);
    insert into stays values (7, 1, '[2024-06-25,2024-07-05)', 'Ada')";

#[tokio::test]
async fn a_key_without_overlaps_names_subjects() {
    if World::new().await.major().await < 18 {
        return;
    }
    let rooms = Mirror::open_at(
        "{id}/{during}",
        RATES,
        "table = \"rooms\"\ndocument = { price = \"price\" }",
        "select id || '/' || replace(replace(replace(during::text, '[', '%5B'), ',', '%2C'), ')', '%29'), jsonb_build_object('price', price)
           from rooms",
    )
    .await;
    assert_eq!(
        rooms
            .after("update rooms set price = 95 where during @> date '2024-08-01'")
            .await,
        ["PUT 1/%5B2024-07-01%2C2025-01-01%29"]
    );
    assert_eq!(
        rooms
            .after("delete from stays; update rooms set during = '[2024-07-01,2024-10-01)' where during @> date '2024-08-01'")
            .await,
        ["DELETE 1/%5B2024-07-01%2C2025-01-01%29", "PUT 1/%5B2024-07-01%2C2024-10-01%29"]
    );
    assert_eq!(rooms.after("update rooms set price = price").await, NOTHING);
}

#[tokio::test]
async fn a_foreign_key_of_periods_is_no_link() {
    let world = World::new().await;
    if world.major().await < 18 {
        return;
    }
    world.sql(RATES).await;
    let sync = "[syncs.d]\nsink = \"shop_api\"\ntable = \"stays\"\n[syncs.d.one.room]\ntable = \"rooms\"\ndocument = \"price\"";
    let config = world.config(sync);
    let output = world
        .walsift(&["check", "--json", "--config", config.to_str().unwrap()])
        .await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &report["problems"][0];
    assert_eq!(problem["summary"], "no foreign key links `rooms` with `stays`");
    let help = problem["help"].to_string();
    assert!(help.contains("stays_room_id_during_fkey compares periods"), "{help}");
}

/// The advice that is given: other columns, and a condition.
#[tokio::test]
async fn rows_whose_periods_overlap_are_linked_by_other_columns() {
    if World::new().await.major().await < 18 {
        return;
    }
    let stays = Mirror::open(
        RATES,
        r#"
table = "stays"
document = { guest = "guest" }
[syncs.d.many.rooms]
on = { id = "room_id" }
where = "price > 0"
document = "price"
"#,
        "select id, jsonb_build_object('guest', guest, 'rooms',
                (select jsonb_agg(price order by r.during) from rooms r where r.id = s.room_id and price > 0)) from stays s",
    )
    .await;
    assert_eq!(
        stays
            .after("update rooms set price = 0 where during @> date '2024-08-01'")
            .await,
        ["PUT 7"]
    );
}
