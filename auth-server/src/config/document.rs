//! The file: TOML, each value with its place.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key};
use super::mistake::Mistake;
use super::{Origin, Value, key};

/// Edits from one name to another that still count as a slip of the pen.
const MAX_SLIPS: usize = 3;

/// Reads what can be read, and tells the rest.
pub(super) fn read(bytes: &[u8]) -> (BTreeMap<&'static str, Value>, Vec<Mistake>) {
    let (mut values, mut mistakes) = (BTreeMap::new(), Vec::new());
    let Ok(text) = std::str::from_utf8(bytes) else {
        mistakes.push(Mistake {
            origin: Origin::File { line: 1, column: 1 },
            says: "the file is not text in UTF-8".into(),
        });
        return (values, mistakes);
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        mistakes.push(Mistake {
            origin: place(text, error.span().unwrap_or_default()),
            says: format!("this is not TOML: {}", error.message()),
        });
    }
    for (name, value) in table.get_ref() {
        match key(name.get_ref()) {
            None => mistakes.push(Mistake {
                origin: place(text, name.span()),
                says: unknown(name.get_ref()),
            }),
            Some(key) => match texts(key, value) {
                Ok(texts) => {
                    let origin = place(text, value.span());
                    values.insert(key.name, Value { texts, origin });
                }
                Err((span, says)) => mistakes.push(Mistake {
                    origin: place(text, span),
                    says,
                }),
            },
        }
    }
    (values, mistakes)
}

fn texts(key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, (Range<usize>, String)> {
    let wrong = |found: &Spanned<DeValue<'_>>| {
        let kind = kind(found.get_ref());
        let says = format!("{}: this is {kind}; write {}", key.name, key.example);
        (found.span(), says)
    };
    match value.get_ref() {
        DeValue::String(text) if !key.is_list => Ok(vec![text.to_string()]),
        DeValue::Array(items) if key.is_list => items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                _ => Err(wrong(item)),
            })
            .collect(),
        _ => Err(wrong(value)),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn unknown(name: &str) -> String {
    let near = KEYS
        .iter()
        .map(|key| (slips(name, key.name), key.name))
        .filter(|(slips, _)| *slips <= MAX_SLIPS)
        .min();
    match near {
        Some((_, near)) => format!("{name:?} is unknown; write {near}"),
        None => {
            let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
            format!("{name:?} is unknown; known are {}", known.join(", "))
        }
    }
}

/// How many characters have to be added, taken out or replaced (Levenshtein).
fn slips(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, c) in from.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = above + 1;
        for (at, d) in to.iter().enumerate() {
            let replaced = corner + usize::from(c != *d);
            corner = row[at + 1];
            row[at + 1] = replaced.min(corner + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}

fn place(text: &str, span: Range<usize>) -> Origin {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Origin::File {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (from, to, count) in [
            ("", "ab", 2),
            ("listen", "listen", 0),
            ("lisen", "listen", 1),
            ("log-format", "log_format", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(slips(from, to), count, "{from} {to}");
        }
    }
}
