use serde::Deserialize;

use super::online::Online;

/// What the auth server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first of every stream: the number of the revocation list that is served.
    Hello {
        /// That number.
        crl: u64,
    },
    /// A newer revocation list is served.
    Crl {
        /// Its number.
        number: u64,
    },
    /// Something about a person changed.
    Person {
        /// Whom.
        alias: String,
        /// What: `role`, `disabled`, ...
        change: String,
    },
    /// A device can be asked for files.
    Online(Online),
    /// A device cannot any more.
    Offline {
        /// Whose.
        alias: String,
        /// Which.
        device: String,
    },
    /// Events were missed: what was known of who is online is void.
    Reset,
}

#[derive(Deserialize)]
struct Hello {
    crl: u64,
}

#[derive(Deserialize)]
struct Crl {
    number: u64,
}

#[derive(Deserialize)]
struct Person {
    alias: String,
    change: String,
}

#[derive(Deserialize)]
struct Offline {
    alias: String,
    device: String,
}

impl Event {
    /// Reads an event of that kind; `None` for kinds that this version does not know.
    ///
    /// # Errors
    /// When the data is not of the form that its kind has.
    pub(super) fn read(kind: &str, data: &str) -> Result<Option<Self>, serde_json::Error> {
        let event = match kind {
            "hello" => {
                let Hello { crl } = serde_json::from_str(data)?;
                Self::Hello { crl }
            }
            "crl" => {
                let Crl { number } = serde_json::from_str(data)?;
                Self::Crl { number }
            }
            "person" => {
                let Person { alias, change } = serde_json::from_str(data)?;
                Self::Person { alias, change }
            }
            "online" => Self::Online(serde_json::from_str(data)?),
            "offline" => {
                let Offline { alias, device } = serde_json::from_str(data)?;
                Self::Offline { alias, device }
            }
            "reset" => Self::Reset,
            _ => return Ok(None),
        };
        Ok(Some(event))
    }

    /// The number of the revocation list that the server is known to have by now.
    pub fn crl_number(&self) -> Option<u64> {
        match self {
            Self::Hello { crl } => Some(*crl),
            Self::Crl { number } => Some(*number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_unknown_kinds_and_fields_are_passed_over() {
        for (kind, data, expected) in [
            ("hello", "{\"crl\":5}", Some(Event::Hello { crl: 5 })),
            (
                "crl",
                "{\"number\":6,\"new\":[1]}",
                Some(Event::Crl { number: 6 }),
            ),
            (
                "person",
                "{\"alias\":\"bob\",\"change\":\"role\"}",
                Some(Event::Person {
                    alias: "bob".into(),
                    change: "role".into(),
                }),
            ),
            (
                "offline",
                "{\"alias\":\"bob\",\"device\":\"0a\"}",
                Some(Event::Offline {
                    alias: "bob".into(),
                    device: "0a".into(),
                }),
            ),
            ("reset", "{}", Some(Event::Reset)),
            ("weather", "{}", None),
            ("", "text", None),
        ] {
            assert_eq!(Event::read(kind, data).unwrap(), expected, "{kind}");
        }
    }

    #[test]
    fn an_event_of_another_form_is_none() {
        for (kind, data) in [
            ("hello", "{}"),
            ("hello", "{\"crl\":-1}"),
            ("crl", "{\"number\":\"6\"}"),
            ("crl", "{\"number\":18446744073709551616}"),
            ("crl", "7"),
            ("person", "{\"alias\":\"bob\"}"),
            ("online", "{\"alias\":\"bob\",\"device\":\"0a\"}"),
            ("offline", "[]"),
            ("crl", &"[".repeat(10_000)),
        ] {
            assert!(Event::read(kind, data).is_err(), "{kind} {data}");
        }
    }
}
