//! The `type` of a problem that a client's program tells apart from others.

/// No member's certificate was shown.
pub const CERTIFICATE_NEEDED: &str = "urn:orgshare:problem:certificate-needed";
/// The certificate has ended.
pub const CERTIFICATE_EXPIRED: &str = "urn:orgshare:problem:certificate-expired";
/// The certificate was revoked, or its member is blocked.
pub const CERTIFICATE_REFUSED: &str = "urn:orgshare:problem:certificate-refused";
/// See [`Problem::CertificateUnknown`](super::Problem::CertificateUnknown).
pub const CERTIFICATE_UNKNOWN: &str = "urn:orgshare:problem:certificate-unknown";
/// The member's role does not allow it.
pub const NOT_ALLOWED: &str = "urn:orgshare:problem:not-allowed";
/// Somebody has the alias.
pub const ALIAS_TAKEN: &str = "urn:orgshare:problem:alias-taken";
/// Somebody had the alias.
pub const ALIAS_RETIRED: &str = "urn:orgshare:problem:alias-retired";
/// Nobody has the alias.
pub const NO_SUCH_USER: &str = "urn:orgshare:problem:no-such-user";
/// No certificate has the number.
pub const NO_SUCH_CERTIFICATE: &str = "urn:orgshare:problem:no-such-certificate";
/// Nobody has the role, and it was not said to be new; the detail says which there are.
pub const UNKNOWN_ROLE: &str = "urn:orgshare:problem:unknown-role";
/// An administrator's own password takes the old one.
pub const OWN_PASSWORD: &str = "urn:orgshare:problem:own-password";
/// The auth server itself uses the certificate.
pub const OWN_CERTIFICATE: &str = "urn:orgshare:problem:own-certificate";
/// Nobody could administer from afar any more.
pub const LAST_ADMINISTRATOR: &str = "urn:orgshare:problem:last-administrator";
/// The password was given for once, and only serves to choose another one.
pub const PASSWORD_MUST_CHANGE: &str = "urn:orgshare:problem:password-must-change";
/// Name or e-mail address is not accepted; the detail says why.
pub const DETAILS: &str = "urn:orgshare:problem:details";
/// What a device tells of itself is not accepted; the detail says which field and why.
pub const ANNOUNCEMENT: &str = "urn:orgshare:problem:announcement";
/// One device, or one person, listens as often as one may.
pub const TOO_MANY_STREAMS: &str = "urn:orgshare:problem:too-many-streams";
/// One device renewed as often as one device may.
pub const TOO_MANY_RENEWALS: &str = "urn:orgshare:problem:too-many-renewals";
/// One person got as many certificates as one person may.
pub const TOO_MANY_CERTIFICATES: &str = "urn:orgshare:problem:too-many-certificates";
/// One person did this as often within an hour as one person may.
pub const TOO_OFTEN: &str = "urn:orgshare:problem:too-often";
/// A new password is not accepted; the detail says why.
pub const WEAK_PASSWORD: &str = "urn:orgshare:problem:weak-password";
