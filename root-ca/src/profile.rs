use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use common::identity::{Alias, OrgLabel, Role};
use time::Duration;

/// Settings as an operator writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileConfig {
    /// Life of a member's certificate.
    pub lifetime: Duration,
}

impl Default for ProfileConfig {
    fn default() -> Self {
        Self {
            lifetime: Duration::hours(24),
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Shorter than the clock differences that peers must be able to live with.
    #[error("a certificate lives at least 10 minutes")]
    TooShort,
    /// Longer than revocation could make good.
    #[error("a certificate lives at most 10 days")]
    TooLong,
}

/// The checked policy by which certificates are issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    lifetime: Duration,
}

impl Profile {
    /// A device whose clock runs behind by this much still accepts a new certificate.
    pub(crate) const BACKDATE: Duration = Duration::minutes(5);
    /// Twice the backdate: below that a slow clock sees only expired certificates.
    const MIN_LIFETIME: Duration = Duration::minutes(10);
    /// The longest life of a member's certificate: what the first of our ancestors gave, and more than a
    /// long weekend.
    pub const MAX_LIFETIME: Duration = Duration::days(10);
    /// Life of the auth server's own HTTPS certificate.
    pub(crate) const HTTPS_LIFETIME: Duration = Duration::days(30);
    /// Life of a root: peers can hold several, so that the next can be brought out in time.
    pub(crate) const ROOT_LIFETIME: Duration = Duration::days(3652);

    /// Checks settings.
    ///
    /// # Errors
    /// When the lifetime is outside 10 minutes to 10 days.
    pub fn new(config: &ProfileConfig) -> Result<Self, ProfileError> {
        if config.lifetime < Self::MIN_LIFETIME {
            return Err(ProfileError::TooShort);
        }
        if config.lifetime > Self::MAX_LIFETIME {
            return Err(ProfileError::TooLong);
        }
        Ok(Self {
            lifetime: config.lifetime,
        })
    }

    /// Life of a certificate for `subject`.
    pub(crate) fn lifetime(&self, subject: &Subject) -> Duration {
        match subject {
            Subject::Member { .. } => self.lifetime,
            Subject::AuthServer { .. } => Self::HTTPS_LIFETIME,
        }
    }
}

/// Whom a certificate is for. Decided by the server, never by the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A member, logged in.
    Member {
        /// The person.
        alias: Alias,
        /// What the person may do.
        role: Role,
    },
    /// The auth server's own HTTPS endpoint.
    AuthServer {
        /// Names and addresses it answers to, one at least.
        hosts: Vec<Host>,
    },
}

/// A host name or address of the auth server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name in lower case.
    Name(String),
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
}

/// Why a word is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host name or IP address")]
pub struct HostError;

impl Host {
    /// Whether this is, or lies under, the domain of the organisation's members: such a name in
    /// the auth server's certificate could be taken for a member's.
    pub(crate) fn is_in_peer_domain(&self, org: &OrgLabel) -> bool {
        let domain = format!("peer.{org}.internal");
        match self {
            Self::Name(name) => *name == domain || name.ends_with(&format!(".{domain}")),
            Self::Address(_) => false,
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    /// An address, with or without brackets, or a name by RFC 1123, 2.1 (no wildcards).
    fn from_str(text: &str) -> Result<Self, HostError> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let numeric = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let last_is_number = text.rsplit('.').next().is_none_or(numeric);
        if text.len() <= 253 && text.split('.').all(label) && !last_is_number {
            return Ok(Self::Name(text.to_ascii_lowercase()));
        }
        Err(HostError)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_lifetime(lifetime: Duration) -> Result<Profile, ProfileError> {
        Profile::new(&ProfileConfig { lifetime })
    }

    #[test]
    fn a_lifetime_is_between_ten_minutes_and_ten_days() {
        assert!(Profile::new(&ProfileConfig::default()).is_ok());
        assert!(with_lifetime(Duration::minutes(10)).is_ok());
        assert!(with_lifetime(Duration::days(10)).is_ok());
        assert_eq!(
            with_lifetime(Duration::seconds(599)),
            Err(ProfileError::TooShort)
        );
        assert_eq!(
            with_lifetime(Duration::seconds(864_001)),
            Err(ProfileError::TooLong)
        );
    }

    #[test]
    fn hosts_are_names_and_addresses_and_nothing_else() {
        for (text, shown) in [
            ("localhost", "localhost"),
            ("Auth.Example.COM", "auth.example.com"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[fe80::1]", "[fe80::1]"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), shown);
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "*.example",
            "a b",
            "1.2.3",
            "a..b",
            "-a",
            "a-",
            "a:1",
            "a/b",
            &long,
        ] {
            assert_eq!(bad.parse::<Host>(), Err(HostError), "{bad}");
        }
    }

    #[test]
    fn the_members_domain_is_no_place_for_the_auth_server() {
        let org: OrgLabel = "acme".parse().unwrap();
        let inside = |text: &str| text.parse::<Host>().unwrap().is_in_peer_domain(&org);
        assert!(inside("alice.peer.acme.internal"));
        assert!(inside("a.b.peer.acme.internal"));
        assert!(inside("peer.acme.internal"));
        assert!(!inside("auth.acme.internal"));
        assert!(!inside("xpeer.acme.internal"));
    }
}
