use common::identity::{Alias, DeviceName, Role};
use root_ca::Serial;
use time::OffsetDateTime;

use crate::device::Device;

/// A device that listens or announces itself, as certificate and ledger know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The person.
    pub alias: Alias,
    /// What the person may do, as the store has it.
    pub role: Role,
    /// The first certificate of the device's line, by which it goes.
    pub device: Serial,
    /// What the device said that it is called.
    pub name: Option<DeviceName>,
    /// The certificate that it showed.
    pub serial: Serial,
    /// When that one ends.
    pub not_after: OffsetDateTime,
}

impl From<&Device> for Who {
    fn from(device: &Device) -> Self {
        Self {
            alias: device.alias().clone(),
            role: device.role().clone(),
            device: device.line(),
            name: device.name().cloned(),
            serial: device.serial(),
            not_after: device.not_after(),
        }
    }
}
