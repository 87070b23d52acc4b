//! The least that the role needs: what `check` prints, followed to the letter, is enough, and makes the role neither a superuser
//! nor the owner of anything but the state schema.

use serde_json::Value;
use walsift::pg::{Dsn, Pool, Session};
use walsift::record::{self, Bloated};

use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually};

/// Where statements stop being about privileges.
const ROUNDS_MAX: usize = 10;

/// Runs as the administrator every statement that `check` prints, until it has nothing more to say.
async fn obey_check(world: &World, config: &std::path::Path) -> Vec<String> {
    let mut obeyed = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let output = world
            .walsift(&["check", "--json", "--config", config.to_str().unwrap()])
            .await;
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let statements: Vec<String> = said["problems"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|problem| problem["sql"].as_str().map(str::to_owned))
            .collect();
        if output.status.code() == Some(0) {
            assert_eq!(statements, [""; 0], "a warning is left");
            return obeyed;
        }
        assert!(!statements.is_empty(), "{said:#}");
        for statement in statements {
            world.sql(&statement).await;
            obeyed.push(statement);
        }
    }
    panic!("there is no end to it: {obeyed:#?}");
}

async fn role(world: &World) -> (String, std::path::PathBuf) {
    let role = format!("least_{}", world.database());
    // Nobody has by default what may be taken away from everybody.
    world
        .sql(&format!(
            "create role {role} login;
             revoke all on schema public from public;
             revoke temporary, create on database {} from public",
            world.database()
        ))
        .await;
    let url = world.url().replacen("postgres@", &format!("{role}@"), 1);
    let config = world.config(&format!("{SHOP}\n[source]\nurl = \"{url}\"\nmanage = false\n"));
    (role, config)
}

async fn delivers(world: &World, config: &std::path::Path) -> Engine {
    let engine = world.synced(config).await;
    world.sql("update customers set last_name = 'Lovelace'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    engine
}

#[tokio::test]
async fn what_check_prints_is_enough_and_no_more() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let (role, config) = role(&world).await;
    let obeyed = obey_check(&world, &config).await;
    let said = |part: &str| obeyed.iter().any(|statement| statement.contains(part));
    assert!(
        said("replication") && said("grant select on") && said("create publication"),
        "{obeyed:#?}"
    );

    let engine = delivers(&world, &config).await;
    assert_keeps_the_state_compact(&world, &role).await;
    let facts = "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,
                        (select array_agg(nspname::text) from pg_namespace where nspowner = r.oid),
                        (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                          where c.relowner = r.oid and n.nspname not in ('walsift', 'pg_toast')),
                        (select count(*) from pg_publication where pubowner = r.oid)
                   from pg_roles r where rolname = $1";
    let row = world.query(facts, &[&role]).await.remove(0);
    assert!((0..4).all(|flag| !row.get::<_, bool>(flag)));
    assert_eq!(row.get::<_, Option<Vec<String>>>(4), Some(vec!["walsift".to_owned()]));
    assert_eq!((row.get::<_, i64>(5), row.get::<_, i64>(6)), (0, 0));
    drop(engine);
    clean_up(&world, &role).await;
}

/// Whoever made the tables may rebuild them; the engine is at work meanwhile.
async fn assert_keeps_the_state_compact(world: &World, role: &str) {
    let session = Session {
        search_path: Some("walsift".to_owned()),
        statement_timeout: DEADLINE,
    };
    let url = world.url().replacen("postgres@", &format!("{role}@"), 1);
    let pool = Pool::new(&url.parse::<Dsn>().unwrap(), &session, 1).unwrap();
    let client = pool.get().await.unwrap();
    for table in [
        "job",
        "state",
        "progress",
        "worker",
        "tally",
        "visit",
        "finished_job",
        "attempt",
    ] {
        let rebuilt = async || record::rebuild(&client, Bloated { table, bytes: 0 }).await.ok();
        eventually(DEADLINE, table, rebuilt).await;
    }
}

/// Nothing that it runs takes a lock that keeps writers or readers out.
#[tokio::test]
async fn no_lock_of_ours_keeps_the_application_out() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    // The application holds on to its tables for as long as the engine starts and visits.
    let app = world.connect().await;
    let holds = "begin; lock table orders, customers, order_lines, products in row exclusive mode";
    app.batch_execute(holds).await.unwrap();
    let _engine = world.engine(&world.config(SHOP));
    let visited = async || (world.requests().len() == 10).then_some(());
    eventually(DEADLINE, "every order visited", visited).await;
    app.batch_execute("commit").await.unwrap();
}

async fn clean_up(world: &World, role: &str) {
    // Roles are the server's, not the database's.
    let gone = async || {
        let client = world.client().await;
        let statements = format!("drop owned by {role} cascade; drop role {role}");
        client.batch_execute(&statements).await.ok()
    };
    eventually(DEADLINE, "the role gone", gone).await;
}
