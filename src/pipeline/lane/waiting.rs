//! Documents that wait to be sent, the most urgent first.

use std::collections::VecDeque;

use tokio::sync::mpsc::Receiver;

use super::Parcel;

/// One line for each priority: a live change overtakes what a visit of many subjects has left waiting.
pub(super) struct Waiting {
    parcels: Receiver<Parcel>,
    lines: [VecDeque<Parcel>; LINES],
}

/// As many as there are priorities.
const LINES: usize = 4;

impl Waiting {
    pub fn new(parcels: Receiver<Parcel>) -> Self {
        Self {
            parcels,
            lines: Default::default(),
        }
    }

    /// `None` once no more come and none waits.
    pub async fn next(&mut self) -> Option<Parcel> {
        while let Ok(parcel) = self.parcels.try_recv() {
            self.put(parcel);
        }
        if let Some(parcel) = self.lines.iter_mut().find_map(VecDeque::pop_front) {
            return Some(parcel);
        }
        self.parcels.recv().await
    }

    fn put(&mut self, parcel: Parcel) {
        let line = usize::try_from(parcel.claimed.job.priority.number()).unwrap_or_default();
        self.lines[line.min(LINES - 1)].push_back(parcel);
    }
}
