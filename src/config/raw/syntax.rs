//! TOML itself: text → tree, or all that is wrong with it.

use std::collections::HashSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use super::reading::Reading;
use super::sections::RawConfig;
use crate::config::blot;
use crate::config::{Place, Problem};

/// How well the text was understood.
pub struct Parsed {
    pub raw: RawConfig,
    /// Parts of the file may have been lost, so what seems to be missing may well be there.
    pub damaged: bool,
}

/// Reads as much as can be read. All findings are left in `reading`.
pub fn parse(reading: &Reading<'_>) -> Parsed {
    let (table, errors) = DeTable::parse_recoverable(reading.text);
    let table = table.into_inner();
    let (duplicates, faults): (Vec<_>, Vec<_>) = errors.iter().partition(|error| error.message() == DUPLICATE);
    for duplicate in duplicates {
        reading.report(duplicate_key(reading, &table, &duplicate.span().unwrap_or_default()));
    }
    let broken_lines = report_faults(reading, &faults);
    if !errors.is_empty() {
        // What the parser passed over is in no tree, so nobody can tell its secrets from the rest.
        reading
            .secrets
            .borrow_mut()
            .extend(blot::secrets_of_damaged(reading.text));
    }
    let sure = reading.problems.borrow().len();
    let raw = RawConfig::read(reading, &table);
    let damaged = !faults.is_empty();
    if damaged {
        // A key that lost its value would be reported once more for its type.
        let consequence = |problem: &Problem| {
            let span = problem
                .place
                .as_ref()
                .map(|place| place.span.clone())
                .unwrap_or_default();
            span.is_empty() || broken_lines.contains(&line_of(reading.text, span.start))
        };
        let mut problems = reading.problems.borrow_mut();
        let doubtful = problems.split_off(sure);
        problems.extend(doubtful.into_iter().filter(|problem| !consequence(problem)));
    }
    Parsed { raw, damaged }
}

/// How the parser words it.
const DUPLICATE: &str = "duplicate key";

/// One problem for each line: the parser, once lost, tends to complain of the same thing again.
fn report_faults(reading: &Reading<'_>, faults: &[&Error]) -> HashSet<usize> {
    let mut lines = HashSet::new();
    for fault in faults {
        let span = on_one_line(reading.text, &fault.span().unwrap_or(0..0));
        if lines.insert(line_of(reading.text, span.start)) {
            let message = fault.message().trim_end_matches(", expected nothing");
            reading.report(Problem::at(&Place::new("", span), "this is not valid TOML").label(message));
        }
    }
    lines
}

/// At least a character and at most the rest of its line. Where a line or the file has ended too soon, its last one.
fn on_one_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let line_end = text[start..].find(['\r', '\n']).map_or(text.len(), |end| start + end);
    if start < line_end {
        return start..text.ceil_char_boundary(span.end.clamp(start + 1, line_end));
    }
    let last = text[..start].trim_end().char_indices().next_back();
    last.map_or(0..text.len().min(1), |(at, character)| at..at + character.len_utf8())
}

fn duplicate_key(reading: &Reading<'_>, table: &DeTable<'_>, span: &Range<usize>) -> Problem {
    let written = reading.written(span);
    let problem = Problem::at(
        &Place::new(written, span.clone()),
        format!("the key `{written}` is given twice"),
    );
    match first_of(table, written.trim_matches(['"', '\'']), span.start) {
        Some(first) => problem
            .label("given again")
            .also(&Place::new(written, first), "first given here"),
        None => problem,
    }
}

/// Where a key was given first: in the table that begins last before its second mention.
fn first_of(table: &DeTable<'_>, key: &str, before: usize) -> Option<Range<usize>> {
    let mut best: Option<(usize, Range<usize>)> = None;
    let mut open = vec![(0, table)];
    while let Some((start, table)) = open.pop() {
        if let Some((found, _)) = table.get_key_value(key)
            && found.span().start < before
            && best.as_ref().is_none_or(|(best, _)| start >= *best)
        {
            best = Some((start, found.span()));
        }
        for (_, value) in table {
            if let DeValue::Table(child) = value.get_ref()
                && value.span().start < before
            {
                open.push((value.span().start, child));
            }
        }
    }
    best.map(|(_, span)| span)
}

fn line_of(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].matches('\n').count()
}
