//! Where a command administers.

use common::identity::OrgRoot;

use crate::administration::remote::{DeviceFiles, ServerUrl};
use crate::administration::{Administration, Local, Remote};
use crate::failure::Failure;
use crate::home::Home;
use crate::ui;

/// Where to administer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the store of this machine.
    Here(Home),
    /// At that server, as the member whose device this is.
    There(ServerUrl, DeviceFiles),
}

impl Place {
    /// The organisation, as this machine knows it.
    ///
    /// # Errors
    /// When it knows none.
    pub fn root(&self) -> Result<OrgRoot, Failure> {
        match self {
            Self::Here(home) => home.root(),
            Self::There(_, device) => device.root(),
        }
    }
}

/// An opened place.
pub struct Desk {
    root: OrgRoot,
    administration: Box<dyn Administration>,
    /// Whether this is a folder on which no server runs.
    is_silent: bool,
}

impl Desk {
    /// Opens the store, or takes up what the device proves itself with.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn open(place: Place) -> Result<Self, Failure> {
        let root = place.root()?;
        let is_silent = matches!(&place, Place::Here(home) if !home.is_served());
        let administration: Box<dyn Administration> = match place {
            Place::Here(home) => {
                let store = home.store(&root).await?;
                Box::new(Local::console(store, root.display_name()))
            }
            Place::There(server, device) => Box::new(Remote::open(server, &device, &root)?),
        };
        Ok(Self {
            root,
            administration,
            is_silent,
        })
    }

    /// The organisation's name, out of its root certificate.
    pub fn organisation(&self) -> &str {
        self.root.display_name()
    }

    /// The organisation's root.
    pub fn root(&self) -> &OrgRoot {
        &self.root
    }

    /// What can be done here.
    pub fn administration(&self) -> &dyn Administration {
        self.administration.as_ref()
    }

    /// Says when devices hear of what was revoked, if nobody tells them now.
    pub fn mention_silence(&self) {
        if self.is_silent {
            ui::message(
                "No server runs on this folder: devices hear of it when one starts: auth-server run",
            );
        }
    }

    /// Lets go of it.
    ///
    /// # Errors
    /// When it fails.
    pub async fn close(self) -> Result<(), Failure> {
        Ok(self.administration.close().await?)
    }
}
