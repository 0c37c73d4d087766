//! Administration on another machine, through the `/admin` routes of its auth server.

mod client;
mod device_files;
mod refused;
mod server_url;
mod unreachable;

use client::{Call, CallError, Client};
use common::identity::{Alias, OrgRoot};
pub use device_files::DeviceFiles;
use root_ca::Serial;
use serde::de::DeserializeOwned;
pub use server_url::{ServerUrl, ServerUrlError};
use ureq::http::Method;

use super::wire::{
    AuditQuery, CertificateQuery, Changed, MAX_CERTIFICATES, MAX_LISTED, NewUser, PerhapsRevoked,
    Revoke, Revoked, SetPassword, SetRole, Told,
};
use super::{
    AdminError, Administration, Answer, CertificateView, GivenReason, GivenRole, Imported,
    NewPassword, Newcomer, OneTimePassword, UserView,
};
use crate::audit::AuditPage;
use crate::failure::Failure;
use crate::options::needs_the_machine;
use crate::store::{CertificateFilter, LastCrl};
use refused::Refused;

/// Administration with the certificate of an administrator's device.
#[derive(Debug)]
pub struct Remote {
    client: Client,
}

impl Remote {
    /// Administers the organisation of `root` at `server`, with the device's key and certificate.
    ///
    /// # Errors
    /// When the device has none that is valid.
    pub fn open(server: ServerUrl, device: &DeviceFiles, root: &OrgRoot) -> Result<Self, Failure> {
        let identity = device.identity(root)?;
        Ok(Self {
            client: Client::new(server, root, &identity),
        })
    }

    /// Works off the threads that wait for signals and terminals.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Client) -> Result<T, CallError> + Send + 'static,
        refused: impl FnOnce(Refused) -> AdminError,
    ) -> Result<T, AdminError> {
        let client = self.client.clone();
        let done = tokio::task::spawn_blocking(move || work(&client)).await;
        done.map_err(|error| AdminError::Remote(Failure::other(error.to_string())))?
            .map_err(|error| match error {
                CallError::Refused(answer) => refused(answer),
                CallError::Failed(failure) => AdminError::Remote(failure),
            })
    }

    async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
        refused: impl FnOnce(Refused) -> AdminError,
    ) -> Result<T, AdminError> {
        self.work(move |client| client.call(call), refused).await
    }

    /// Gives an order about a person: whether it had to be carried out.
    async fn changed(&self, alias: &Alias, order: &str) -> Result<bool, AdminError> {
        let call = Call::post(user(alias, order));
        let done: Changed = self.ask(call, |no| no.about_user(alias)).await?;
        Ok(done.changed)
    }
}

/// The resource of a person. An alias has no character that means anything in a path.
fn user(alias: &Alias, more: &str) -> String {
    format!("/admin/users/{alias}{more}")
}

impl From<Failure> for AdminError {
    fn from(failure: Failure) -> Self {
        Self::Remote(failure)
    }
}

impl Administration for Remote {
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a GivenRole,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>> {
        Box::pin(async move {
            let new = NewUser {
                alias: alias.clone(),
                role: role.role.clone(),
                new_role: role.may_be_new,
                password,
            };
            let call = Call::post("/admin/users").json(&new)?;
            let told: Told = self.ask(call, |no| no.about_user(alias)).await?;
            Ok(told.one_time_password)
        })
    }

