//! The edge: webhooks, API, pages, sign-in. Knows use cases and nouns, nothing below them.
//!
//! Every answer to a machine is JSON, every refusal `application/problem+json` (RFC 9457) or a page
//! with the same words. Pages are HTML from the server and work without script.

mod api;
mod app;
mod blocking;
mod caller;
mod download;
mod hooks;
mod input;
mod limiter;
mod log_routes;
mod operation;
mod ops;
mod pages;
mod peer;
mod refusal;
mod room;
mod shares;
mod slots;
mod svg;

pub use app::{App, Settings, operations, router};
pub use operation::{Access, Operation, Reach};
pub use peer::{Peer, Proxies, Proxy};
pub use room::Room;
pub use slots::Slots;
