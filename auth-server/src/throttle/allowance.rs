use common::identity::Alias;
use time::Duration;

use crate::store::Allowance;

/// What one member may do of each kind in an hour, so that nobody fills the audit log: two entries a
/// minute. It is as often as the ledger gives one person certificates, and far above what people do.
const MEMBER_ACTS: u32 = 120;
/// The hour.
pub(super) const MEMBER_PERIOD: Duration = Duration::hours(1);

/// For what a right password does: a login, a change of password, and either refused behind it.
pub(super) fn of_password(member: &Alias) -> Allowance {
    of("password", member)
}

/// For changes of what a member tells of himself: a kind of its own, so that who has a stolen device
/// keeps nobody from logging in.
pub fn of_details(member: &Alias) -> Allowance {
    of("details", member)
}

fn of(kind: &str, member: &Alias) -> Allowance {
    Allowance {
        subject: format!("{kind} {member}"),
        most: MEMBER_ACTS,
        period: MEMBER_PERIOD,
    }
}
