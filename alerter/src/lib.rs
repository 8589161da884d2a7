//! The alerter: anomalies to incidents, incidents to operators. Also the front of the public API and the page's server.
//!
//! - **Reads** `anomalies`, `identities` and `acts`, by the site's partition; the front tails `alerts`, `log`,
//!   `cloaked` and `status`.
//! - **Writes** `alerts` and `log` with dense sequences; the front writes `acts`, `cameras`, `config` and `demand`.
//! - **Stores** every revision of every alert and every line of the log, before anybody sees it, and what people judged
//!   of each rule.
//! - **Drops** nothing; an anomaly that came twice counts once.
//! - **Knobs**: [`Config`].
//!
//! Webhooks and mail belong here later: one more reader of `alerts` beside the hub.

mod config;
pub mod control;
mod cursor;
pub mod front;
mod hub;
mod incident;
mod page;
mod rhythm;
mod server;
mod stage;
mod subscribe;
pub mod terminal;

pub use config::Config;
pub use control::Control;
pub use front::{Front, Hands};
pub use hub::Hub;
pub use server::Listener;
pub use stage::{Alerter, Input};
