use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use common::identity::{Alias, Role};
use root_ca::Serial;
use secrecy::SecretString;
use time::{Duration, OffsetDateTime};

use super::{
    AdminError, Administration, Answer, CertificateView, GivenReason, GivenRole, Imported,
    NewPassword, Newcomer, OneTimePassword, UserView,
};
use crate::audit::{Action, Actor, AuditPage, Event};
use crate::denials::Denials;
use crate::details;
use crate::password::{self, PasswordError, PasswordQueue};
use crate::store::{CertificateFilter, LastCrl, NewUser, Password, Store, StoreError, UserChange};

/// How long a one-time password may wait for its person: a week's absence.
const ONE_TIME_LIFE: Duration = Duration::days(7);

/// Administration on the store of this machine.
pub struct Local {
    store: Arc<dyn Store>,
    organisation: String,
    by: Actor,
    hashing: PasswordQueue,
    denials: Denials,
}

impl Local {
    /// On behalf of `by`; `organisation` is a name that no password may consist of, `hashing` the
    /// queue in which new passwords wait to be hashed, and `denials` bounds what is told of orders
    /// that are refused.
    pub fn new(
        store: Arc<dyn Store>,
        organisation: &str,
        by: Actor,
        hashing: PasswordQueue,
        denials: Denials,
    ) -> Self {
        Self {
            store,
            organisation: organisation.to_owned(),
            by,
            hashing,
            denials,
        }
    }

    /// For whoever may use the server's folder on its machine.
    pub fn console(store: Arc<dyn Store>, organisation: &str) -> Self {
        let hashing = PasswordQueue::new(1);
        Self::new(
            store,
            organisation,
            Actor::console(),
            hashing,
            Denials::default(),
        )
    }

    /// Carries an order out. If it is refused, the audit log is told what was to be done to whom,
    /// and why it was not.
    async fn order<T>(
        &self,
        action: Action,
        object: String,
        work: impl Future<Output = Result<T, AdminError>>,
    ) -> Result<T, AdminError> {
        let done = work.await;
        if let Err(error) = &done
            && let Some(why) = error.refusal()
        {
            self.tell(action, object, why).await;
        }
        done
    }

    async fn tell(&self, action: Action, object: String, why: &str) {
        let who = self.by.name();
        let Some(outcome) = self.denials.outcome(who, why, Instant::now()) else {
            return;
        };
        let event = Event {
            by: &self.by,
            action,
            object,
            outcome: &outcome,
        };
        if let Err(error) = self.store.append(&event, OffsetDateTime::now_utc()).await {
            tracing::error!(%error, "the audit log could not be told of a refusal");
        }
    }

    /// Carries a change out: how many certificates it revoked; nothing when it changed nothing.
    async fn change(
        &self,
        alias: &Alias,
        change: UserChange<'_>,
    ) -> Result<Option<u64>, AdminError> {
        self.order(change.action(), change.object(alias), async {
            let now = OffsetDateTime::now_utc();
            let changed = self.store.change_user(alias, change, &self.by, now);
            Ok(changed.await?)
        })
        .await
    }

    async fn demand_roles(&self, roles: &[&GivenRole]) -> Result<(), AdminError> {
        let in_use: Vec<Role> = self.store.roles().await?;
        Ok(roles.iter().try_for_each(|role| role.check(&in_use))?)
    }

    async fn prepare(
        &self,
        alias: &Alias,
        new: NewPassword,
    ) -> Result<(Password, Option<OneTimePassword>), AdminError> {
        match new {
            NewPassword::Chosen(secret) => Ok((self.chosen(alias, secret).await?, None)),
            NewPassword::OneTime => {
                let (password, secret) = self.one_time().await?;
                Ok((password, Some(secret)))
            }
        }
    }

    async fn chosen(&self, alias: &Alias, secret: SecretString) -> Result<Password, AdminError> {
        password::check_new(&secret, &[alias.as_str(), &self.organisation])?;
        Ok(Password::chosen(self.hashing.hash(secret).await?))
    }

