use common::identity::Role;

/// Roles that need no explanation; any other is a custom one.
pub const BUILT_IN_ROLES: [&str; 3] = ["admin", "member", "reader"];

/// Roles that an error lists.
const MAX_LISTED: usize = 20;

/// A role that somebody is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenRole {
    /// The role.
    pub role: Role,
    /// Whether it may be one that nobody has yet; else a mistyped one is refused.
    pub may_be_new: bool,
}

/// Nobody has the role; says which there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownRole(pub(super) String);

impl GivenRole {
    /// A role that must be known.
    pub fn known(role: Role) -> Self {
        Self {
            role,
            may_be_new: false,
        }
    }

    /// Refuses a role that is neither built in nor one of `in_use`, unless it may be new.
    ///
    /// # Errors
    /// The roles that there are.
    pub fn check(&self, in_use: &[Role]) -> Result<(), UnknownRole> {
        let word = self.role.as_str();
        if self.may_be_new || BUILT_IN_ROLES.contains(&word) || in_use.contains(&self.role) {
            return Ok(());
        }
        let custom = in_use.iter().map(Role::as_str);
        let custom = custom.filter(|role| !BUILT_IN_ROLES.contains(role));
        let known: Vec<&str> = BUILT_IN_ROLES.into_iter().chain(custom).collect();
        let listed = known.iter().take(MAX_LISTED).copied();
        let listed = listed.collect::<Vec<_>>().join(", ");
        let more = match known.len().checked_sub(MAX_LISTED) {
            Some(more @ 1..) => format!(" and {more} more"),
            _ => String::new(),
        };
        Err(UnknownRole(format!(
            "nobody has the role {word} yet; there are {listed}{more}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(word: &str) -> Role {
        word.parse().unwrap()
    }

    #[test]
    fn a_role_that_nobody_has_must_be_said_to_be_new() {
        let in_use = [role("auditor"), role("member")];
        let given = |word, may_be_new| GivenRole {
            role: role(word),
            may_be_new,
        };
        for known in ["admin", "member", "reader", "auditor"] {
            assert_eq!(given(known, false).check(&in_use), Ok(()), "{known}");
        }
        assert_eq!(given("amdin", true).check(&in_use), Ok(()));
        let refused = given("amdin", false).check(&in_use).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "nobody has the role amdin yet; there are admin, member, reader, auditor"
        );
    }

    #[test]
    fn a_list_of_many_roles_has_an_end() {
        let in_use: Vec<Role> = (0..100).map(|n| role(&format!("r{n}"))).collect();
        let refused = GivenRole::known(role("x")).check(&in_use).unwrap_err();
        assert!(
            refused.to_string().ends_with("r16 and 83 more"),
            "{refused}"
        );
    }
}
