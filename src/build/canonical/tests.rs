use std::fmt::Write;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn digest(document: &str) -> Result<Digest, NotJson> {
    super::digest(document, &Ignored::default())
}

fn hex(document: &str) -> String {
    digest(document).unwrap().to_string()
}

/// Every text of a group is the same value; no two groups are.
fn assert_groups(groups: &[&[&str]]) {
    for (i, group) in groups.iter().enumerate() {
        for text in *group {
            assert_eq!(hex(text), hex(group[0]), "{text} is {}", group[0]);
        }
        for other in &groups[i + 1..] {
            assert_ne!(hex(group[0]), hex(other[0]), "{} is not {}", group[0], other[0]);
        }
    }
}

#[test]
fn numbers_are_compared_by_value_and_exactly() {
    assert_groups(&[
        &[
            "0",
            "-0",
            "0.0",
            "-0.000",
            "0e7",
            "0E-99999999999999999999999999999999999999999999",
            " 0 ",
        ],
        &["1", "1.0", "1e0", "1E+0", "10e-1", "0.1e1", "0.001e3", "1e-0", "1e000"],
        &["-1", "-1.0", "-10e-1"],
        &["10", "1e1", "1E1", "1e+01", "100e-1", "10.00"],
        &["3.5", "3.50", "35e-1", "0.35e1", "350E-2"],
        &["350", "3.5e2", "35e1"],
        &["0.1"],
        &["0.1000000000000000000001", "1000000000000000000001e-22"],
        &["9007199254740992"],
        &["9007199254740993", "9007199254740993.0"],
        &["123456789012345678901234567890", "12345678901234567890123456789e1"],
        &["123456789012345678901234567891"],
        &["1e400"],
        &["1e401", "10e400"],
        &["1e1000000000", "10e999999999", "0.1e1000000001"],
        &["1e-1000000000", "0.1e-999999999"],
        &["1e99999999999999999999", "10e99999999999999999998"],
        &[
            "1e170141183460469231731687303715884105727",
            "1e+00170141183460469231731687303715884105727",
        ],
        &["1e170141183460469231731687303715884105728"],
        &["1e-170141183460469231731687303715884105728"],
        &["101"],
        &["1.01"],
        &["11"],
    ]);
}

