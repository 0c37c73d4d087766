use common::identity::{Alias, DeviceName};
use root_ca::Serial;

use crate::throttle::Source;

/// Who does something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    source: String,
    device_name: Option<DeviceName>,
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
            device_name: None,
            right: Right::Machine,
        }
    }

    /// The server itself, which orders nothing.
    pub fn server() -> Self {
        Self {
            name: "auth-server".into(),
            source: "-".into(),
            device_name: None,
            right: Right::Nothing,
        }
    }

    /// A member who has proved to be one by a password.
    pub fn member(alias: &Alias, source: Source) -> Self {
        Self {
            name: alias.to_string(),
            source: source.to_string(),
            device_name: None,
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
            device_name: None,
            right: Right::Nothing,
        }
    }

    /// The same, on a device that says that it is called so.
    #[must_use]
    pub fn on(self, device_name: Option<DeviceName>) -> Self {
        Self {
            device_name,
            ..self
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

    /// What the device says that it is called, if it says so.
    pub fn device_name(&self) -> Option<&DeviceName> {
        self.device_name.as_ref()
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
