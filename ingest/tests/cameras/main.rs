//! Ingest on real cameras of the loopback server: what they send, and how they fail.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod clips;
mod codecs;
mod faults;
mod fleet;
mod foreign;
mod garbage;
mod hostile;
mod idle;
mod login;
mod network;
mod probe;
mod reconnect;
mod sources;
mod streams;
mod watch;
