//! `walsift jobs`, and what becomes of what is asked by it.

mod cancel;
mod classes;
mod enqueue;
mod list;
mod purge;
mod story;
mod take_up;

use std::path::{Path, PathBuf};

use serde_json::Value;
use walsift::demo::{Behaviour, Paths};

use crate::world::{Engine, SHOP, World};

/// Gives up after the third try, which is soon.
const HASTY: &str = "[sinks.shop_api]\nretry = { attempts = 3, base = \"10ms\", max = \"20ms\" }";

/// What the program has said, and its exit status.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl World {
    async fn jobs(&self, config: &Path, arguments: &[&str]) -> Said {
        let config = ["--config", config.to_str().unwrap()];
        let output = self.walsift(&[&["jobs"], arguments, &config].concat()).await;
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// With `--json`, and this exit status.
    async fn jobs_json(&self, config: &Path, arguments: &[&str], code: i32) -> Value {
        let said = self.jobs(config, &[arguments, &["--json"]].concat()).await;
        assert_eq!(said.code, Some(code), "{said:?}");
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("no JSON: {said:?}"))
    }

    /// Everything about a job.
    async fn show(&self, config: &Path, job: i64) -> Value {
        self.jobs_json(config, &["show", &job.to_string()], 0).await
    }

    /// Finished jobs and tries as they are stored, but for what closes a dead letter.
    async fn history(&self, job: i64) -> Vec<String> {
        let statement = "
            select (to_jsonb(f) - 'superseded_at' - 'superseded_by')::text from walsift.finished_job f where id = $1
            union all
            select to_jsonb(a)::text from (select * from walsift.attempt where job = $1 order by number) a";
        let rows = self.query(statement, &[&job]).await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The number of the one job in this state.
    async fn job_in(&self, state: &str) -> i64 {
        let statement = "select id from walsift.every_job where state = $1";
        self.query_one(statement, &[&state]).await.get(0)
    }
}

/// One order, delivered, and an engine that gives up soon.
async fn shop_of_one(more: &str) -> (World, PathBuf, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&format!("{SHOP}\n{HASTY}\n{more}"));
    let engine = world.synced(&config).await;
    world.receiver().clear_journal();
    (world, config, engine)
}

/// The same with the status `B` given up. The receiver is well again.
async fn dead_letter() -> (World, PathBuf, Engine, i64) {
    let (world, config, engine) = shop_of_one("").await;
    world.receiver().rule(Paths::All, Behaviour::answer(429));
    world.sql("update orders set status = 'B'").await;
    world.settled().await;
    world.receiver().clear_rules();
    let dead = world.job_in("dead").await;
    (world, config, engine, dead)
}

/// The numbers of those jobs, from a list or from answers.
fn numbers(list: &Value, member: &str) -> Vec<i64> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[member].as_i64().unwrap()).collect()
}
