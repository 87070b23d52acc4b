//! Filters of jobs, as options.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::config::{DURATION_WANTED, parse_duration};
use crate::operate::{self, State};
use crate::publish::FailureClass;

/// A job is shown, or meant, if it fits all that is given.
#[derive(Debug, Clone, Args)]
pub(super) struct Filter {
    /// Of this sync
    #[arg(long, value_name = "SYNC", help_heading = "Filters")]
    sync: Option<String>,
    /// For this sink
    #[arg(long, value_name = "SINK", help_heading = "Filters")]
    sink: Option<String>,
    /// In this state; may be given several times
    #[arg(long, value_name = "STATE", value_parser = state(), help_heading = "Filters")]
    state: Vec<State>,
    /// Failed and dead ones that wait for a person: nothing newer was delivered since
    #[arg(long, conflicts_with_all = ["state", "superseded"], help_heading = "Filters")]
    open: bool,
    /// Failed and dead ones that were closed by a delivery of something newer
    #[arg(long, help_heading = "Filters")]
    superseded: bool,
    /// Of this subject: the key as it is listed, or in JSON, `[42]`
    #[arg(long, value_name = "KEY", help_heading = "Filters")]
    key: Option<String>,
    /// Whose last try failed like this
    #[arg(long, value_name = "CLASS", value_parser = class(), help_heading = "Filters")]
    class: Option<String>,
    /// Over for at least so long, or if they are active, made so long ago: 90s, 15m, 12h, 7d
    #[arg(long, value_name = "AGE", value_parser = duration, help_heading = "Filters")]
    older_than: Option<Duration>,
    /// Over for less than that, or if they are active, made since
    #[arg(long, value_name = "AGE", value_parser = duration, help_heading = "Filters")]
    younger_than: Option<Duration>,
}

fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str)).map(|text| {
        let known = State::ALL.into_iter().find(|state| state.as_str() == text);
        known.expect("one of those that are possible")
    })
}

fn class() -> PossibleValuesParser {
    PossibleValuesParser::new(FailureClass::ALL.map(FailureClass::as_str))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("wanted: {DURATION_WANTED}"))
}

impl Filter {
    pub fn wanted(&self) -> operate::Filter {
        let states = if self.open {
            vec![State::Failed, State::Dead]
        } else {
            self.state.clone()
        };
        operate::Filter {
            sync: self.sync.clone(),
            sink: self.sink.clone(),
            states,
            superseded: (self.open || self.superseded).then_some(self.superseded),
            key: self.key.as_deref().map(operate::stored_key),
            class: self.class.clone(),
            older_than: self.older_than,
            younger_than: self.younger_than,
        }
    }

    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.sync, &self.sink, &self.key, &self.class];
        let ages = [self.older_than, self.younger_than];
        texts.iter().all(|text| text.is_none())
            && ages.iter().all(Option::is_none)
            && self.state.is_empty()
            && !self.open
            && !self.superseded
    }
}
