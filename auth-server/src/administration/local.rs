use std::sync::Arc;

use common::identity::{Alias, Role};
use root_ca::{RevocationReason, Serial};
use time::{Duration, OffsetDateTime};

use super::{
    AdminError, Administration, Answer, CertificateView, Imported, NewPassword, Newcomer,
    OneTimePassword, UserView,
};
use crate::audit::{Actor, AuditPage};
use crate::details;
use crate::password::{self, PasswordError, PasswordQueue};
use crate::store::{CertificateFilter, LastCrl, NewUser, Password, Store, StoreError};

/// How long a one-time password may wait for its person: a week's absence.
const ONE_TIME_LIFE: Duration = Duration::days(7);

/// Administration on the store of this machine.
pub struct Local {
    store: Arc<dyn Store>,
    organisation: String,
    by: Actor,
    hashing: PasswordQueue,
}

impl Local {
    /// On behalf of `by`; `organisation` is a name that no password may consist of, and `hashing`
    /// the queue in which new passwords wait to be hashed.
    pub fn new(
        store: Arc<dyn Store>,
        organisation: &str,
        by: Actor,
        hashing: PasswordQueue,
    ) -> Self {
        Self {
            store,
            organisation: organisation.to_owned(),
            by,
            hashing,
        }
    }

    /// For whoever may use the server's folder on its machine.
    pub fn console(store: Arc<dyn Store>, organisation: &str) -> Self {
        Self::new(store, organisation, Actor::console(), PasswordQueue::new(1))
    }

    async fn prepare(
        &self,
        alias: &Alias,
        new: NewPassword,
    ) -> Result<(Password, Option<OneTimePassword>), AdminError> {
        match new {
            NewPassword::Chosen(secret) => {
                password::check_new(&secret, &[alias.as_str(), &self.organisation])?;
                Ok((Password::chosen(self.hashing.hash(secret).await?), None))
            }
            NewPassword::OneTime => {
                let (password, secret) = self.one_time().await?;
                Ok((password, Some(secret)))
            }
        }
    }

    async fn one_time(&self) -> Result<(Password, OneTimePassword), PasswordError> {
        let secret = password::random()?;
        let password = Password {
            hash: self.hashing.hash(secret.clone()).await?,
            one_time_until: Some(OffsetDateTime::now_utc() + ONE_TIME_LIFE),
        };
        Ok((password, secret))
    }
}

impl Administration for Local {
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a Role,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>> {
        Box::pin(async move {
            let (password, told) = self.prepare(alias, password).await?;
            let now = OffsetDateTime::now_utc();
            self.store
                .add_user(alias, role, &password, &self.by, now)
                .await?;
            Ok(told)
        })
    }

    fn import<'a>(&'a self, people: &'a [Newcomer]) -> Answer<'a, Vec<Imported>> {
        Box::pin(async move {
            let (mut users, mut imported) = (Vec::new(), Vec::new());
            for person in people {
                let details = details::checked(&person.display_name, &person.email)?;
                let (password, secret) = self.one_time().await?;
                users.push(NewUser {
                    alias: person.alias.clone(),
                    role: person.role.clone(),
                    password,
                    details,
                });
                imported.push(Imported {
                    alias: person.alias.clone(),
                    password: secret,
                });
            }
            let now = OffsetDateTime::now_utc();
            self.store.add_users(&users, &self.by, now).await?;
            Ok(imported)
        })
    }

    fn users(&self) -> Answer<'_, Vec<UserView>> {
        Box::pin(async move {
            let users = self.store.users().await?;
            Ok(users.into_iter().map(UserView::from).collect())
        })
    }

    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, UserView> {
        Box::pin(async move {
            let user = self.store.user(alias).await?;
            let user = user.ok_or_else(|| StoreError::NoSuchUser {
                alias: alias.clone(),
            })?;
            Ok(user.into())
        })
    }

    fn set_password<'a>(
        &'a self,
        alias: &'a Alias,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>> {
        Box::pin(async move {
            let (password, told) = self.prepare(alias, password).await?;
            let now = OffsetDateTime::now_utc();
            self.store
                .set_password(alias, &password, &self.by, now)
                .await?;
            Ok(told)
        })
    }

    fn set_role<'a>(&'a self, alias: &'a Alias, role: &'a Role) -> Answer<'a, u64> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.set_role(alias, role, &self.by, now).await?)
        })
    }

    fn enable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, ()> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.enable(alias, &self.by, now).await?)
        })
    }

    fn disable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, u64> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.disable(alias, &self.by, now).await?)
        })
    }

    fn revoke_user<'a>(&'a self, alias: &'a Alias, reason: RevocationReason) -> Answer<'a, u64> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.revoke_user(alias, reason, &self.by, now).await?)
        })
    }

    fn unlock<'a>(&'a self, alias: &'a Alias) -> Answer<'a, ()> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.unlock(alias, &self.by, now).await?)
        })
    }

    fn remove<'a>(&'a self, alias: &'a Alias) -> Answer<'a, u64> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.remove(alias, &self.by, now).await?)
        })
    }

    fn certificates<'a>(
        &'a self,
        filter: &'a CertificateFilter,
    ) -> Answer<'a, Vec<CertificateView>> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            let found = self.store.certificates(filter).await?;
            Ok(found
                .into_iter()
                .map(|record| CertificateView::of(record, now))
                .collect())
        })
    }

    fn certificate<'a>(&'a self, serial: &'a Serial) -> Answer<'a, CertificateView> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            let found = self.store.certificate(serial).await?;
            let record = found.ok_or(StoreError::NoSuchCertificate { serial: *serial })?;
            Ok(CertificateView::of(record, now))
        })
    }

    fn revoke_device<'a>(
        &'a self,
        serial: &'a Serial,
        reason: RevocationReason,
    ) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let now = OffsetDateTime::now_utc();
            Ok(self.store.revoke(serial, reason, &self.by, now).await?)
        })
    }

    fn last_crl(&self) -> Answer<'_, Option<LastCrl>> {
        Box::pin(async move { Ok(self.store.last_crl().await?) })
    }

    fn audit(&self, after: u64, limit: u32) -> Answer<'_, AuditPage> {
        Box::pin(async move { Ok(self.store.audit_page(after, limit).await?) })
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move { Ok(self.store.close().await?) })
    }
}
