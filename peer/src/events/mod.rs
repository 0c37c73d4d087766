//! What the auth server tells while it happens: server-sent events (WHATWG HTML, 9.2), and the
//! thread that follows them.

mod backoff;
mod catch_up;
mod event;
mod parser;
mod subscription;

pub use catch_up::catch_up;
pub use event::{Event, Online};
pub use subscription::{Device, Notice, Subscription, follow};
