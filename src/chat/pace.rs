//! The tokens of a stream in time: gaps between the reads that brought them, and what such a read leaves uncertain.
//!
//! Everything that one read brought happened at its instant, which is that of its last segment: what came before it in
//! the same read may have come earlier. By how much, the wire says; here is kept which gaps that may change.

use std::time::Duration;

use super::answer::Effect;
use crate::sample::{GapDoubt, Instants, StreamDoubts};

/// Segments that came closer together than this are one arrival, whatever read brings them.
const APART: Duration = Duration::from_millis(1);

/// The tokens of a stream so far.
#[derive(Debug, Default)]
pub struct Pace {
    /// Reads that brought tokens.
    pub token_reads: u64,
    /// Gaps between these, in microseconds.
    pub gaps_us: Vec<u32>,
    /// The largest of them, exactly.
    pub max_gap: Option<Duration>,
    /// What reads of several events leave uncertain.
    pub doubts: StreamDoubts,
    /// The last read that brought a token.
    read: Option<Reading>,
    /// The read in which an event came behind a token, until it is asked about.
    crowded: Option<u64>,
}

/// A read that brought tokens.
#[derive(Debug, Clone, Copy)]
struct Reading {
    number: u64,
    /// Token events in it so far.
    tokens: u32,
    /// Whether its last event so far is one of them, and so came at its instant.
    exact: bool,
    /// The first token that a person sees came in it.
    visible: bool,
    /// How much earlier its first event may have come, once asked about.
    doubt: Option<Duration>,
}

impl Pace {
    /// Takes what the events of one read, or of a part of it, bring.
    pub(super) fn mark(&mut self, seen: Seen, instants: &mut Instants, at: Duration, number: u64) {
        if seen.events == 0 {
            return;
        }
        instants.first_event.get_or_insert(at);
        if seen.effect.finish {
            instants.finish = Some(at);
        }
        let visible = seen.effect.visible && instants.first_visible.is_none();
        if visible {
            instants.first_visible = Some(at);
        }
        if let Some(read) = self.read.as_mut().filter(|read| read.number == number) {
            (read.exact, read.tokens, read.visible) = (seen.exact, read.tokens + seen.tokens, read.visible | visible);
            match read.doubt {
                None => self.crowded = Some(number),
                // Asked about already: what came since was hidden by the same read.
                Some(doubt) => self.hide(seen.tokens, doubt),
            }
            return;
        }
        if seen.tokens == 0 {
            return;
        }
        instants.first_token.get_or_insert(at);
        let previous = instants.last_token.replace(at);
        self.token_reads += 1;
        if let Some(previous) = previous {
            let gap = at.saturating_sub(previous);
            self.max_gap = self.max_gap.max(Some(gap));
            self.gaps_us.push(u32::try_from(gap.as_micros()).unwrap_or(u32::MAX));
        }
        let before =
            self.read.replace(Reading { number, tokens: seen.tokens, exact: seen.exact, visible, doubt: None });
        // The token that this gap began with may have come earlier than the read that brought it says.
        let later = before.filter(|read| !read.exact).and_then(|read| read.doubt).unwrap_or_default();
        if !later.is_zero() {
            self.doubt_gap(|gap| gap.later_us = micros(later));
        }
        if seen.crowded {
            self.crowded = Some(number);
        }
    }

    /// Whether the latest read held a token and an event behind it, and nobody has said yet how much earlier than the
    /// read's instant that token may have come: then [`Pace::doubted`] is due.
    pub fn is_crowded(&self) -> bool {
        self.crowded.is_some()
    }

    /// What the crowded read brought first may have come so much earlier.
    pub fn doubted(&mut self, by: Duration) {
        self.crowded = None;
        let Some(read) = self.read.as_mut() else { return };
        read.doubt = Some(by);
        let Reading { tokens, visible, .. } = *read;
        if by.is_zero() {
            return;
        }
        if visible {
            self.doubts.first_visible = by;
        }
        if self.token_reads == 1 {
            self.doubts.first_token = by;
        } else {
            self.doubt_gap(|gap| gap.earlier_us = micros(by));
        }
        self.hide(tokens.saturating_sub(1), by);
    }

    /// The stream is over: the last token may have come earlier than its read says, too.
    pub(super) fn end(&mut self) {
        let inexact = self.read.filter(|read| !read.exact);
        self.doubts.last_token = inexact.and_then(|read| read.doubt).unwrap_or_default();
    }

    /// So many gaps lie within a read that stretches over `within`.
    fn hide(&mut self, gaps: u32, within: Duration) {
        if gaps > 0 && within > APART {
            self.doubts.hidden.push((gaps, micros(within)));
        }
    }

