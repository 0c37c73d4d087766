//! Looks for IO, clocks and threads in a source text: a tokenizer just good enough for `use`.

/// Modules, crates and names that bring IO, a clock, threads or the environment into `common`.
const FORBIDDEN_IN_COMMON: [&str; 19] = [
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::io::*",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::*",
    "tokio",
    "mio",
    "rustix",
    "libc",
    "cap_std",
    "UnixTime::now",
];

/// Everything forbidden that a source text names, in the order of the lists.
pub(crate) fn impurities(source: &str) -> Vec<String> {
    let tokens = tokens(&code_only(source));
    let paths = paths(&tokens);
    let modules = FORBIDDEN_IN_COMMON.iter().filter(|forbidden| {
        let wanted: Vec<&str> = forbidden.split("::").collect();
        paths
            .iter()
            .any(|path| path.windows(wanted.len()).any(|part| part == wanted))
    });
    let macros = ["print", "println", "eprint", "eprintln"]
        .iter()
        .filter(|name| {
            tokens
                .windows(2)
                .any(|pair| pair[0] == **name && pair[1] == "!")
        });
    modules
        .map(ToString::to_string)
        .chain(macros.map(|name| format!("{name}!")))
        .collect()
}

/// The source with comments and literals blanked.
fn code_only(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let skipped = literal_or_comment(rest);
        if skipped > 0 {
            code.push(' ');
            rest = &rest[skipped..];
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    code
}

/// Length of the comment, string or character literal that the text begins with, or 0.
fn literal_or_comment(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => quoted(text, '\''),
        (Some('\''), Some(inner), Some('\'')) => 2 + inner.len_utf8(),
        _ => 0,
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == mark && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in code.chars() {
        let word = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if word && in_word => last.push(c),
            Some(last) if c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        in_word = word;
    }
    tokens
}

/// Every path of the code as a list of its parts, groups in braces expanded.
fn paths(tokens: &[String]) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    let mut prefixes: Vec<Vec<&str>> = Vec::new();
    let mut current: Vec<&str> = Vec::new();
    let mut joined = false;
    for token in tokens.iter().map(String::as_str) {
        match token {
            "::" => joined = true,
            "{" => prefixes.push(if joined {
                std::mem::take(&mut current)
            } else {
                Vec::new()
            }),
            "," | "}" | ";" => {
                paths.push(std::mem::take(&mut current));
                if token == "}" {
                    prefixes.pop();
                }
                joined = false;
            }
            part => {
                if !joined {
                    paths.push(std::mem::take(&mut current));
                    current = prefixes.concat();
                } else if current.is_empty() {
                    current = prefixes.concat();
                }
                current.push(part);
                joined = false;
            }
        }
        if token == "{" {
            joined = false;
        }
    }
    paths.push(current);
    paths
}
