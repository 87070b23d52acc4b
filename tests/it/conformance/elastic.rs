//! Elasticsearch and OpenSearch: a server that keeps versions as they do.

use std::collections::BTreeSet;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::{Rig, SECRET, conformance};
use crate::elastic::server::{Behaviour, Elastic, Fault, Index, On, Product};

/// Of a request that is taken.
const BODY_MAX: usize = 1 << 20;

struct Search<const OPEN: bool> {
    elastic: Elastic,
    /// Fields may have values of any type.
    mapping: NamedTempFile,
}

impl<const OPEN: bool> Search<OPEN> {
    fn let_in(&self) {
        self.elastic.let_in(&[&format!("ApiKey {SECRET}")]);
    }
}

impl<const OPEN: bool> Rig for Search<OPEN> {
    const PAUSE: Option<Duration> = Some(Duration::from_secs(7));

    async fn start() -> Self {
        let product = if OPEN {
            Product::OpenSearch
        } else {
            Product::Elasticsearch
        };
        let mapping = NamedTempFile::new().unwrap();
        std::fs::write(mapping.path(), r#"{ "mappings": { "dynamic": false } }"#).unwrap();
        let elastic = Elastic::of(product).await;
        let search = Self { elastic, mapping };
        search.let_in();
        search
    }

    fn sink(&self) -> String {
        let (url, mapping) = (self.elastic.url(), self.mapping.path().display());
        let product = if OPEN { "opensearch" } else { "elasticsearch" };
        format!(
            "type = '{product}'\nurl = '{url}'\nindex = 'things'\nmapping = '{mapping}'\nauth = {{ api_key = '{SECRET}' }}"
        )
    }

    async fn held(&self) -> BTreeSet<String> {
        self.elastic.look(|cluster, journal| {
            assert_eq!(journal.went_back(), [""; 0]);
            let documents = cluster.index("things").into_iter().flat_map(Index::documents);
            documents.map(|(_, document)| document.source.clone()).collect()
        })
    }

    async fn refuse(&self, id: &str) {
        let reason = format!("failed to parse, {SECRET}");
        let fault = Fault::new(400, "document_parsing_exception", reason);
        self.elastic.fail_items(usize::MAX, Some(&[&format!("a:{id}")]), fault);
    }

    async fn be_busy(&self) {
        let busy = Behaviour::Answer {
            status: 429,
            headers: vec![("retry-after", "7".to_owned())],
            body: format!("one moment, {SECRET}"),
        };
        self.elastic.rule(On::Bulk, busy);
    }

    async fn lose_answers(&self) {
        self.elastic.rule(On::Bulk, Behaviour::ApplyThenCut);
    }

    async fn hang(&self) {
        self.elastic.rule(On::Bulk, Behaviour::ApplyThenHang);
    }

    async fn limit(&self) -> usize {
        self.elastic.limit(BODY_MAX, false);
        BODY_MAX
    }

    async fn lock_out(&self) {
        self.elastic.let_in(&[]);
    }

    async fn mend(&self) {
        self.elastic.clear_rules();
        self.let_in();
    }

    async fn down(&mut self) {
        self.elastic.stop().await;
    }

    async fn up(&mut self) {
        self.elastic.start().await;
    }
}

mod elasticsearch {
    use super::*;

    conformance!(
        Search<false>,
        runs: [
            delivers, deletes, takes_batches, refuses_one_of_many, is_busy, loses_answers, never_answers, is_not_there,
            takes_what_is_large, refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice,
            keeps_the_newer_version, comes_back, is_locked, sends_nothing_without_a_lease, is_reached,
            shows_what_it_would_send, converges, converges_though_the_server_dies, converges_though_walsift_is_killed,
            gives_up_what_is_refused,
        ],
        does_not_apply: {}
    );
}

mod opensearch {
    use super::*;

    conformance!(
        Search<true>,
        runs: [
            delivers, deletes, takes_batches, refuses_one_of_many, is_busy, loses_answers, never_answers, is_not_there,
            takes_what_is_large, refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice,
            keeps_the_newer_version, comes_back, is_locked, sends_nothing_without_a_lease, is_reached,
            shows_what_it_would_send, converges, converges_though_the_server_dies, converges_though_walsift_is_killed,
            gives_up_what_is_refused,
        ],
        does_not_apply: {}
    );
}
