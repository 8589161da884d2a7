//! A fleet: every stage a process of its own on a real Kafka and a real CQL server, and two alerters. One person enters a
//! zone and stays too long while something dies; what is told is judged by event.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

#[path = "../support/mod.rs"]
mod support;

mod analytics;
mod control;
mod death;
mod freeze;
mod hands;
mod ingest;
mod outage;
mod recognition;
mod refused;
