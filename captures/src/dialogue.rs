//! Compares what was on a terminal with what the dialogue promises, line by line.

/// Checks that the promised lines appear exactly and in order, and that whatever else was on the
/// terminal is on the list of extra lines. `*` in a line stands for any text.
///
/// # Errors
/// The first line that is missing or too much, with the whole of the terminal.
pub fn compare(seen: &[String], promised: &[&str], extra: &[&str]) -> Result<(), String> {
    let mut promised = promised.iter().peekable();
    for line in seen
        .iter()
        .map(|line| line.trim_end())
        .filter(|line| !line.is_empty())
    {
        match promised.peek() {
            Some(next) if matches(next, line) => {
                promised.next();
            }
            _ if extra.iter().any(|pattern| matches(pattern, line)) => {}
            next => {
                return Err(format!(
                    "{line:?} instead of {next:?} in:\n{}",
                    seen.join("\n")
                ));
            }
        }
    }
    match promised.next() {
        Some(missing) => Err(format!("{missing:?} is missing in:\n{}", seen.join("\n"))),
        None => Ok(()),
    }
}

fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == line;
    };
    let Some(mut left) = line.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn promised_lines_with_listed_extras_between_them_pass() {
        let screen = seen(&["one", "", "# remark 7", "port 1990!", "two"]);
        assert_eq!(
            compare(&screen, &["one", "port *!", "two"], &["# remark *"]),
            Ok(())
        );
    }

    #[test]
    fn a_missing_a_changed_and_an_unlisted_line_are_found() {
        let screen = seen(&["one", "two"]);
        assert!(compare(&screen, &["one", "two", "three"], &[]).is_err());
        assert!(compare(&screen, &["one", "Two"], &[]).is_err());
        assert!(compare(&screen, &["one"], &[]).is_err());
        assert!(compare(&screen, &["two", "one"], &[]).is_err());
    }

    #[test]
    fn a_star_stands_for_any_text_and_nothing_else_does() {
        assert!(matches(
            "Connected ('127.0.0.1', *)",
            "Connected ('127.0.0.1', 56686)"
        ));
        assert!(matches("a*b*c", "a12b34c"));
        assert!(!matches("a*b*c", "a12c34b"));
        assert!(!matches("a*c", "xa1c"));
        assert!(!matches("abc", "abcd"));
    }
}
