//! `type = "elasticsearch"` and `type = "opensearch"`

use secrecy::SecretString;

use super::access::{self, RawAccess};
use crate::config::mask::Secrecy;
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::Field;

pub struct RawElastic {
    pub product: &'static str,
    pub url: Field<SecretString>,
    pub index: Field<String>,
    pub id: Field<String>,
    pub routing: Field<String>,
    pub pipeline: Field<String>,
    pub mapping: Field<String>,
    pub access: RawAccess,
    pub gzip: Field<bool>,
    pub batch: RawElasticBatch,
}

#[derive(Default)]
pub struct RawElasticBatch {
    pub max: Field<u64>,
    pub bytes: Field<u64>,
}

pub fn read(product: &'static str, mut reader: Reader<'_>) -> RawElastic {
    let elastic = RawElastic {
        product,
        url: reader.secret("url", Secrecy::Url),
        index: reader.string("index"),
        id: reader.string("id"),
        routing: reader.string("routing"),
        pipeline: reader.string("pipeline"),
        mapping: reader.string("mapping"),
        access: access::read(&mut reader),
        gzip: reader.boolean("gzip"),
        batch: super::inner(&mut reader, "batch", batch),
    };
    reader.finish();
    elastic
}

fn batch(mut reader: Reader<'_>) -> RawElasticBatch {
    let batch = RawElasticBatch {
        max: reader.count("max"),
        bytes: reader.size("bytes"),
    };
    reader.finish();
    batch
}
