//! Look-ups that find many subjects: asked once, then read a page at a time.
//!
//! The subjects of a hot row come in the order of the key only once all of them have been sorted, so to ask for each page anew
//! would take the square of their number. A cursor `with hold` sorts once; the server keeps the result, in a file where it is
//! large, and no snapshot with it. It goes with its session: then what is left is asked for anew, from the last key on.
//!
//! What it found is as old as the cursor. A row that has come to lead to a subject since then did so by a change of its own.

use std::collections::HashMap;
use std::time::Duration;

use crate::mapping::SubjectKey;
use crate::pg::{self, Session};
use crate::pipeline::lookup::{LookupError, Question};
use crate::plan::Cursor;
use crate::queue::{Visit, VisitId};

/// Longest that a look-up may take to find and sort what there is. What comes after it writes the result down.
const SORT_MAX: Duration = Duration::from_mins(5);

/// Most results that the server keeps for one route.
const OPEN_MAX: usize = 8;

/// The open cursors of one route, all in one session of their own.
pub(super) struct Cursors<'a> {
    dsn: &'a pg::Dsn,
    session: Option<tokio_postgres::Client>,
    /// With the last key that was read from each.
    open: HashMap<VisitId, SubjectKey>,
}

impl<'a> Cursors<'a> {
    pub fn new(dsn: &'a pg::Dsn) -> Self {
        Self {
            dsn,
            session: None,
            open: HashMap::new(),
        }
    }

    /// The visits being read, where there is room for no more.
    pub fn full(&self) -> Vec<VisitId> {
        if self.open.len() < OPEN_MAX {
            return Vec::new();
        }
        self.open.keys().copied().collect()
    }

    /// Closes all of them.
    pub fn clear(&mut self) {
        self.open.clear();
        self.session = None;
    }

    /// Closes the cursor of a visit that is over: another process has taken its last step.
    pub async fn forget(&mut self, visit: VisitId) {
        if self.open.remove(&visit).is_none() {
            return;
        }
        if let Some(session) = &self.session
            && session.batch_execute(&cursor(visit).close()).await.is_err()
        {
            self.session = None;
        }
    }

    /// Whether a visit is being read, or may begin to be.
    pub fn have_room(&self, visit: VisitId) -> bool {
        self.open.contains_key(&visit) || self.open.len() < OPEN_MAX
    }

    /// The next `most` subjects of a visit; fewer if there are no more.
    pub async fn page(
        &mut self,
        visit: &Visit,
        question: &Question<'_>,
        most: usize,
    ) -> Result<Vec<SubjectKey>, LookupError> {
        let page = self.try_page(visit, question, most).await;
        match &page {
            Ok(keys) if keys.len() == most => {
                if let Some(last) = keys.last() {
                    self.open.insert(visit.id, last.clone());
                }
            }
            Ok(_) => {
                self.open.remove(&visit.id);
            }
            // Whatever has failed, a session anew knows of no cursors.
            Err(_) => self.session = None,
        }
        page
    }

    async fn try_page(
        &mut self,
        visit: &Visit,
        question: &Question<'_>,
        most: usize,
    ) -> Result<Vec<SubjectKey>, LookupError> {
        let cursor = cursor(visit.id);
        if self.session.as_ref().is_none_or(tokio_postgres::Client::is_closed) {
            self.open.clear();
            let session = Session {
                search_path: None,
                statement_timeout: SORT_MAX,
            };
            let connected = pg::connect(self.dsn, &session).await;
            self.session = Some(connected.map_err(LookupError::Unreachable)?);
        }
        let session = self.session.as_mut().expect("opened where there was none");
        if let Some(last) = self.open.get(&visit.id) {
            // If not, its last step was not committed, or another process has taken one.
            if visit.last_key.as_ref() == Some(last) {
                let rows = session.query(&cursor.fetch(most), &[]).await?;
                if rows.len() < most {
                    session.batch_execute(&cursor.close()).await?;
                }
                return Ok(rows.iter().map(|row| question.key(row)).collect());
            }
            session.batch_execute(&cursor.close()).await?;
        }
        let tx = session.transaction().await?;
        question.declare(&tx, &cursor, visit.last_key.as_ref()).await?;
        // The first page takes all the work. Only statements have a limit of time, not the commit that keeps the rest.
        let rows = tx.query(&cursor.fetch(most), &[]).await?;
        if rows.len() < most {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(rows.iter().map(|row| question.key(row)).collect())
    }
}

fn cursor(visit: VisitId) -> Cursor {
    Cursor::new(&format!("visit_{}", visit.0))
}
