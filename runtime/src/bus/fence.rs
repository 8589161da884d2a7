//! Terms: who may still speak for what it owned.

use std::{collections::HashMap, sync::Arc};

/// Who writes: the owner of something in a stage, and its term there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    /// What it owns, such as `detector/3`; `None` for a writer that has no rival.
    pub owner: Option<Arc<str>>,
    /// Its term as owner; a later owner has a higher one.
    pub term: u64,
}

/// The highest term of each owner that was heard, by topic and partition. The scope is one partition, because order is
/// kept only there: elsewhere a good message of an earlier term may still be under way.
#[derive(Debug, Default)]
pub struct Fence(HashMap<(Arc<str>, &'static str, u32), u64>);

impl Writer {
    /// A writer without a rival: nothing it says is outdated by somebody else.
    pub const ANYBODY: Self = Self { owner: None, term: 0 };

    /// The owner of something, in its term.
    pub fn new(owner: impl Into<Arc<str>>, term: u64) -> Self {
        Self { owner: Some(owner.into()), term }
    }
}

impl Fence {
    /// Hears a writer in a partition of a topic. `false` when a higher term of the same owner was heard there.
    pub fn admits(&mut self, writer: &Writer, topic: &'static str, partition: u32) -> bool {
        let Some(owner) = &writer.owner else { return true };
        let highest = self.0.entry((Arc::clone(owner), topic, partition)).or_default();
        *highest = (*highest).max(writer.term);
        *highest == writer.term
    }
}