    async fn one_time(&self) -> Result<(Password, OneTimePassword), PasswordError> {
        let secret = password::random()?;
        let password = Password {
            hash: self.hashing.hash(secret.clone()).await?,
            one_time_until: Some(OffsetDateTime::now_utc() + ONE_TIME_LIFE),
        };
        Ok((password, secret))
    }

    async fn newcomer(&self, person: &Newcomer) -> Result<(NewUser, Imported), AdminError> {
        let details = details::checked(&person.display_name, &person.email)?;
        let (password, secret) = self.one_time().await?;
        let alias = person.alias.clone();
        let user = NewUser {
            alias: alias.clone(),
            role: person.role.role.clone(),
            password,
            details,
        };
        let password = secret;
        Ok((user, Imported { alias, password }))
    }
}

impl Administration for Local {
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a GivenRole,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>> {
        let object = format!("{alias} as {}", role.role);
        Box::pin(self.order(Action::AddUser, object, async move {
            self.demand_roles(&[role]).await?;
            let (password, told) = self.prepare(alias, password).await?;
            let now = OffsetDateTime::now_utc();
            self.store
                .add_user(alias, &role.role, &password, &self.by, now)
                .await?;
            Ok(told)
        }))
    }

    fn import<'a>(&'a self, people: &'a [Newcomer]) -> Answer<'a, Vec<Imported>> {
        let object = format!("{} people", people.len());
        Box::pin(self.order(Action::AddUser, object, async move {
            let roles: Vec<&GivenRole> = people.iter().map(|person| &person.role).collect();
            self.demand_roles(&roles).await?;
            let (mut users, mut imported) = (Vec::new(), Vec::new());
            for person in people {
                let (user, told) = self.newcomer(person).await?;
                users.push(user);
                imported.push(told);
            }
            let now = OffsetDateTime::now_utc();
            self.store.add_users(&users, &self.by, now).await?;
            Ok(imported)
        }))
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
        let prepared = self.order(Action::SetPassword, alias.to_string(), async move {
            // Whoever finds an administrator's device must not be able to take the account over.
            if self.by.is_device_of(alias) {
                return Err(AdminError::OwnPassword);
            }
            self.prepare(alias, password).await
        });
        Box::pin(async move {
            let (password, told) = prepared.await?;
            self.change(alias, UserChange::Password(&password)).await?;
            Ok(told)
        })
    }

    fn set_role<'a>(&'a self, alias: &'a Alias, role: &'a GivenRole) -> Answer<'a, Option<u64>> {
        let change = UserChange::Role(&role.role);
        Box::pin(async move {
            let object = change.object(alias);
            self.order(change.action(), object, self.demand_roles(&[role]))
                .await?;
            self.change(alias, change).await
        })
    }

    fn enable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.change(alias, UserChange::Enable).await?.is_some()) })
    }

    fn disable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<u64>> {
        Box::pin(self.change(alias, UserChange::Disable))
    }

    fn revoke_user<'a>(&'a self, alias: &'a Alias, reason: GivenReason) -> Answer<'a, Option<u64>> {
        Box::pin(self.change(alias, UserChange::Revoke(reason.get())))
    }

    fn unlock<'a>(&'a self, alias: &'a Alias) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.change(alias, UserChange::Unlock).await?.is_some()) })
    }

    fn remove<'a>(&'a self, alias: &'a Alias) -> Answer<'a, u64> {
        Box::pin(async move {
            let revoked = self.change(alias, UserChange::Remove).await?;
            Ok(revoked.unwrap_or_default())
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
        reason: GivenReason,
    ) -> Answer<'a, Option<u64>> {
        let object = format!("{serial} ({reason})");
        Box::pin(self.order(Action::RevokeCertificate, object, async move {
            let now = OffsetDateTime::now_utc();
            Ok(self
                .store
                .revoke(serial, reason.get(), &self.by, now)
                .await?)
        }))
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
