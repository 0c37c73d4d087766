use common::identity::Alias;
use root_ca::Serial;

use crate::throttle::Source;

/// Who does something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    source: String,
    right: Right,
}

/// What the orders of an actor stand on. The store looks it up in the transaction that carries an
/// order out, so that no order outlives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing: no order is carried out.
    Nothing,
    /// A certificate whose holder is an administrator at that moment.
    Certificate(Serial),
    /// The server's folder: whoever may write there needs nobody's leave.
    Machine,
}

impl Actor {
    /// Whoever may use the server's folder on its machine.
    pub fn console() -> Self {
        let uid = rustix::process::getuid().as_raw();
        Self {
            name: format!("uid {uid}"),
            source: "console".into(),
            right: Right::Machine,
        }
    }

    /// The server itself, which orders nothing.
    pub fn server() -> Self {
        Self {
            name: "auth-server".into(),
            source: "-".into(),
            right: Right::Nothing,
        }
    }

    /// A member who has proved to be one by a password.
    pub fn member(alias: &Alias, source: Source) -> Self {
        Self {
            name: alias.to_string(),
            source: source.to_string(),
            right: Right::Nothing,
        }
    }

    /// A member whose device has proved to be his by that certificate.
    pub fn device(alias: &Alias, source: Source, certificate: Serial) -> Self {
        Self {
            right: Right::Certificate(certificate),
            ..Self::member(alias, source)
        }
    }

    /// Somebody who has proved nothing.
    pub fn stranger(source: Source) -> Self {
        Self {
            name: "-".into(),
            source: source.to_string(),
            right: Right::Nothing,
        }
    }

    /// The name, `-` for a stranger.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the orders of this actor stand on.
    pub fn right(&self) -> Right {
        self.right
    }

    /// Whether this is a device of that member.
    pub fn is_device_of(&self, alias: &Alias) -> bool {
        matches!(self.right, Right::Certificate(_)) && self.name == alias.as_str()
    }
}
