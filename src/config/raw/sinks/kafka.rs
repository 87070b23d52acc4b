//! `type = "kafka"`

use secrecy::SecretString;

use super::access::{RawBasic, RawTls, read_basic, read_tls};
use crate::config::raw::reader::Reader;
use crate::config::raw::reading::{At, Field};
use crate::config::{Compression, HAS_KAFKA, Place, Problem};

pub struct RawKafka {
    pub brokers: Field<Vec<At<String>>>,
    pub topic: Field<String>,
    pub auth: Field<RawKafkaAuth>,
    pub tls: Field<RawTls>,
    pub compression: Field<Compression>,
    pub properties: Field<Vec<(At<String>, At<SecretString>)>>,
    pub batch: RawKafkaBatch,
}

pub struct RawKafkaAuth {
    pub plain: Field<RawBasic>,
    pub scram_sha_256: Field<RawBasic>,
    pub scram_sha_512: Field<RawBasic>,
}

#[derive(Default)]
pub struct RawKafkaBatch {
    pub max: Field<u64>,
    pub bytes: Field<u64>,
}

/// Says so at the type if this program has no such sink. The rest is read all the same: its mistakes are shown at once.
pub fn report_absence(place: &Place, reader: &Reader<'_>) {
    // The tests of the language are the same for every build.
    if !HAS_KAFKA && !cfg!(test) {
        let problem = Problem::at(place, "this program was built without the sink type \"kafka\"");
        let problem = problem.help("use the image, or build it with `cargo build --release --features kafka`");
        reader.report(problem);
    }
}

pub fn read(mut reader: Reader<'_>) -> RawKafka {
    let kafka = RawKafka {
        brokers: reader.strings("brokers"),
        topic: reader.string("topic"),
        auth: reader.table_of_secrets("auth").map(read_auth),
        tls: reader.table("tls").map(read_tls),
        compression: reader.word("compression", &Compression::ALL),
        properties: reader.named_secrets("properties"),
        batch: super::inner(&mut reader, "batch", batch),
    };
    reader.finish();
    kafka
}

fn read_auth(mut reader: Reader<'_>) -> RawKafkaAuth {
    let auth = RawKafkaAuth {
        plain: reader.table_of_secrets("plain").map(read_basic),
        scram_sha_256: reader.table_of_secrets("scram_sha_256").map(read_basic),
        scram_sha_512: reader.table_of_secrets("scram_sha_512").map(read_basic),
    };
    reader.finish();
    auth
}

fn batch(mut reader: Reader<'_>) -> RawKafkaBatch {
    let batch = RawKafkaBatch {
        max: reader.count("max"),
        bytes: reader.size("bytes"),
    };
    reader.finish();
    batch
}
