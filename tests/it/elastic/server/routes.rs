//! Who asks for what.
//!
//! `org.elasticsearch.rest.RestController` and the `Rest…Action`s; `org.elasticsearch.xpack.security.authc` for what is said to
//! strangers.

use hyper::Method;
use serde_json::{Value, json};

use super::bulk::{self, Defaults};
use super::cluster::Product;
use super::fault::Fault;
use super::filter::filtered;
use super::journal::{Item, Request};
use super::reading;
use super::serving::State;

/// Most bytes of a body, `http.max_content_length`.
pub const CONTENT_BYTES_MAX: usize = 100 << 20;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn fault(fault: &Fault) -> Self {
        Self::json(fault.status, &fault.body())
    }

    fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string();
        Self { status, body }
    }

    fn bare(status: u16) -> Self {
        let body = String::new();
        Self { status, body }
    }
}

/// Does what is asked for.
pub fn answer(state: &mut State, method: &Method, request: &Request) -> (Answer, Vec<Item>) {
    let segments: Vec<String> = segments(&request.line);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let content = request.headers.get("content-type").map_or("", String::as_str);
    let answer = match (method, segments.as_slice()) {
        _ if !request.body.is_empty() && !is_content(content) => {
            let said = format!("Content-Type header [{content}] is not supported");
            Answer::json(406, &json!({ "error": said, "status": 406 }))
        }
        (&Method::POST | &Method::PUT, ["_bulk"]) => return bulk(state, None, request),
        (&Method::POST | &Method::PUT, [index, "_bulk"]) => return bulk(state, Some(index), request),
        (&Method::HEAD, []) => Answer::bare(200),
        (&Method::GET, []) => Answer::json(200, &about(state.cluster.product)),
        (&Method::HEAD, [index]) => Answer::bare(if state.cluster.exists(index) { 200 } else { 404 }),
        (&Method::PUT, [index]) => created(state, index, &request.body),
        (&Method::POST, ["_aliases"]) => aliased(state, &request.body),
        (&Method::GET, [name]) => about_index(state, name, request),
        (&Method::GET, [index, "_count"]) => match state.cluster.index(index) {
            Some(index) => Answer::json(200, &json!({ "count": index.documents().count() })),
            None => Answer::fault(&Fault::new(404, "index_not_found_exception", "no such index")),
        },
        (&Method::GET, [index, "_doc", id]) => match state.cluster.index(index).and_then(|index| index.shown(id)) {
            Some(document) => Answer::json(200, &document),
            None => Answer::json(404, &json!({ "_index": index, "_id": id, "found": false })),
        },
        (&Method::POST | &Method::GET, [index, "_mget"]) => {
            read(request, |body| reading::documents(&state.cluster, index, body))
        }
        (&Method::POST | &Method::GET, [index, "_search"]) if *index != "_search" => {
            let query = query(&request.query);
            let kept = query
                .iter()
                .find(|(key, _)| key == "scroll")
                .map(|(_, value)| value.as_str());
            read(request, |body| state.scrolls.begin(&state.cluster, index, kept, body))
        }
        (&Method::POST | &Method::GET, ["_search", "scroll"]) => read(request, |body| {
            state.scrolls.next(body["scroll_id"].as_str().unwrap_or_default())
        }),
        (&Method::DELETE, ["_search", "scroll"]) => {
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            let (status, answer) = state.scrolls.free(body["scroll_id"].as_str().unwrap_or_default());
            Answer::json(status, &answer)
        }
        _ => {
            let said = format!("Incorrect HTTP method for uri [{}] and method [{method}]", request.line);
            Answer::json(405, &json!({ "error": said, "status": 405 }))
        }
    };
    (answer, Vec::new())
}

