//! Each kind of event, and its words: server-sent events as the WHATWG's HTML standard has them (9.2).

use axum::body::Bytes;
use common::identity::Alias;
use serde_json::json;

use super::person::Change;
use crate::presence::Gone;

/// Between two events on a quiet stream, so that both sides notice a dead connection.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The beginning of a stream: the number of the list that is served.
    Hello { crl: u64 },
    /// What was known of who is online is void.
    Reset,
    /// A newer list is served.
    Crl { number: u64 },
    /// Something about a person changed.
    Person { alias: Alias, change: Change },
    /// A device is online, or what it offers changed: its entry in JSON.
    Online { entry: String },
    /// A device is online no more.
    Offline(Gone),
}

impl Event {
    /// Its word.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Reset => "reset",
            Self::Crl { .. } => "crl",
            Self::Person { .. } => "person",
            Self::Online { .. } => "online",
            Self::Offline(_) => "offline",
        }
    }

    /// Whose devices alone are told, if not everybody's: that a one-time password waits somewhere is
    /// nobody else's affair.
    pub(super) fn only_for(&self) -> Option<&Alias> {
        match self {
            Self::Person { alias, change } if change.is_private() => Some(alias),
            _ => None,
        }
    }

    fn data(&self) -> String {
        match self {
            Self::Hello { crl } => json!({ "crl": crl }).to_string(),
            Self::Reset => json!({}).to_string(),
            Self::Crl { number } => json!({ "number": number }).to_string(),
            Self::Person { alias, change } => {
                json!({ "alias": alias.as_str(), "change": change.as_str() }).to_string()
            }
            Self::Online { entry } => entry.clone(),
            Self::Offline(gone) => {
                json!({ "alias": gone.alias.as_str(), "device": gone.device.to_string() })
                    .to_string()
            }
        }
    }

    /// As it is sent before its turn, without a number: the one before stays the last that was read.
    pub(super) fn urgent_text(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.kind(), self.data())
    }

    /// As it is sent, under that number. JSON has no line breaks, so that nothing in it ends an event.
    pub(super) fn text(&self, id: u64) -> String {
        format!(
            "id: {id}\nevent: {}\ndata: {}\n\n",
            self.kind(),
            self.data()
        )
    }
}

#[cfg(test)]
mod tests {
    use root_ca::Serial;

    use super::*;

    #[test]
    fn every_event_is_one_number_one_word_and_one_line_of_json() {
        let alias: Alias = "alice".parse().unwrap();
        let device = Serial::from_bytes(&[0x41; 16]).unwrap();
        let entry = json!({ "shares": ["a\nevent: crl\n\n"] }).to_string();
        for (event, kind) in [
            (Event::Hello { crl: 7 }, "hello"),
            (Event::Reset, "reset"),
            (Event::Crl { number: 8 }, "crl"),
            (
                Event::Person {
                    alias: alias.clone(),
                    change: Change::Revoked,
                },
                "person",
            ),
            (Event::Online { entry }, "online"),
            (Event::Offline(Gone { alias, device }), "offline"),
        ] {
            let text = event.text(42);
            let lines: Vec<&str> = text.split('\n').collect();
            assert_eq!(lines.len(), 5, "{text}");
            assert_eq!(lines[..2], ["id: 42", &format!("event: {kind}")]);
            let data = lines[2].strip_prefix("data: ").unwrap();
            assert!(
                serde_json::from_str::<serde_json::Value>(data)
                    .unwrap()
                    .is_object()
            );
            assert_eq!(lines[3..], ["", ""]);
        }
    }
}
