//! Where a command administers.

use std::sync::Arc;

use crate::administration::{Administration, Local};
use crate::audit::Actor;
use crate::failure::Failure;
use crate::home::Home;
use crate::store::Store;

/// Where a command administers: the store of this machine.
pub struct Desk {
    organisation: String,
    administration: Box<dyn Administration>,
    store: Arc<dyn Store>,
}

impl Desk {
    /// Opens the store in that folder.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn open(home: &Home) -> Result<Self, Failure> {
        let root = home.root()?;
        let store = home.store(&root).await?;
        let local = Local::new(store.clone(), root.display_name(), Actor::console());
        Ok(Self {
            organisation: root.display_name().to_owned(),
            administration: Box::new(local),
            store,
        })
    }

    /// The organisation's name.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// What can be done here.
    pub fn administration(&self) -> &dyn Administration {
        self.administration.as_ref()
    }

    /// Lets go of the store.
    ///
    /// # Errors
    /// When it fails.
    pub async fn close(self) -> Result<(), Failure> {
        Ok(self.store.close().await?)
    }
}
