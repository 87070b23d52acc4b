//! Every statement under `sql/` is one that Postgres accepts, against the schema that the migrations make. A number in a
//! file's name is the first major version that knows the statement: `create_slot.17.sql`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::world::World;

#[tokio::test]
async fn postgres_accepts_every_statement() {
    let world = World::new().await;
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let client = world.connect().await;
    client
        .batch_execute("create schema walsift; set search_path = walsift")
        .await
        .unwrap();
    let mut migrations = sql_files(&sql.join("migrations"));
    migrations.sort();
    for file in &migrations {
        client.batch_execute(&fs::read_to_string(file).unwrap()).await.unwrap();
    }
    let major = world
        .value::<i32>("select current_setting('server_version_num')::int")
        .await
        / 10_000;
    let mut prepared = 0;
    for folder in [
        "backfill", "catalog", "operate", "queue", "rebuild", "record", "source", "status",
    ] {
        for file in sql_files(&sql.join(folder)) {
            if first_version(&file) > major {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            if let Err(error) = client.prepare(&text).await {
                panic!("{}: {:?}", file.display(), error.as_db_error());
            }
            prepared += 1;
        }
    }
    assert!(prepared > 40, "only {prepared} statements were found");
}

fn first_version(file: &Path) -> i32 {
    let stem = file.file_stem().unwrap().to_str().unwrap();
    stem.rsplit_once('.').map_or(0, |(_, number)| number.parse().unwrap())
}

fn sql_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect()
}