    /// Changes what is uncertain of the latest gap.
    fn doubt_gap(&mut self, change: impl FnOnce(&mut GapDoubt)) {
        let Some(latest) = self.gaps_us.len().checked_sub(1).and_then(|latest| u32::try_from(latest).ok()) else {
            return;
        };
        let gaps = &mut self.doubts.gaps;
        if gaps.last().is_none_or(|gap| gap.gap != latest) {
            gaps.push(GapDoubt { gap: latest, earlier_us: 0, later_us: 0 });
        }
        if let Some(gap) = gaps.last_mut() {
            change(gap);
        }
    }
}

/// Rounded up: a doubt is never made smaller.
fn micros(doubt: Duration) -> u32 {
    u32::try_from(doubt.as_nanos().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// What the events of one read, or of a part of it, brought together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    events: u32,
    tokens: u32,
    effect: Effect,
    /// The last event was a token.
    exact: bool,
    /// An event came behind a token.
    crowded: bool,
}

impl Seen {
    pub(super) fn add(&mut self, effect: Effect) {
        self.events += 1;
        self.crowded |= self.tokens > 0;
        self.tokens += u32::from(effect.token);
        self.exact = effect.token;
        self.effect.visible |= effect.visible;
        self.effect.finish |= effect.finish;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const TOKEN: Effect = Effect { token: true, visible: true, finish: false };
    const OTHER: Effect = Effect { token: false, visible: false, finish: false };

    /// Plays parts of reads, each a read's number (its instant in tens of ms) and its events; a crowded read stretches
    /// over half its instant. Which parts made their read crowded, and what is left.
    fn played(parts: &[(u64, &[Effect])]) -> (Vec<bool>, Pace) {
        let (mut pace, mut instants, mut all) = (Pace::default(), Instants::default(), Vec::new());
        for (number, events) in parts {
            let mut seen = Seen::default();
            events.iter().for_each(|effect| seen.add(*effect));
            pace.mark(seen, &mut instants, MILLI * 10 * *number as u32, *number);
            all.push(pace.is_crowded());
            if pace.is_crowded() {
                pace.doubted(MILLI * 5 * *number as u32);
            }
        }
        pace.end();
        (all, pace)
    }

    #[test]
    fn a_read_is_crowded_once_if_anything_came_behind_a_token_in_it_piece_by_piece_too() {
        let (all, pace) = played(&[
            (1, &[OTHER]),
            (2, &[OTHER, TOKEN]),
            (3, &[TOKEN]),
            (4, &[TOKEN, TOKEN]),
            (5, &[TOKEN]),
            (5, &[TOKEN]),
            (5, &[TOKEN]),
            (6, &[OTHER]),
        ]);
        assert_eq!(all, [false, false, false, true, false, true, false, false]);
        assert_eq!((pace.token_reads, pace.gaps_us), (4, vec![10_000; 3]));
        let earlier = |gap, earlier_us| GapDoubt { gap, earlier_us, later_us: 0 };
        let expected = StreamDoubts {
            gaps: vec![earlier(1, 20_000), earlier(2, 25_000)],
            hidden: vec![(1, 20_000), (1, 25_000), (1, 25_000)],
            ..StreamDoubts::default()
        };
        assert_eq!(pace.doubts, expected);
    }

    #[test]
    fn a_token_with_something_behind_it_may_have_come_earlier_so_the_gap_after_it_may_be_longer() {
        let (_, pace) = played(&[(2, &[TOKEN, OTHER]), (3, &[TOKEN, OTHER]), (4, &[TOKEN, OTHER])]);
        let expected = StreamDoubts {
            first_token: 10 * MILLI,
            first_visible: 10 * MILLI,
            last_token: 20 * MILLI,
            gaps: vec![
                GapDoubt { gap: 0, earlier_us: 15_000, later_us: 10_000 },
                GapDoubt { gap: 1, earlier_us: 20_000, later_us: 15_000 },
            ],
            hidden: vec![],
        };
        assert_eq!(pace.doubts, expected);
    }

    #[test]
    fn the_first_visible_token_is_doubtful_by_its_own_read() {
        let reasoning = Effect { visible: false, ..TOKEN };
        let (_, pace) = played(&[(1, &[reasoning]), (2, &[reasoning, TOKEN])]);
        assert_eq!((pace.doubts.first_token, pace.doubts.first_visible), (Duration::ZERO, 10 * MILLI));
    }

    #[test]
    fn one_segment_leaves_nothing_uncertain_however_much_it_holds() {
        let (all, pace) = played(&[(0, &[TOKEN, TOKEN, OTHER])]);
        assert_eq!((all, pace.doubts), (vec![true], StreamDoubts::default()));
    }
}
