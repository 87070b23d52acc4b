//! The decision, as a pure function.
//!
//! | built | the sink last accepted | decision |
//! | --- | --- | --- |
//! | document | the same | `equal`, not sent |
//! | document | another one, a delete, nothing, or nobody knows | upsert |
//! | gone | a document, or nobody knows | delete |
//! | gone | a delete | `equal`, not sent |
//! | gone | nothing | `filtered`, not sent |
//!
//! Where deletes are ignored, whatever is gone is `filtered`: the sink keeps what it has, and so does the state, so that a
//! subject which comes back as it was is `equal`.
//!
//! Nobody knows what the sink holds after an uncertain delivery: then the digest in the state is *void*, or, where
//! a crash kept it from being recorded, the delivery is still unsettled. Whatever was built is sent then (G4). Where that is
//! nothing, as deletes are ignored, the uncertainty must be written down before the job is over.

use crate::build::Digest;
use crate::config::Deletes;

/// What a sink is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Upsert,
    Delete,
}

impl Operation {
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Upsert => "upsert",
            Operation::Delete => "delete",
        }
    }
}

/// What the database yields for a subject now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    Document(Digest),
    /// There is no row, or none that the sync wants.
    Gone,
}

/// What the state holds of a subject that a sink has ever accepted something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// `None` is void: nobody knows what the sink holds. [`Digest::GONE`] after a delete.
    pub digest: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Send(Operation),
    Suppress(Reason),
}

/// Why something was not sent; all the reasons there are, wherever they are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The sink holds this document already, or has no document where there is none.
    Equal,
    /// The change touched only columns that no document reads.
    IrrelevantColumns,
    /// Another job of the same subject was waiting and covers this change.
    Covered,
    /// A dead letter, of which something newer was accepted or was there already.
    Superseded,
    /// The row isn't one that the sync wants, and the sink never got it or is to keep it.
    Filtered,
}

impl Reason {
    pub const ALL: [Reason; 5] = [
        Reason::Equal,
        Reason::IrrelevantColumns,
        Reason::Covered,
        Reason::Superseded,
        Reason::Filtered,
    ];

    /// As the metrics and logs show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Equal => "equal",
            Reason::IrrelevantColumns => "irrelevant-columns",
            Reason::Covered => "covered",
            Reason::Superseded => "superseded",
            Reason::Filtered => "filtered",
        }
    }
}

/// Decides whether to send what was built.
///
/// `accepted` is the state's row, if there is one. `uncertain`: an earlier delivery may have reached the sink without
/// being recorded. `forced`: a person asked for it (replay), so it is sent even if it is equal.
pub fn verdict(built: Built, deletes: Deletes, accepted: Option<Accepted>, uncertain: bool, forced: bool) -> Verdict {
    let (operation, digest) = match built {
        Built::Document(digest) => (Operation::Upsert, digest),
        Built::Gone => (Operation::Delete, Digest::GONE),
    };
    if built == Built::Gone && deletes == Deletes::Ignore {
        return Verdict::Suppress(Reason::Filtered);
    }
    if forced || uncertain {
        return Verdict::Send(operation);
    }
    match (accepted, built) {
        (Some(accepted), _) if accepted.digest == Some(digest) => Verdict::Suppress(Reason::Equal),
        (None, Built::Gone) => Verdict::Suppress(Reason::Filtered),
        _ => Verdict::Send(operation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND_UPSERT: Verdict = Verdict::Send(Operation::Upsert);
    const SEND_DELETE: Verdict = Verdict::Send(Operation::Delete);
    const EQUAL: Verdict = Verdict::Suppress(Reason::Equal);
    const FILTERED: Verdict = Verdict::Suppress(Reason::Filtered);

    #[test]
    fn only_real_differences_are_sent_and_whatever_is_uncertain() {
        let (a, b) = (Digest::from_bytes([1; 16]), Digest::from_bytes([2; 16]));
        let accepted = |digest| Some(Accepted { digest });
        let (doc_a, gone) = (Built::Document(a), Built::Gone);
        let nothing = None;
        let void = accepted(None);
        let deleted = accepted(Some(Digest::GONE));
        #[rustfmt::skip]
        let cases = [
            // built, accepted            certain      uncertain    forced
            (doc_a, nothing,              SEND_UPSERT, SEND_UPSERT, SEND_UPSERT),
            (doc_a, accepted(Some(a)),    EQUAL,       SEND_UPSERT, SEND_UPSERT),
            (doc_a, accepted(Some(b)),    SEND_UPSERT, SEND_UPSERT, SEND_UPSERT),
            (doc_a, void,                 SEND_UPSERT, SEND_UPSERT, SEND_UPSERT),
            (doc_a, deleted,              SEND_UPSERT, SEND_UPSERT, SEND_UPSERT),
            (gone,  nothing,              FILTERED,    SEND_DELETE, SEND_DELETE),
            (gone,  accepted(Some(a)),    SEND_DELETE, SEND_DELETE, SEND_DELETE),
            (gone,  void,                 SEND_DELETE, SEND_DELETE, SEND_DELETE),
            (gone,  deleted,              EQUAL,       SEND_DELETE, SEND_DELETE),
        ];
        for (built, accepted, certain, uncertain, forced) in cases {
            let wanted = [
                ((false, false), certain),
                ((true, false), uncertain),
                ((false, true), forced),
                ((true, true), forced),
            ];
            for ((is_uncertain, is_forced), wanted) in wanted {
                let case = format!("{built:?} after {accepted:?}, uncertain {is_uncertain}, forced {is_forced}");
                let verdict = |deletes| verdict(built, deletes, accepted, is_uncertain, is_forced);
                assert_eq!(verdict(Deletes::Publish), wanted, "{case}");
                let ignoring = if built == gone { FILTERED } else { wanted };
                assert_eq!(verdict(Deletes::Ignore), ignoring, "{case}, deletes ignored");
            }
        }
    }

    #[test]
    fn reasons_have_the_words_of_the_design() {
        let words = Reason::ALL.map(Reason::as_str);
        assert_eq!(
            words,
            ["equal", "irrelevant-columns", "covered", "superseded", "filtered"]
        );
    }
}
