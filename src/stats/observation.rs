//! What statistics see of a request: the columns of `requests.csv` that enter a number, in whole microseconds.
//!
//! A running case makes one from a [`Sample`], a report from a row on disk; both give the same numbers, and so the same
//! bytes. It holds no judgement.

use std::time::Duration;

use crate::sample::{Outcome, Phase, Sample, TokenSource, Tokens};

/// One request, as a row of `requests.csv` tells it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation<'a> {
    /// 1-based round.
    pub round: u32,
    /// 1-based request of its round.
    pub request: u64,
    /// 1-based user.
    pub user: u32,
    /// Why it ended; `None` is no outcome, and is not counted.
    pub outcome: Option<Outcome>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What went wrong, in one line.
    pub error: Option<&'a str>,
    /// Since the start of the round: when it was due.
    pub due_us: u64,
    /// Since the start of the round: first byte handed to the kernel.
    pub sent_us: Option<u64>,
    /// Since the start of the round: outcome decided.
    pub end_us: u64,
    /// Sent − due, less connecting.
    pub send_lag_us: Option<u64>,
    /// Connecting in all.
    pub connect_us: Option<u64>,
    /// SYN packets sent again.
    pub syn_retransmits: Option<u32>,
    /// Answer complete − sent, of an ok request.
    pub latency_us: Option<u64>,
    /// Answer complete − due, of an ok request.
    pub latency_from_due_us: Option<u64>,
    /// First token − sent.
    pub ttft_us: Option<u64>,
    /// First visible output − sent.
    pub ttfo_us: Option<u64>,
    /// Time per output token.
    pub tpot_us: Option<u64>,
    /// The largest gap between token-bearing reads.
    pub max_gap_us: Option<u64>,
    /// Gaps between token-bearing reads; a row on disk has none, `run.json` has them pooled.
    pub gaps_us: &'a [u32],
    /// Server-sent events.
    pub events: u64,
    /// Reads that brought body bytes.
    pub reads: u64,
    /// Token counts.
    pub tokens: Tokens,
    /// Why the answer ended.
    pub finish_reason: Option<&'a str>,
    /// The model that says it answered.
    pub served_model: Option<&'a str>,
    /// `system_fingerprint`.
    pub fingerprint: Option<&'a str>,
    /// Characters of the visible answer.
    pub answer_chars: Option<u64>,
    /// Hash of the visible answer.
    pub answer_hash: Option<u64>,
}

/// A duration in microseconds, to the nearest: the precision of `requests.csv`.
pub fn micros(duration: Duration) -> u64 {
    // In 64 bits: a request asks for some fifty, and a division of 128 bits takes longer than all else that is done here.
    let rest = u64::from(duration.subsec_nanos() + 500) / 1000;
    duration.as_secs().saturating_mul(1_000_000).saturating_add(rest)
}

impl<'a> Observation<'a> {
    /// What statistics see of a sample; `None` unless it belongs to the load: pre-flight and warm-up enter no number.
    pub fn of(sample: &'a Sample) -> Option<Observation<'a>> {
        if sample.phase != Phase::Load {
            return None;
        }
        Some(Observation {
            round: sample.round,
            request: sample.arrival.request,
            user: sample.arrival.user,
            outcome: Some(sample.outcome),
            status: sample.status,
            error: sample.error.as_deref(),
            due_us: micros(sample.arrival.due),
            sent_us: sample.at.sent.map(micros),
            end_us: micros(sample.at.end),
            send_lag_us: sample.send_lag().map(micros),
            connect_us: sample.connect.total.map(micros),
            syn_retransmits: sample.connect.syn_retransmits,
            latency_us: sample.latency().map(micros),
            latency_from_due_us: sample.latency_from_due().map(micros),
            ttft_us: sample.ttft().map(micros),
            ttfo_us: sample.ttfo().map(micros),
            tpot_us: sample.tpot_s().map(|seconds| (seconds * 1e6).round() as u64),
            max_gap_us: sample.max_gap.map(micros),
            gaps_us: &sample.gaps_us,
            events: sample.events,
            reads: sample.reads,
            tokens: sample.tokens,
            finish_reason: sample.finish_reason.as_deref(),
            served_model: sample.served_model.as_deref(),
            fingerprint: sample.fingerprint.as_deref(),
            answer_chars: sample.answer_chars,
            answer_hash: sample.answer_hash,
        })
    }

    /// Whether it got its answer.
    pub fn is_ok(&self) -> bool {
        self.outcome == Some(Outcome::Ok)
    }

    /// When it left the air: answered, or ended without an answer.
    pub fn landed_us(&self) -> u64 {
        match (self.sent_us, self.latency_us) {
            (Some(sent), Some(latency)) => sent + latency,
            _ => self.end_us,
        }
    }

    /// Whether a stream of more than twenty events came as good as at once: something between buffers. `None` where
    /// that cannot be told.
    pub fn is_buffered(&self) -> Option<bool> {
        let ttft = self.ttft_us.filter(|_| self.events > 20)?;
        let span = self.latency_us?.saturating_sub(ttft);
        Some(self.reads <= 2 || span <= 1000)
    }

    /// The count, where the server itself counted.
    pub fn counted(&self, count: Option<u64>) -> Option<u64> {
        count.filter(|_| self.tokens.source == TokenSource::Usage)
    }
}
