//! Bulk requests: their lines, and what is answered to them.
//!
//! `org.elasticsearch.action.bulk.BulkRequestParser`, `BulkRequest.validate`, `BulkItemResponse`;
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>; and
//! `rest-api-spec/test/bulk/10_basic.yml`. Only what Walsift sends is taken: writes with an external version.

use serde_json::{Map, Value, json};

use super::cluster::Cluster;
use super::fault::Fault;
use super::index::Write;
use super::journal::Item;
use super::rules::ItemRules;

const ID_BYTES_MAX: usize = 512;

/// What an action line may say.
const PARAMETERS: [&str; 12] = [
    "_index",
    "_id",
    "routing",
    "op_type",
    "version",
    "version_type",
    "if_seq_no",
    "if_primary_term",
    "retry_on_conflict",
    "pipeline",
    "require_alias",
    "dynamic_templates",
];

/// One operation of a request.
#[derive(Debug)]
pub struct Operation {
    index: Option<String>,
    pipeline: Option<String>,
    write: Write,
}

/// What a request says besides its lines.
#[derive(Debug, Default)]
pub struct Defaults<'a> {
    pub index: Option<&'a str>,
    pub pipeline: Option<&'a str>,
}

/// All operations of a request, or why it is refused as a whole.
pub fn parse(body: &str) -> Result<Vec<Operation>, Fault> {
    if !body.is_empty() && !body.ends_with('\n') {
        let reason = "The bulk request must be terminated by a newline [\\n]";
        return Err(Fault::illegal_argument(reason));
    }
    let mut lines = body.lines().enumerate();
    let mut operations = Vec::new();
    while let Some((at, line)) = lines.next() {
        let (action, about) = action(line, at + 1)?;
        let source = match action.as_str() {
            "delete" => None,
            "index" => match lines.next() {
                Some((_, source)) => Some(source.to_owned()),
                None => break,
            },
            other => panic!("this server does not play the action {other}"),
        };
        operations.push(operation(&about, source));
    }
    validate(&operations)?;
    Ok(operations)
}

fn action(line: &str, number: usize) -> Result<(String, Map<String, Value>), Fault> {
    let malformed = |what: &str| Fault::illegal_argument(format!("Malformed action/metadata line [{number}], {what}"));
    let parsed: Result<Value, _> = serde_json::from_str(line);
    let object = match parsed {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(malformed("expected START_OBJECT but found [VALUE]")),
        Err(error) => return Err(Fault::new(400, "x_content_parse_exception", error.to_string())),
    };
    let Some((action, about)) = object.into_iter().next() else {
        return Err(malformed("expected FIELD_NAME but found [END_OBJECT]"));
    };
    if !["create", "delete", "index", "update"].contains(&action.as_str()) {
        let what = format!("expected field [create], [delete], [index] or [update] but found [{action}]");
        return Err(malformed(&what));
    }
    let Value::Object(about) = about else {
        return Err(malformed("expected START_OBJECT or END_OBJECT but found [VALUE]"));
    };
    if let Some(unknown) = about.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
        let reason = format!("Action/metadata line [{number}] contains an unknown parameter [{unknown}]");
        return Err(Fault::illegal_argument(reason));
    }
    Ok((action, about))
}

fn operation(about: &Map<String, Value>, source: Option<String>) -> Operation {
    let text = |key: &str| about.get(key).and_then(Value::as_str).map(str::to_owned);
    assert_eq!(text("version_type").as_deref(), Some("external"), "{about:?}");
    let write = Write {
        id: text("_id").expect("all ids are given"),
        routing: text("routing"),
        version: about["version"]
            .as_i64()
            .expect("an external version is a whole number"),
        source,
    };
    Operation {
        index: text("_index"),
        pipeline: text("pipeline"),
        write,
    }
}

/// `org.elasticsearch.action.index.IndexRequest.validate`: one that is not valid makes the whole request invalid.
fn validate(operations: &[Operation]) -> Result<(), Fault> {
    let invalid = |what: String| Fault::new(400, "action_request_validation_exception", what);
    if operations.is_empty() {
        return Err(invalid("Validation Failed: 1: no requests added;".to_owned()));
    }
    let too_long = operations.iter().map(|operation| &operation.write.id);
    let too_long = too_long
        .filter(|id| id.len() > ID_BYTES_MAX)
        .enumerate()
        .map(|(at, id)| {
            let (number, bytes) = (at + 1, id.len());
            format!("{number}: id [{id}] is too long, must be no longer than {ID_BYTES_MAX} bytes but was: {bytes};")
        });
    let too_long: String = too_long.collect();
    if too_long.is_empty() {
        Ok(())
    } else {
        Err(invalid(format!("Validation Failed: {too_long}")))
    }
}

/// Does them all; the answer, and what there is to write down.
pub fn apply(
    cluster: &mut Cluster,
    rules: &mut ItemRules,
    defaults: &Defaults<'_>,
    operations: &[Operation],
) -> (Value, Vec<Item>) {
    let mut answers = Vec::new();
    let mut items = Vec::new();
    for operation in operations {
        let (answer, item) = apply_one(cluster, rules, defaults, operation);
        answers.push(answer);
        items.push(item);
    }
    let errors = items.iter().any(|item| item.error.is_some());
    let took = 1;
    (json!({ "took": took, "errors": errors, "items": answers }), items)
}

fn apply_one(
    cluster: &mut Cluster,
    rules: &mut ItemRules,
    defaults: &Defaults<'_>,
    operation: &Operation,
) -> (Value, Item) {
    let write = &operation.write;
    let named = operation
        .index
        .as_deref()
        .or(defaults.index)
        .expect("an index is named");
    let pipeline = operation.pipeline.as_deref().or(defaults.pipeline);
    let told = rules.choose(&write.id);
    let (index, done) = match told.as_ref().filter(|told| !told.applies) {
        Some(told) => (named.to_owned(), Err(told.fault.clone())),
        None if write.id.is_empty() => {
            let fault = Fault::illegal_argument("if _id is specified it must not be empty");
            (named.to_owned(), Err(fault))
        }
        None => cluster.write(named, pipeline, write),
    };
    let changed = done.as_ref().is_ok_and(|done| done.result != "not_found");
    let answered = match (told, done) {
        (Some(told), Ok(_)) => Err(told.fault),
        (_, done) => done,
    };
    let action = if write.source.is_some() { "index" } else { "delete" };
    let mut answer = json!({ "_index": index, "_id": write.id });
    let status = match &answered {
        Ok(done) => {
            answer["_version"] = json!(write.version);
            answer["result"] = json!(done.result);
            answer["_shards"] = json!({ "total": 2, "successful": 1, "failed": 0 });
            answer["_seq_no"] = json!(done.sequence);
            answer["_primary_term"] = json!(1);
            done.status
        }
        Err(fault) => {
            answer["error"] = fault.error();
            fault.status
        }
    };
    answer["status"] = json!(status);
    let item = Item {
        index: index.clone(),
        id: write.id.clone(),
        version: write.version,
        is_delete: write.source.is_none(),
        status,
        error: answered.err().map(|fault| fault.error()),
        changed,
    };
    (json!({ action: answer }), item)
}