    fn users(&self) -> Answer<'_, Vec<UserView>> {
        Box::pin(self.ask(Call::get("/admin/users"), Refused::about_anything))
    }

    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, UserView> {
        Box::pin(self.ask(Call::get(user(alias, "")), |no| no.about_user(alias)))
    }

    fn set_password<'a>(
        &'a self,
        alias: &'a Alias,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>> {
        Box::pin(async move {
            let call =
                Call::new(Method::PUT, user(alias, "/password")).json(&SetPassword { password })?;
            let told: Told = self.ask(call, |no| no.about_user(alias)).await?;
            Ok(told.one_time_password)
        })
    }

    fn set_role<'a>(&'a self, alias: &'a Alias, role: &'a GivenRole) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let order = SetRole {
                role: role.role.clone(),
                new_role: role.may_be_new,
            };
            let call = Call::new(Method::PUT, user(alias, "/role")).json(&order)?;
            let done: PerhapsRevoked = self.ask(call, |no| no.about_user(alias)).await?;
            Ok(done.revoked)
        })
    }

    fn enable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, bool> {
        Box::pin(self.changed(alias, "/enable"))
    }

    fn disable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let call = Call::post(user(alias, "/disable"));
            let done: PerhapsRevoked = self.ask(call, |no| no.about_user(alias)).await?;
            Ok(done.revoked)
        })
    }

    fn revoke_user<'a>(&'a self, alias: &'a Alias, reason: GivenReason) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let call = Call::post(user(alias, "/revoke")).json(&Revoke::new(reason))?;
            let done: PerhapsRevoked = self.ask(call, |no| no.about_user(alias)).await?;
            Ok(done.revoked)
        })
    }

    fn unlock<'a>(&'a self, alias: &'a Alias) -> Answer<'a, bool> {
        Box::pin(self.changed(alias, "/unlock"))
    }

    fn remove<'a>(&'a self, alias: &'a Alias) -> Answer<'a, u64> {
        Box::pin(async move {
            let call = Call::new(Method::DELETE, user(alias, ""));
            let done: Revoked = self.ask(call, |no| no.about_user(alias)).await?;
            Ok(done.revoked)
        })
    }

    fn certificates<'a>(
        &'a self,
        filter: &'a CertificateFilter,
    ) -> Answer<'a, Vec<CertificateView>> {
        Box::pin(async move {
            if filter.limit > MAX_CERTIFICATES {
                let most = format!("--limit is at most {MAX_LISTED} over the network");
                return Err(Failure::usage(most).into());
            }
            let query = CertificateQuery {
                alias: filter.alias.clone(),
                role: filter.role.clone(),
                device_of: filter.device_of,
                ends_after: filter.ends_after,
                ends_before: filter.ends_before,
                revoked: filter.revoked,
                limit: filter.limit,
            };
            let call = Call::get("/admin/certificates").query(&query)?;
            self.ask(call, Refused::about_anything).await
        })
    }

    fn certificate<'a>(&'a self, serial: &'a Serial) -> Answer<'a, CertificateView> {
        let call = Call::get(format!("/admin/certificates/{serial}"));
        Box::pin(self.ask(call, |no| no.about_certificate(serial)))
    }

    fn revoke_device<'a>(
        &'a self,
        serial: &'a Serial,
        reason: GivenReason,
    ) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let path = format!("/admin/certificates/{serial}/revoke");
            let call = Call::post(path).json(&Revoke::new(reason))?;
            let no = |no: Refused| no.about_certificate(serial);
            let done: PerhapsRevoked = self.ask(call, no).await?;
            Ok(done.revoked)
        })
    }

    fn import<'a>(&'a self, _: &'a [Newcomer]) -> Answer<'a, Vec<Imported>> {
        Box::pin(async { Err(AdminError::Remote(needs_the_machine())) })
    }

    fn last_crl(&self) -> Answer<'_, Option<LastCrl>> {
        Box::pin(async { Err(AdminError::Remote(needs_the_machine())) })
    }

    fn audit(&self, after: u64, limit: u32) -> Answer<'_, AuditPage> {
        Box::pin(async move {
            let call = Call::get("/admin/audit").query(&AuditQuery { after, limit })?;
            let page: AuditPage = self.ask(call, Refused::about_anything).await?;
            // Whoever reads page by page comes to an end.
            let rises = page
                .entries
                .iter()
                .try_fold(after, |last, entry| (entry.seq > last).then_some(entry.seq));
            match rises {
                Some(_) => Ok(page),
                None => Err(self.client.nonsense().into()),
            }
        })
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
