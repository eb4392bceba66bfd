//! A verdict that still holds: what was judged good a moment ago is not judged anew.
//!
//! Whether tokens are good for a request follows from the tokens, the configuration, the rule and
//! the time. Tokens and configuration are the same as long as a [`LastVerdict`] lives: it belongs
//! to what a worker made of tokens by its configuration, and is never handed on to another. The
//! rule is compared. Till when time changes nothing is said by the judges themselves. Only that
//! something is good is kept: a refusal is made anew each time.

use std::cell::Cell;

use crate::wire::Timestamp;

/// The last time that tokens were judged good.
#[derive(Debug, Default)]
pub(super) struct LastVerdict(Cell<Option<Good>>);

#[derive(Debug, Clone, Copy)]
struct Good {
    /// For requests under this rule; `None`: under no rule.
    rule: Option<usize>,
    judged: Timestamp,
    /// From here on it has to be judged anew.
    until: Timestamp,
}

impl LastVerdict {
    /// Whether the tokens were judged good for this rule, and are so at `now`. A clock that was
    /// set back has them judged anew: what had begun may lie ahead of it.
    pub(super) fn holds(&self, rule: Option<usize>, now: Timestamp) -> bool {
        let good = self.0.get();
        good.is_some_and(|good| good.rule == rule && good.judged <= now && now < good.until)
    }

    /// The tokens were judged good at `now`, and will be so `until` then.
    pub(super) fn keep(&self, rule: Option<usize>, now: Timestamp, until: Timestamp) {
        self.0.set(Some(Good { rule, judged: now, until }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_verdict_holds_for_its_rule_from_when_it_was_made_to_the_millisecond_of_its_end() {
        let verdict = LastVerdict::default();
        assert!(!verdict.holds(None, at(0)) && !verdict.holds(Some(0), at(0)));
        for rule in [None, Some(0), Some(1)] {
            verdict.keep(rule, at(1_000), at(2_000));
            for (now, holds) in [(999, false), (1_000, true), (1_999, true), (2_000, false)] {
                assert_eq!(verdict.holds(rule, at(now)), holds, "{now}");
            }
            for other in [None, Some(0), Some(1), Some(2)] {
                assert_eq!(verdict.holds(other, at(1_500)), other == rule);
            }
        }
    }
}
