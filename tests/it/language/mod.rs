//! The documentation of the language: each of its examples passes the schema and `walsift check`, and yields the document
//! that is shown.
//!
//! The page says how its examples are to be completed: one without a `table` adds to the one further up that has it. The
//! source is the test's own, and sinks that an example names but does not describe print to standard output.

mod page;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use boon::{Compiler, Schemas};
use serde_json::Value;
use toml::Table;
use walsift::build::{Built, Ignored, build};
use walsift::config::Config;
use walsift::mapping::SubjectKey;
use walsift::pg::{identifier, qualified};
use walsift::pipeline::{Databases, prepare};

use crate::world::World;
use page::{Example, Shows, examples};

const PAGE: &str = include_str!("../../../docs/CONFIGURATION.md");
const FIXTURE: &str = include_str!("fixture.sql");

/// What the examples take from the environment, beside the database.
const ENVIRONMENT: [(&str, &str); 1] = [("SHOP_TOKEN", "s3cret")];

impl Example {
    fn panic(&self, what: &str) -> ! {
        panic!("docs/CONFIGURATION.md:{}: {what}\n{}", self.line, self.toml)
    }
}

/// A whole file of each example.
fn completed() -> Vec<(Example, Table)> {
    let mut found: Vec<(Example, Table)> = Vec::new();
    for example in examples(PAGE) {
        let mut file: Table = example
            .toml
            .parse()
            .unwrap_or_else(|error| example.panic(&format!("{error}")));
        for (name, sync) in file["syncs"].as_table_mut().unwrap() {
            let sync = sync.as_table_mut().unwrap();
            if !sync.contains_key("table") {
                let mut above = found.iter().rev().filter_map(|(above, file)| {
                    // Of what was written there, not of what it was completed with.
                    let written: Table = above.toml.parse().unwrap();
                    written.get("syncs")?.get(name)?.get("table")?;
                    file["syncs"].get(name)?.as_table().cloned()
                });
                fill_in(
                    sync,
                    above.next().unwrap_or_else(|| example.panic("what does this add to?")),
                );
            }
        }
        complete(&mut file);
        found.push((example, file));
    }
    found
}

fn complete(file: &mut Table) {
    let mut sinks = Table::new();
    for sync in file["syncs"].as_table().unwrap().values() {
        let named = sync.get("sink").into_iter();
        let named = named.chain(
            sync.get("sinks")
                .and_then(|sinks| sinks.as_array())
                .into_iter()
                .flatten(),
        );
        for sink in named {
            sinks.insert(sink.as_str().unwrap().to_owned(), table("type = 'stdout'").into());
        }
    }
    for (name, described) in file
        .get("sinks")
        .and_then(|sinks| sinks.as_table())
        .into_iter()
        .flatten()
    {
        sinks.insert(name.clone(), described.clone());
    }
    file.insert("sinks".to_owned(), sinks.into());
    fill_in(file, table("source.url = '${DATABASE_URL}'"));
}

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

/// Adds what is missing, at any depth.
fn fill_in(file: &mut Table, more: Table) {
    for (name, more) in more {
        match (file.get_mut(&name), more) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(more)) => fill_in(inner, more),
            (Some(_), _) => {}
            (None, more) => _ = file.insert(name, more),
        }
    }
}

