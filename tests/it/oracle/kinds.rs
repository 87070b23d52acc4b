//! Types of columns, and a few values of each: few, so that rows meet.

use fastrand::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    SmallInt,
    Int,
    BigInt,
    Uuid,
    Text,
    Varchar,
    Char,
    Numeric,
    Date,
    Timestamptz,
    Mood,
    Count,
    Label,
    Boolean,
    Interval,
    Bytea,
}

/// The types that Postgres does not bring along.
pub const TYPES: [&str; 5] = [
    "create schema \"Other Schema\"",
    "create type \"Other Schema\".\"Mood\" as enum ('sad', 'so so', 'it''s:fine\\')",
    "create domain small_count as int check (value < 1000)",
    "create domain \"Other Schema\".label as varchar(40)",
    "create domain \"Other Schema\".\"Label of labels\" as \"Other Schema\".label not null default 'x'",
];

const TEXTS: [&str; 12] = [
    "plain",
    "it''s",
    "a:b",
    "back\\slash",
    "two words",
    " leading",
    "Zoë 日本",
    "\"quoted\"",
    "a,b",
    "{x}",
    "NULL",
    ":\\:",
];

const NUMBERS: [&str; 8] = ["1", "1.0", "1.00", "2.5", "2.50", "-3", "100000000000000000000", "0.1"];

/// Summer and winter, and one moment in two zones.
const MOMENTS: [&str; 5] = [
    "2024-01-31 23:30:00+00",
    "2024-02-01 01:30:00+02",
    "2024-07-01 00:00:00.123456+00",
    "1999-12-31 23:59:59.9-08",
    "2024-01-31 23:30:00.5+00",
];

const INTERVALS: [&str; 5] = ["1 day", "24:00:00", "1 mon", "30 days", "-00:00:01"];

impl Kind {
    pub const ALL: [Kind; 16] = [
        Kind::SmallInt,
        Kind::Int,
        Kind::BigInt,
        Kind::Uuid,
        Kind::Text,
        Kind::Varchar,
        Kind::Char,
        Kind::Numeric,
        Kind::Date,
        Kind::Timestamptz,
        Kind::Mood,
        Kind::Count,
        Kind::Label,
        Kind::Boolean,
        Kind::Interval,
        Kind::Bytea,
    ];

    pub fn sql(self) -> &'static str {
        match self {
            Kind::SmallInt => "smallint",
            Kind::Int => "int",
            Kind::BigInt => "bigint",
            Kind::Uuid => "uuid",
            Kind::Text => "text",
            Kind::Varchar => "varchar(30)",
            Kind::Char => "char(12)",
            Kind::Numeric => "numeric",
            Kind::Date => "date",
            Kind::Timestamptz => "timestamptz",
            Kind::Mood => "\"Other Schema\".\"Mood\"",
            Kind::Count => "small_count",
            Kind::Label => "\"Other Schema\".label",
            Kind::Boolean => "boolean",
            Kind::Interval => "interval",
            Kind::Bytea => "bytea",
        }
    }

    /// Some value, as a literal of this type.
    pub fn literal(self, rng: &mut Rng) -> String {
        let text = match self {
            Kind::SmallInt | Kind::Int | Kind::BigInt | Kind::Count => rng.u32(1..=14).to_string(),
            Kind::Uuid => format!("00000000-0000-0000-0000-0000000000{:02x}", rng.u32(9..=20)),
            Kind::Text | Kind::Varchar | Kind::Char | Kind::Label => pick(rng, &TEXTS).to_owned(),
            Kind::Numeric => pick(rng, &NUMBERS).to_owned(),
            Kind::Date => format!("2024-02-{:02}", rng.u32(20..=29)),
            Kind::Timestamptz => pick(rng, &MOMENTS).to_owned(),
            Kind::Mood => pick(rng, &["sad", "so so", "it''s:fine\\"]).to_owned(),
            Kind::Boolean => pick(rng, &["true", "false"]).to_owned(),
            Kind::Interval => pick(rng, &INTERVALS).to_owned(),
            Kind::Bytea => format!("\\x{:02x}00", rng.u32(0..6)),
        };
        format!("'{text}'::{}", self.sql())
    }

    /// A type whose columns can refer to those of this one by a foreign key.
    pub fn referring(self, rng: &mut Rng) -> Kind {
        let others: &[Kind] = match self {
            Kind::SmallInt | Kind::Int | Kind::BigInt => &[Kind::Int, Kind::BigInt, Kind::SmallInt],
            Kind::Numeric => &[Kind::Numeric, Kind::Int],
            Kind::Count => &[Kind::Count, Kind::Int],
            Kind::Text | Kind::Varchar | Kind::Label => &[Kind::Text, Kind::Varchar, Kind::Label],
            _ => return self,
        };
        if rng.u8(..) < 90 { pick(rng, others) } else { self }
    }

    /// Whether columns of both can be compared for equality as they are.
    pub fn compares_with(self, other: Kind) -> bool {
        let numbers = [Kind::SmallInt, Kind::Int, Kind::BigInt, Kind::Numeric, Kind::Count];
        let texts = [Kind::Text, Kind::Varchar, Kind::Label];
        self == other
            || (numbers.contains(&self) && numbers.contains(&other))
            || (texts.contains(&self) && texts.contains(&other))
    }

    /// Has enough values to name the rows of a table by itself.
    pub fn names_rows(self) -> bool {
        !matches!(self, Kind::Boolean | Kind::Mood)
    }
}

pub fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

/// True so many times of 256.
pub fn chance(rng: &mut Rng, of_256: u8) -> bool {
    rng.u8(..) < of_256
}
