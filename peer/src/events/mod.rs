//! What the auth server tells while it happens: server-sent events (WHATWG HTML, 9.2), and the
//! thread that follows them.

mod allowance;
mod backoff;
mod catch_up;
mod event;
mod jitter;
mod online;
mod parser;
mod subscription;

pub use catch_up::CatchUp;
pub use event::Event;
pub use jitter::jitter;
pub use online::Online;
pub use subscription::{Device, Notice, Subscription, follow};
