//! The one place that reads the clock.

use rustls::pki_types::UnixTime;
use time::OffsetDateTime;
use time::macros::format_description;

/// The time now.
pub fn now() -> UnixTime {
    UnixTime::now()
}

/// A moment as people read it, in UTC: `2026-11-20 14:02 UTC`.
pub fn show(moment: UnixTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    i64::try_from(moment.as_secs())
        .ok()
        .and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok())
        .and_then(|date| date.format(&format).ok())
        .unwrap_or_else(|| "a time out of range".into())
}
