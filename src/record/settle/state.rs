//! What a settlement writes of what the sink holds.

use tokio_postgres::types::ToSql;

use super::Held;
use super::writes::Statement;
use crate::build::Digest;
use crate::publish::Remote;

#[derive(Debug, Default)]
pub(super) struct StateWrites {
    accept: [Rows; 2],
    void: [Rows; 2],
    forget: Vec<String>,
    right: (Vec<String>, Vec<i64>),
}

/// Column by column; in pairs, first those whose ids stay as they are.
#[derive(Debug, Default)]
struct Rows {
    keys: Vec<String>,
    digests: Vec<Vec<u8>>,
    documents: Vec<Option<Vec<u8>>>,
    versions: Vec<i64>,
    remote_ids: Vec<Option<String>>,
}

/// Whether the ids of the first and the second of a pair are news.
const NEWS: [bool; 2] = [false, true];

impl StateWrites {
    pub fn accept(&mut self, job: &Held, digest: Digest, version: i64, packed: Option<Vec<u8>>, remote: &Remote) {
        let rows = Rows::of(&mut self.accept, remote);
        rows.add(job, version, remote);
        rows.digests.push(digest.to_bytes().to_vec());
        rows.documents.push(packed);
    }

    /// Nobody knows what the sink holds. Nor if it has just said that it has never heard of the id, or named another one: what was
    /// on record was about something else.
    pub fn void_unless(&mut self, certain: bool, job: &Held, remote: &Remote) {
        if !certain || job.uncertain || *remote != Remote::Same {
            Rows::of(&mut self.void, remote).add(job, job.version, remote);
        }
    }

    /// The sink holds nothing of it any more.
    pub fn forget(&mut self, job: &Held) {
        self.forget.push(job.key.clone());
    }

    /// The sink holds what it should, as was seen by this job.
    pub fn is_right(&mut self, job: &Held) {
        self.right.0.push(job.key.clone());
        self.right.1.push(job.id.0);
    }

    pub fn statements<'a>(&'a self, route: &'a i16, note_time: &'a bool) -> Vec<Statement<'a>> {
        let mut statements: Vec<Statement<'a>> = Vec::new();
        for (rows, news) in self.accept.iter().zip(&NEWS) {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![
                route,
                &rows.keys,
                &rows.digests,
                &rows.versions,
                note_time,
                &rows.remote_ids,
                news,
                &rows.documents,
            ];
            if !rows.keys.is_empty() {
                statements.push((include_str!("../../../sql/record/accept.sql"), parameters));
            }
        }
        if !self.forget.is_empty() {
            let sql = include_str!("../../../sql/record/forget.sql");
            statements.push((sql, vec![route, &self.forget]));
        }
        for (rows, news) in self.void.iter().zip(&NEWS) {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![route, &rows.keys, &rows.versions, &rows.remote_ids, news];
            if !rows.keys.is_empty() {
                statements.push((include_str!("../../../sql/record/void.sql"), parameters));
            }
        }
        statements
    }

    /// What closes the dead letters of subjects whose sinks hold what they should.
    pub fn closing<'a>(&'a self, route: &'a i16) -> Option<Statement<'a>> {
        let sql = include_str!("../../../sql/record/supersede.sql");
        let (keys, jobs) = &self.right;
        (!keys.is_empty()).then(|| (sql, vec![route as &(dyn ToSql + Sync), keys, jobs]))
    }
}

impl Rows {
    fn of<'a>(pair: &'a mut [Rows; 2], remote: &Remote) -> &'a mut Rows {
        &mut pair[usize::from(*remote != Remote::Same)]
    }

    fn add(&mut self, job: &Held, version: i64, remote: &Remote) {
        self.keys.push(job.key.clone());
        self.versions.push(version);
        self.remote_ids.push(match remote {
            Remote::Is(id) => Some(id.clone()),
            Remote::Same | Remote::Lost => None,
        });
    }
}
