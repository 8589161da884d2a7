//! Every rule as stories with drawn tracks, and what holds for all of them.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod story;

mod bodies;
mod combined;
mod explained;
mod groups;
mod left;
mod lines;
mod motion;
mod robust;
mod scale;
mod state;
mod zones;