#[test]
fn strings_are_compared_unescaped() {
    assert_groups(&[
        &[r#""""#],
        &[r#""é""#, r#""\u00e9""#, r#""\u00E9""#],
        // The same letter, composed: another text.
        &[r#""e\u0301""#],
        &[r#""/""#, r#""\/""#, r#""\u002f""#],
        &[r#""\\""#, r#""\u005c""#],
        &[r#""\"""#, r#""\u0022""#],
        &[r#""\b\f\n\r\t""#, r#""\u0008\u000c\u000a\u000d\u0009""#],
        &[r#""bfnrt""#],
        &[r#""\u0000""#],
        &[r#""\u0000\u0000""#],
        &[r#""😀""#, r#""\ud83d\ude00""#, r#""\uD83D\uDE00""#],
        &[r#""\ud83d""#],
        &[r#""\ude00""#],
        &[r#""\ude00\ud83d""#],
        &[r#""\ud83d\ud83d\ude00""#, r#""\ud83d😀""#],
        &[r#""\ud83d\ud83d""#],
        &[r#""\ud83d\n""#],
        &[r#""\ud83dn""#],
        &[r#""\ufffd""#, r#""�""#],
        &[r#""1""#],
        &["1"],
    ]);
}

#[test]
fn members_are_compared_whatever_their_order_and_elements_in_theirs() {
    assert_groups(&[
        &["{}", " { \n\t} "],
        &["[]", "[\r\n]"],
        &["null", " null"],
        &["true"],
        &["false"],
        &["[{}]"],
        &["[[]]"],
        &["[[],[]]"],
        &["[null]"],
        &[
            r#"{"a":1,"b":{"c":[1,2],"d":null}}"#,
            "{ \"b\" : {\"d\":null,\n\"c\" :[1, 2.0]}, \"\\u0061\" : 1 }",
        ],
        &[r#"{"a":1,"b":{"c":[2,1],"d":null}}"#],
        &[r#"{"a":1,"b":{"c":[1,2]},"d":null}"#],
        &[r#"{"aa":1,"b":2}"#, r#"{"b":2,"aa":1}"#],
        &[r#"{"a":"a1","b":2}"#],
        // Duplicates all count, and the order among them.
        &[
            r#"{"a":1,"a":2,"b":0}"#,
            r#"{"b":0,"a":1,"a":2}"#,
            r#"{"a":1,"b":0,"a":2}"#,
        ],
        &[r#"{"a":2,"a":1,"b":0}"#],
        &[r#"{"a":2,"b":0}"#],
        &["[1,2]"],
        &["[12]"],
        &[r#"["a","b"]"#],
        &[r#"["a\",\"b"]"#],
        &[r#"["ab",""]"#],
    ]);
}

#[test]
fn what_is_no_json_is_an_error_that_says_where() {
    let cases = [
        ("", 0),
        ("  ", 2),
        ("01", 1),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("1.", 2),
        ("1e", 2),
        ("1e+", 3),
        ("1 2", 2),
        ("nul", 0),
        ("truex", 4),
        ("NaN", 0),
        ("\"a", 2),
        ("\"\n\"", 1),
        (r#""\x""#, 2),
        (r#""\u12""#, 2),
        (r#""\u+123""#, 2),
        (r#""\ud83d\u12""#, 8),
        ("[1,]", 3),
        ("[1", 2),
        ("[1}", 2),
        ("{1:2}", 1),
        (r#"{"a"}"#, 4),
        (r#"{"a":}"#, 5),
        (r#"{"a":1,}"#, 7),
        (r#"{"a":1]"#, 6),
        ("]", 0),
        ("\u{feff}1", 0),
    ];
    for (text, at) in cases {
        assert_eq!(digest(text).unwrap_err().at, at, "{text:?}");
        // What one document left behind does not get into the next.
        assert_eq!(hex("[1]"), hex("[1]"));
    }
    let error = digest(r#"{"password" "hunter2"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the document is not valid JSON: `:` expected at byte 12"
    );
}

#[test]
fn hostile_depth_is_hashed_like_any_other() {
    let depth = 200_000;
    let arrays = |inside: &str| format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth));
    assert_ne!(hex(&arrays("1")), hex(&arrays("2")));
    // Out of order at each level: sorting must not move the whole rest each time.
    let objects = |first: &str, last: &str| {
        format!(
            "{}1{}",
            format!("{{{first}\"a\":").repeat(depth),
            format!("{last}}}").repeat(depth)
        )
    };
    assert_eq!(hex(&objects("\"b\":0,", "")), hex(&objects("", ",\"b\":0")));
    assert!(digest(&"[".repeat(depth)).is_err());
}

#[test]
fn digests_stay_what_they_are() {
    // Stored in every state table: a change here sends every document once more.
    let document = r#"{"id":1,"name":"Zoë","tags":["a",null,true,false],"price":-3.50,"none":{}}"#;
    assert_eq!(hex(document), "1732848e1d9114477a9c3931c7f5bfcf");
    let digest = digest(document).unwrap();
    assert_eq!(Digest::from_bytes(digest.to_bytes()), digest);
    assert_eq!(Digest::GONE.to_string(), "00000000000000000000000000000000");
}

/// Few different leaves and names, so that equal values turn up as often as different ones. No whole floats:
/// `serde_json` takes `1` and `1.0` to be different.
fn small_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3_i64).prop_map(Value::from),
        (-2..3_i32).prop_map(|n| Value::from(f64::from(n) + 0.5)),
        "[ab\"]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]{0,2}", inner, 0..3).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("not whole", |f| f.is_finite() && f.fract() != 0.0)
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// Writes a value in one of its many spellings.
fn respelled(value: &Value, choice: &mut fastrand::Rng, out: &mut String) {
    let space =
        |choice: &mut fastrand::Rng, out: &mut String| out.push_str(choice.choice(["", " ", "\n\t", "\r"]).unwrap());
    space(choice, out);
    match value {
        Value::Number(number) => out.push_str(&respelled_number(&number.to_string(), choice)),
        Value::String(string) => respelled_string(string, choice, out),
        Value::Array(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                respelled(element, choice, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            choice.shuffle(&mut members);
            out.push('{');
            for (i, (name, member)) in members.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                space(choice, out);
                respelled_string(name, choice, out);
                space(choice, out);
                out.push(':');
                respelled(member, choice, out);
            }
            out.push('}');
        }
        _ => out.push_str(&value.to_string()),
    }
    space(choice, out);
}

fn respelled_number(number: &str, choice: &mut fastrand::Rng) -> String {
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let exponent: i64 = exponent.parse().unwrap();
    let zeros = choice.usize(0..3);
    match (choice.u8(0..3), mantissa.contains('.')) {
        (0, _) => number.to_owned(),
        (1, true) => format!("{mantissa}{}E{exponent:+}", "0".repeat(zeros)),
        (_, true) => {
            let decimals = mantissa.len() - mantissa.find('.').unwrap() - 1;
            let digits = mantissa.replace('.', "");
            let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |digits| ("-", digits));
            let digits = digits.trim_start_matches('0');
            format!("{sign}{digits}e{}", exponent - i64::try_from(decimals).unwrap())
        }
        (1, false) => format!("{mantissa}.{}e{exponent}", "0".repeat(zeros + 1)),
        (_, false) if mantissa == "0" => "-0".to_owned(),
        (_, false) => format!(
            "{mantissa}{}e{}",
            "0".repeat(zeros),
            exponent - i64::try_from(zeros).unwrap()
        ),
    }
}

fn respelled_string(string: &str, choice: &mut fastrand::Rng, out: &mut String) {
    out.push('"');
    for c in string.chars() {
        if choice.bool() {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap();
            }
        } else {
            let plain = Value::from(c.to_string()).to_string();
            out.push_str(&plain[1..plain.len() - 1]);
        }
    }
    out.push('"');
}

proptest! {
    #[test]
    fn a_value_has_one_digest_however_it_is_written(value in any_value(), seed in any::<u64>()) {
        let mut text = String::new();
        respelled(&value, &mut fastrand::Rng::with_seed(seed), &mut text);
        prop_assert_eq!(digest(&text).unwrap(), digest(&value.to_string()).unwrap(), "{}", text);
    }

    #[test]
    fn digests_are_equal_exactly_if_values_are(a in small_value(), b in small_value()) {
        prop_assert_eq!(a == b, digest(&a.to_string()).unwrap() == digest(&b.to_string()).unwrap());
    }

    #[test]
    fn what_serde_json_reads_is_read_and_the_rest_is_not(text in "[\\[\\]{}:,\"0-9eE+.\\- a\\\\untrlsf]{0,12}") {
        // Numbers too big for a double are none to `serde_json`.
        match serde_json::from_str::<Value>(&text) {
            Err(error) if error.to_string().contains("out of range") => {}
            Err(error) if error.to_string().contains("surrogate") => {}
            read => prop_assert_eq!(digest(&text).is_ok(), read.is_ok(), "{}", text),
        }
    }
}