/// Whether those who send this are known, and may do this.
pub fn admitted(state: &State, request: &Request) -> Result<(), Fault> {
    let path = request.line.split_once(' ').map_or("/", |(_, path)| path);
    let Some(credentials) = &state.credentials else {
        return Ok(());
    };
    let reason = match request.headers.get("authorization") {
        Some(given) if credentials.contains(given) => return Ok(()),
        Some(given) if given.starts_with("Basic ") => {
            format!("unable to authenticate user [walsift] for REST request [{path}]")
        }
        Some(_) => {
            "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
                .to_owned()
        }
        None => format!("missing authentication credentials for REST request [{path}]"),
    };
    Err(Fault::new(401, "security_exception", reason))
}

fn bulk(state: &mut State, index: Option<&str>, request: &Request) -> (Answer, Vec<Item>) {
    let query: Vec<(String, String)> = query(&request.query);
    let parameter = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let operations = match bulk::parse(&request.body) {
        Ok(operations) => operations,
        Err(fault) => return (Answer::fault(&fault), Vec::new()),
    };
    let pipeline = parameter("pipeline");
    let defaults = Defaults { index, pipeline };
    let (answer, items) = bulk::apply(&mut state.cluster, &mut state.item_rules, &defaults, &operations);
    (Answer::json(200, &wanted(request, answer)), items)
}

fn aliased(state: &mut State, body: &str) -> Answer {
    let body = serde_json::from_str(body).expect("it is JSON");
    match state.cluster.update_aliases(&body) {
        Ok(()) => Answer::json(200, &json!({ "acknowledged": true, "errors": false })),
        Err(fault) => Answer::fault(&fault),
    }
}

fn about_index(state: &State, name: &str, request: &Request) -> Answer {
    let Some(about) = state.cluster.about(name) else {
        let reason = format!("no such index [{name}]");
        return Answer::fault(&Fault::new(404, "index_not_found_exception", reason).of_index(name, "_na_"));
    };
    Answer::json(200, &wanted(request, about))
}

/// What of an answer is asked for.
fn wanted(request: &Request, answer: Value) -> Value {
    let query = query(&request.query);
    match query.iter().find(|(key, _)| key == "filter_path") {
        Some((_, patterns)) => filtered(&answer, patterns),
        None => answer,
    }
}

fn read(request: &Request, told: impl FnOnce(&Value) -> Result<Value, Fault>) -> Answer {
    let body = serde_json::from_str(&request.body);
    let told = body
        .map_err(|error| Fault::new(400, "parsing_exception", error.to_string()))
        .and_then(|body| told(&body));
    match told {
        Ok(told) => Answer::json(200, &told),
        Err(fault) => Answer::fault(&fault),
    }
}

fn created(state: &mut State, index: &str, body: &str) -> Answer {
    let body = if body.is_empty() {
        Ok(json!({}))
    } else {
        serde_json::from_str(body)
    };
    let made = match body {
        Ok(body) => state.cluster.create(index, &body),
        Err(error) => Err(Fault::new(400, "parse_exception", error.to_string())),
    };
    match made {
        Ok(()) => Answer::json(
            200,
            &json!({ "acknowledged": true, "shards_acknowledged": true, "index": index }),
        ),
        Err(fault) => Answer::fault(&fault),
    }
}

fn about(product: Product) -> Value {
    match product {
        Product::Elasticsearch => json!({
            "name": "node", "cluster_name": "search", "cluster_uuid": "x",
            "version": { "number": "8.19.0", "build_flavor": "default" }, "tagline": "You Know, for Search",
        }),
        Product::OpenSearch => json!({
            "name": "node", "cluster_name": "search", "cluster_uuid": "x",
            "version": { "distribution": "opensearch", "number": "2.19.0" },
            "tagline": "The OpenSearch Project: https://opensearch.org/",
        }),
    }
}

fn is_content(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/x-ndjson"].contains(&kind)
}

fn segments(line: &str) -> Vec<String> {
    let path = line.split_once(' ').map_or("", |(_, path)| path);
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(decoded).collect()
}

fn query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (decoded(key), decoded(&value.replace('+', " "))))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