async fn check(world: &World, file: &str) -> Output {
    fs::write(world.folder().join("config.toml"), file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_walsift"));
    command.current_dir(world.folder()).stdin(Stdio::null());
    command.args(["check", "--skip-sinks", "--config", "config.toml"]);
    command.env("DATABASE_URL", world.url()).envs(ENVIRONMENT);
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

fn said(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// What every sync of a file yields for every row of its table.
async fn documents(world: &World, file: &str) -> Vec<Value> {
    let url = world.url();
    let environment = |name: &str| match name {
        "DATABASE_URL" => Some(url.clone()),
        _ => ENVIRONMENT
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned()),
    };
    let config = Config::parse(Path::new("config.toml"), file, &environment)
        .unwrap()
        .config;
    let databases = Databases::open(&config).unwrap();
    let prepared = prepare(&config, &databases.source).await.unwrap();
    let client = databases.source.get().await.unwrap();
    let mut found = Vec::new();
    for (sync, plan) in config.syncs.iter().zip(prepared.plans.iter()) {
        let name = &sync.root.table;
        let from = match &name.schema {
            Some(schema) => qualified(schema, &name.name),
            None => identifier(&name.name),
        };
        let columns: Vec<String> = (plan.shape.columns.iter())
            .map(|column| format!("{}::text", identifier(&column.name)))
            .collect();
        let rows = world
            .query(&format!("select array[{}] from {from}", columns.join(", ")), &[])
            .await;
        let keys = rows
            .iter()
            .map(|row| SubjectKey::new(row.get::<_, Vec<&str>>(0).into_iter()));
        let ignored = Ignored::new(&sync.ignore);
        for built in build(&client, plan, &ignored, &keys.collect::<Vec<_>>()).await.unwrap() {
            match built {
                Built::Document(document) => found.push(serde_json::from_str(&document.text).unwrap()),
                Built::Gone => {}
                Built::Failed(reason) => panic!("{reason}"),
            }
        }
    }
    found
}

#[tokio::test]
async fn every_example_passes_check_and_yields_what_it_shows() {
    let world = World::new().await;
    world.sql(FIXTURE).await;
    let (mut passed, mut shown) = (0, 0);
    for (example, file) in completed() {
        let file = file.to_string();
        if let Shows::Refusal(_) = &example.shows {
            continue;
        }
        passed += 1;
        // A program that was built without it says so.
        if example.toml.contains("\"kafka\"") && !cfg!(feature = "kafka") {
            continue;
        }
        let said = said(check(&world, &file).await);
        if said != "ok: nothing stands in the way\n" {
            example.panic(&said);
        }
        if let Shows::Document(wanted) = &example.shows {
            let wanted: Value = serde_json::from_str(wanted).unwrap_or_else(|error| example.panic(&format!("{error}")));
            let found = documents(&world, &file).await;
            if !found.contains(&wanted) {
                example.panic(&format!("not among {found:#?}: {wanted}"));
            }
            shown += 1;
        }
    }
    // All of them at last count; a block that is no longer recognised would be a test less.
    assert_eq!((passed, shown), (18, 12));
}

#[tokio::test]
async fn what_the_page_says_of_a_wrong_file_is_what_is_said() {
    let world = World::new().await;
    world.sql(FIXTURE).await;
    let mut refused = 0;
    for example in examples(PAGE) {
        let Shows::Refusal(wanted) = &example.shows else {
            continue;
        };
        // Behind what is shown, which keeps its lines.
        let file = format!(
            "{}\n[source]\nurl = '${{DATABASE_URL}}'\n[sinks.shop_api]\ntype = 'stdout'\n",
            example.toml
        );
        let output = check(&world, &file).await;
        assert_eq!(output.status.code(), Some(2));
        // Frames are followed by blanks on lines that say nothing else.
        let said: String = said(output).lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
        assert_eq!(said, *wanted, "docs/CONFIGURATION.md:{}", example.line);
        // The rest of what it says: that the next run looks at the database.
        let mended = file.replace("hihg", "high").replace("nmae", "name");
        let rest = self::said(check(&world, &mended).await);
        assert!(rest.contains("column \"surname\" does not exist"), "{rest}");
        refused += 1;
    }
    assert_eq!(refused, 1);
}

#[test]
fn every_example_passes_the_schema_that_is_printed() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walsift"));
    let output = command.arg("schema").output().unwrap();
    assert!(output.status.success());
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("walsift.schema.json", schema).unwrap();
    let root = compiler.compile("walsift.schema.json", &mut schemas).unwrap();
    for (example, file) in completed() {
        let file = serde_json::to_value(file).unwrap();
        let refusal = schemas
            .validate(&file, root)
            .err()
            .map(|refusal| format!("{refusal:#}"));
        match (&example.shows, refusal) {
            (Shows::Refusal(_), None) => example.panic("the schema takes this"),
            (Shows::Nothing | Shows::Document(_), Some(refusal)) => example.panic(&refusal),
            _ => {}
        }
    }
}
