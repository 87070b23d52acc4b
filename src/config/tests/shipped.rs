//! `config.toml` at the root is the reference: it must parse, and what it calls a default must be one.

use super::super::Member;
use super::*;

const SHIPPED: &str = include_str!("../../../config.toml");

fn shipped(text: &str) -> Loaded {
    loaded(text)
}

#[test]
fn the_shipped_file_is_what_the_demo_needs() {
    let Loaded { config, report, .. } = shipped(SHIPPED);
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(config.syncs.len(), 1);
    let root = &config.syncs[0].root;
    let Some(super::super::Document::Object(members)) = &root.document else {
        panic!("{root:?}")
    };
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "order_status", "customer_full_name"]);
    assert!(
        members
            .iter()
            .all(|(_, member)| matches!(member, Member::Expression(_)))
    );
    let children: Vec<_> = root.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(children, ["customer", "lines"]);
    assert_eq!(root.children[1].aggregate.len(), 2);
    assert_eq!(root.children[1].children[0].table.name, "products");
}

#[test]
fn each_default_in_the_shipped_file_is_the_program_s() {
    // `# key = value` becomes `key = value`; all other comments have more than one word before any `=`.
    let is_default = |line: &str| {
        let key = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(" = "))
            .map(|(key, _)| key);
        key.is_some_and(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let mut uncommented = 0;
    let text: Vec<_> = SHIPPED
        .lines()
        .map(|line| {
            let default = is_default(line);
            uncommented += usize::from(default);
            if default { &line[2..] } else { line }
        })
        .collect();
    // All of them at last count; a line that is no longer recognised would be a test less.
    assert_eq!(uncommented, 34);
    let (given, implied) = (shipped(&text.join("\n")).config, shipped(SHIPPED).config);
    // Two defaults are not a value but a rule: which columns are the key, and that all rows count.
    let rules = "key = [\"id\"]\nwhere = \"true\"\n";
    let given = given.print_masked();
    assert!(rules.lines().all(|rule| given.contains(rule)), "{given}");
    let given: String = given.lines().filter(|line| !rules.contains(line)).collect();
    let implied: String = implied.print_masked().lines().collect();
    assert_eq!(given, implied);
}

#[test]
fn every_key_of_this_version_is_in_the_shipped_file() {
    let text = SHIPPED.split_whitespace().collect::<Vec<_>>().join(" ");
    for (path, keys) in schema::known(schema::FULL) {
        for key in keys {
            let forms = [
                format!(" {key} ="),
                format!("`{key}`"),
                format!("[{key}"),
                format!(".{key}"),
            ];
            assert!(forms.iter().any(|form| text.contains(form)), "`{key}` of `{path}`");
        }
    }
}
