use std::str::FromStr;

use root_ca::RevocationReason;

/// Why an administrator revokes: any reason but the one of a change of role, by which devices let what is
/// under way come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenReason(RevocationReason);

/// Nothing is revoked for what was given as a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// There is no such reason, or none that this authority uses.
    #[error(
        "a reason is one of unspecified, keyCompromise, superseded, cessationOfOperation and \
         privilegeWithdrawn"
    )]
    Unknown,
    /// It says that somebody has another role, and goes on.
    #[error(
        "affiliationChanged says that somebody has another role, and cuts nothing that is under way: \
         change the role instead (user role), or give another reason"
    )]
    RoleChange,
}

impl GivenReason {
    /// The reason as certificates are revoked for it.
    pub fn get(self) -> RevocationReason {
        self.0
    }
}

impl FromStr for GivenReason {
    type Err = ReasonError;

    fn from_str(name: &str) -> Result<Self, ReasonError> {
        match name.parse().map_err(|_| ReasonError::Unknown)? {
            RevocationReason::AffiliationChanged => Err(ReasonError::RoleChange),
            reason => Ok(Self(reason)),
        }
    }
}

impl std::fmt::Display for GivenReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_can_be_given_but_the_one_of_a_change_of_role() {
        for reason in RevocationReason::ALL {
            let given = reason.name().parse::<GivenReason>();
            let expected = match reason {
                RevocationReason::AffiliationChanged => Err(ReasonError::RoleChange),
                reason => Ok(reason),
            };
            assert_eq!(given.map(GivenReason::get), expected);
            let listed = ReasonError::Unknown.to_string().contains(reason.name());
            assert_eq!(listed, expected.is_ok(), "{reason}");
        }
        for other in ["", "lost", "AFFILIATION", "removeFromCRL"] {
            assert_eq!(other.parse::<GivenReason>(), Err(ReasonError::Unknown));
        }
        // Names are taken in any case, this one too.
        let shouted = "AFFILIATIONCHANGED".parse::<GivenReason>();
        assert_eq!(shouted, Err(ReasonError::RoleChange));
    }
}
