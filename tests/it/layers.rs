//! Imports run one way: down the list of modules in `lib.rs`, never up.

use std::fs;
use std::path::{Path, PathBuf};

/// In the order of `lib.rs`; `failpoint` and `metrics` stand beside them, for all to use.
const STAGES: [&str; 14] = [
    "config", "pg", "catalog", "wal", "plan", "mapping", "queue", "build", "diff", "publish", "record", "operate",
    "pipeline", "api",
];

#[test]
fn no_stage_imports_one_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut offences = Vec::new();
    for (position, stage) in STAGES.iter().enumerate() {
        for file in rust_files(&source.join(stage)) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for below in &STAGES[position + 1..] {
                if code.contains(&format!("crate::{below}::")) {
                    offences.push(format!(
                        "{} imports {below}",
                        file.strip_prefix(&source).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn the_stages_are_those_of_the_library() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .filter(|name| STAGES.contains(name))
        .collect();
    assert_eq!(declared, STAGES);
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
