//! How many certificates there may be, so that the list of the revoked ones can always be made.
//!
//! A revocation list names at most what the ledger has of members and what has not ended
//! [`LISTED_AT_LEAST`] ago. No certificate is entered that would be the one after [`MAX_LISTABLE`]
//! of these, so the list stays below what peers take, whoever is revoked.
//!
//! | life | one device has listable, at most | devices for which there is room |
//! |---|---|---|
//! | 24 hours, the default | 2 | 150,000 |
//! | 10 days, the longest | 2 | 150,000 |
//! | 10 minutes, the shortest | 20 | 15,000 |

use time::Duration;

/// Certificates of one person, logins and renewals together, within [`WINDOW`]. Thirteen devices whose
/// certificates live ten minutes, the shortest, renew so often; with a life of a day it would take two
/// thousand. Who has somebody's password adds at most 2,880 rows a day to the ledger with it.
///
/// For the list alone it would be too much: 120 an hour are 3,120 of one person to be listed with a life of
/// a day, and 29,040 with one of ten days, so that ten people could use up the room of all.
pub const MAX_ISSUED: u32 = 120;

/// Certificates of one person that have neither ended nor been revoked: 250 devices, each with the
/// one before its present one. With the 240 of the last two hours that ended, 740 of one person are
/// to be listed at most, 38 KB: to use up the room of all, more than 400 people would have to conspire.
pub const MAX_CURRENT: u32 = 500;

/// Renewals of one device within [`WINDOW`]. One with the shortest life, ten minutes, renews
/// nine times an hour, and fifteen when it is eager; as many again for answers that were lost and roles
/// that changed.
pub const MAX_RENEWALS: u32 = 30;

/// Certificates of one device that have neither ended nor been revoked. An honest one has two, and a few
/// more when answers were lost. What a stolen device takes of its owner's [`MAX_CURRENT`] is at most
/// this.
pub const MAX_CURRENT_OF_DEVICE: u32 = 40;

/// The time in which certificates are counted.
pub const WINDOW: Duration = Duration::hours(1);

/// Members' certificates that a revocation list may have to name. An entry takes 51 bytes at most, so
/// all of them are 15.3 million, and peers take 16.7 million ([`common::limits::MAX_CRL_BYTES`]); what
/// is left is for certificates of the server itself.
pub const MAX_LISTABLE: u32 = 300_000;

/// A revoked certificate stays listed for so long after its end at least: a list is signed every hour, and
/// one regular list beyond its life must name it (RFC 5280, 3.3).
pub const LISTED_AT_LEAST: Duration = Duration::hours(2);
