/// A vector: the lines of its file.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    lines: Vec<(&'static str, String)>,
}

pub(crate) fn vector(
    name: &'static str,
    kind: &'static str,
    expect: &str,
    comment: &str,
) -> Vector {
    Vector {
        name,
        lines: vec![
            ("comment", comment.to_owned()),
            ("kind", kind.to_owned()),
            ("expect", expect.to_owned()),
        ],
    }
}

impl Vector {
    pub(crate) fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.lines.push((key, value.to_string()));
        self
    }

    pub(crate) fn hex(self, key: &'static str, bytes: &[u8]) -> Self {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.with(key, hex)
    }

    pub(crate) fn text(&self) -> String {
        self.lines
            .iter()
            .map(|(key, value)| format!("{}\n", format!("{key}: {value}").trim_end()))
            .collect()
    }
}
