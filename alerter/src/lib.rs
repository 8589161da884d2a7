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

mod clip;
pub mod control;
mod cursor;
pub mod front;
mod hands;
mod hub;
mod incident;
mod mp4;
mod page;
mod part;
mod rhythm;
mod router;
mod stage;
mod subscribe;
pub mod terminal;

pub use control::Control;
pub use cortex_runtime::config::Alerter as Config;
pub use front::Front;
pub use hands::Hands;
pub use hub::Hub;
pub use part::{PART, start};
pub use stage::{Alerter, Input};
