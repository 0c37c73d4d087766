//! Bytes in, messages out (WHATWG HTML, 9.2.6), within bounds: whoever sends them, little is kept.

/// Bytes of one line. The longest event tells of a device that is online: the 8 KiB that it may
/// announce, and who it is.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Bytes of all data of one message.
const MAX_DATA_BYTES: usize = 64 * 1024;

/// Bytes that some editors put before a text; skipped at the beginning of a stream.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a stream is given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseError {
    /// A line or a message over its limit.
    #[error("more than {limit} bytes without an end")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("not a text")]
    NotText,
}

/// A message with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The number told last, by this message or an earlier one.
    pub(super) id: Option<u64>,
    /// Its kind; empty when it told none.
    pub(super) kind: String,
    /// Its data, without the last line break.
    pub(super) data: String,
}

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    is_under_way: bool,
    id: Option<u64>,
    kind: String,
    data: String,
}

impl Parser {
    /// Takes the next bytes and adds the messages that they complete to `messages`.
    ///
    /// # Errors
    /// When a bound is passed or the bytes are no text. The stream is of no more use.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        messages: &mut Vec<Message>,
    ) -> Result<(), ParseError> {
        for byte in bytes {
            let second_of_two = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if second_of_two => {}
                b'\n' | b'\r' => messages.extend(self.end_line()?),
                _ if self.line.len() >= MAX_LINE_BYTES => {
                    return Err(ParseError::TooLong {
                        limit: MAX_LINE_BYTES,
                    });
                }
                other => self.line.push(*other),
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Message>, ParseError> {
        let line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.is_under_way, true);
        let line = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if first => rest,
            _ => line.as_slice(),
        };
        let line = std::str::from_utf8(line).map_err(|_| ParseError::NotText)?;
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        self.take(field, value.strip_prefix(' ').unwrap_or(value))?;
        Ok(None)
    }

    /// A line without a field name is a comment; unknown fields are ignored.
    fn take(&mut self, field: &str, value: &str) -> Result<(), ParseError> {
        match field {
            "event" => value.clone_into(&mut self.kind),
            "id" => self.id = number(value).or(self.id),
            "data" if self.data.len() + value.len() >= MAX_DATA_BYTES => {
                return Err(ParseError::TooLong {
                    limit: MAX_DATA_BYTES,
                });
            }
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            _ => {}
        }
        Ok(())
    }

    /// A message without data is none.
    fn dispatch(&mut self) -> Option<Message> {
        let kind = std::mem::take(&mut self.kind);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        Some(Message {
            id: self.id,
            kind,
            data,
        })
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Result<Vec<Message>, ParseError> {
        let mut messages = Vec::new();
        Parser::default().push(bytes, &mut messages)?;
        Ok(messages)
    }

    fn message(id: u64, kind: &str, data: &str) -> Message {
        Message {
            id: Some(id),
            kind: kind.into(),
            data: data.into(),
        }
    }

    const STREAM: &[u8] = b"id: 7\nevent: hello\ndata: {\"crl\":1}\n\n:\n\nid: 8\r\nevent: crl\r\ndata: {\"number\":2}\r\n\r\nevent:crl\rdata:a\rdata: b\r\r";

    fn expected() -> Vec<Message> {
        vec![
            message(7, "hello", "{\"crl\":1}"),
            message(8, "crl", "{\"number\":2}"),
            message(8, "crl", "a\nb"),
        ]
    }

    #[test]
    fn messages_are_read_with_every_kind_of_line_end() {
        assert_eq!(parsed(STREAM).unwrap(), expected());
    }

    #[test]
    fn messages_survive_any_cutting() {
        for cut in 0..STREAM.len() {
            let (mut parser, mut messages) = (Parser::default(), Vec::new());
            parser.push(&STREAM[..cut], &mut messages).unwrap();
            parser.push(&STREAM[cut..], &mut messages).unwrap();
            assert_eq!(messages, expected(), "cut at {cut}");
        }
    }

    #[test]
    fn comments_unknown_fields_and_messages_without_data_say_nothing() {
        for stream in [
            &b": heartbeat\n\n"[..],
            b"retry: 5\n\n",
            b"event: crl\n\n",
            b"id: 5\n\n",
            b"nonsense\n\n",
            b"data: unfinished\n",
            b"\n\n\n",
        ] {
            assert_eq!(parsed(stream).unwrap(), [], "{stream:?}");
        }
        // What a message without data said is forgotten, but for the number.
        let after = parsed(b"id: 5\nevent: a\n\ndata: b\n\n").unwrap();
        assert_eq!(after, [message(5, "", "b")]);
    }

    #[test]
    fn a_number_that_is_none_leaves_the_last_one() {
        for odd in ["", "-1", "+1", "0x1", "1 ", "18446744073709551616", "\0"] {
            let stream = format!("id: 4\ndata: a\n\nid:{odd}\ndata: b\n\n");
            let last = parsed(stream.as_bytes()).unwrap().pop().unwrap();
            assert_eq!(last.id, Some(4), "{odd:?}");
        }
    }

    #[test]
    fn a_mark_of_the_byte_order_counts_only_at_the_beginning() {
        assert_eq!(parsed(b"\xef\xbb\xbfdata: a\n\n").unwrap().len(), 1);
        assert_eq!(parsed(b"\n\xef\xbb\xbfdata: a\n\n").unwrap().len(), 0);
    }

    #[test]
    fn a_line_or_message_without_end_is_given_up() {
        let too_long = |limit| Err(ParseError::TooLong { limit });
        assert_eq!(
            parsed(&vec![b'a'; MAX_LINE_BYTES + 1]),
            too_long(MAX_LINE_BYTES)
        );
        assert_eq!(
            parsed(&b"data: abcdefgh\n".repeat(MAX_DATA_BYTES / 8)),
            too_long(MAX_DATA_BYTES)
        );
        // Comments without end cost nothing.
        assert_eq!(parsed(&b":\n\n".repeat(MAX_DATA_BYTES)), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_text_is_given_up() {
        assert_eq!(parsed(b"data: \xff\n\n"), Err(ParseError::NotText));
    }
}
