//! A condition that must hold for a while before it counts, and be gone for a while before it is over.

/// One condition, on stream time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Debounce {
    /// Since when it is other than what was told.
    since_us: Option<i64>,
    /// Since when it holds, as was told.
    told_us: Option<i64>,
}

/// What is to be told, with when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Began(i64),
    Ended(i64),
}

impl Debounce {
    /// Hears whether it holds at a time; it counts after `hold_us`.
    pub(crate) fn hear(&mut self, holds: bool, at_us: i64, hold_us: i64) -> Option<Turn> {
        if holds == self.told_us.is_some() {
            self.since_us = None;
            return None;
        }
        let since_us = *self.since_us.get_or_insert(at_us);
        if (0..hold_us).contains(&(at_us - since_us)) {
            return None;
        }
        self.since_us = None;
        match self.told_us.take() {
            Some(began_us) => Some(Turn::Ended(began_us)),
            None => Some(Turn::Began(*self.told_us.insert(since_us))),
        }
    }

    /// It was told and is not over.
    pub(crate) fn holds(&self) -> bool {
        self.told_us.is_some()
    }

    /// It was told, or may soon be.
    pub(crate) fn is_suspected(&self) -> bool {
        self.told_us.is_some() || self.since_us.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_nothing_and_a_while_is_told_once() {
        let mut debounce = Debounce::default();
        let mut hear = |holds, second| debounce.hear(holds, second, 5);
        assert_eq!((hear(true, 0), hear(true, 4), hear(false, 5)), (None, None, None));
        assert_eq!((hear(true, 6), hear(true, 11), hear(true, 12)), (None, Some(Turn::Began(6)), None));
        assert_eq!((hear(false, 13), hear(true, 14)), (None, None));
        assert_eq!((hear(false, 20), hear(false, 25)), (None, Some(Turn::Ended(6))));
    }
}
