//! The instants of a request as `requests.csv` has them: whole microseconds, most of them since `sent`.
//!
//! Instants are rounded first and differences taken then, so that the columns of a row add up. It knows nothing of
//! what was asked or answered.

use std::time::Duration;

use crate::results::cell::{self, UtcPen, push_opt_ms, push_opt_number};
use crate::results::columns::Cells;
use crate::sample::{Arrival, ConnectTimes, Instants, Sample};
use crate::stats::observation::micros;

/// The columns from `start_utc` to `read_lag_max_ms`, in microseconds, and `end_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// When it was sent, or was due where it never was, since the epoch.
    pub start_utc: Option<i64>,
    /// Due, since the start of the round.
    pub due: u64,
    /// Sent − due, less connecting.
    pub send_lag: Option<u64>,
    /// Name resolution.
    pub dns: Option<u64>,
    /// The TCP handshake.
    pub tcp: Option<u64>,
    /// The TLS handshake.
    pub tls: Option<u64>,
    /// All of connecting.
    pub connect: Option<u64>,
    /// Whether an earlier request used the connection.
    pub reused: bool,
    /// SYN packets sent again.
    pub syn_retransmits: Option<u64>,
    /// Sent, since the start of the round.
    pub sent: Option<u64>,
    /// The head arrived, since sent.
    pub headers: Option<u64>,
    /// First event, since sent.
    pub ttfe: Option<u64>,
    /// First token, since sent.
    pub ttft: Option<u64>,
    /// First visible output, since sent.
    pub ttfo: Option<u64>,
    /// Answer complete, since sent.
    pub latency: Option<u64>,
    /// Answer complete, since due.
    pub latency_from_due: Option<u64>,
    /// End, since answer complete.
    pub tail: Option<u64>,
    /// Time per output token after the first.
    pub tpot: Option<u64>,
    /// The largest gap between token-bearing reads.
    pub max_gap: Option<u64>,
    /// The largest kernel-to-user lag of a read.
    pub read_lag_max: Option<u64>,
    /// Outcome decided, since the start of the round.
    pub end: u64,
}

impl Times {
    /// The times of a sample whose round started at `started`, in microseconds since the epoch.
    pub fn of(sample: &Sample, started: Option<i64>) -> Times {
        let arrival = Arrival { due: rounded(sample.arrival.due), ..sample.arrival };
        let timed = Sample {
            at: rounded_instants(&sample.at),
            streamed: sample.streamed,
            token_reads: sample.token_reads,
            tokens: sample.tokens,
            ..Sample::unsent(arrival, sample.phase, sample.round, sample.outcome, rounded(sample.at.end))
        };
        let start = timed.at.sent.unwrap_or(arrival.due);
        let headers = timed.at.headers.zip(timed.at.sent).and_then(|(headers, sent)| headers.checked_sub(sent));
        Times {
            start_utc: started.and_then(|started| started.checked_add_unsigned(micros(start))),
            due: micros(arrival.due),
            send_lag: timed.send_lag().map(micros),
            dns: sample.connect.dns.map(micros),
            tcp: sample.connect.tcp.map(micros),
            tls: sample.connect.tls.map(micros),
            connect: sample.connect.total.map(micros),
            reused: sample.reused,
            syn_retransmits: sample.connect.syn_retransmits.map(u64::from),
            sent: timed.at.sent.map(micros),
            headers: headers.map(micros),
            ttfe: timed.ttfe().map(micros),
            ttft: timed.ttft().map(micros),
            ttfo: timed.ttfo().map(micros),
            latency: timed.latency().map(micros),
            latency_from_due: timed.latency_from_due().map(micros),
            tail: timed.tail().map(micros),
            tpot: timed.tpot_s().filter(|_| timed.ttft().is_some()).map(|seconds| (seconds * 1e6).round() as u64),
            max_gap: sample.max_gap.map(micros),
            read_lag_max: sample.read_lag_max.map(micros),
            end: micros(timed.at.end),
        }
    }

    /// When the round started, in microseconds since the epoch.
    pub fn started(&self) -> Option<i64> {
        self.start_utc?.checked_sub_unsigned(self.sent.unwrap_or(self.due))
    }

    /// Whether the answer was streamed: only then was there a first event.
    pub fn streamed(&self) -> bool {
        self.ttfe.or(self.ttft).or(self.ttfo).is_some()
    }

    /// The connecting that these times tell of.
    pub fn connect_times(&self) -> ConnectTimes {
        ConnectTimes {
            dns: self.dns.map(Duration::from_micros),
            tcp: self.tcp.map(Duration::from_micros),
            tls: self.tls.map(Duration::from_micros),
            total: self.connect.map(Duration::from_micros),
            syn_retransmits: self.syn_retransmits.and_then(|count| u32::try_from(count).ok()),
            age_at_start: None,
        }
    }

    /// The instants that these times tell of; `output` is the number of output tokens.
    pub fn instants(&self, output: Option<u64>) -> Instants {
        let (due, end) = (Duration::from_micros(self.due), Duration::from_micros(self.end));
        let sent = self.sent.map(Duration::from_micros);
        let after = |from: Option<Duration>, micros: Option<u64>| from?.checked_add(Duration::from_micros(micros?));
        let complete = after(sent, self.latency)
            .or_else(|| after(Some(due), self.latency_from_due))
            .or_else(|| end.checked_sub(Duration::from_micros(self.tail?)));
        let first_token = after(sent, self.ttft);
        // The pace is rounded, so the last token can come out a little after the answer was complete: it never is.
        let span = self.tpot.zip(output).and_then(|(tpot, tokens)| tpot.checked_mul(tokens.saturating_sub(1)));
        let last_token = after(first_token, span).map(|last| complete.map_or(last, |complete| last.min(complete)));
        // What is neither lag nor waiting to be due was connecting.
        let connecting = sent
            .zip(self.send_lag)
            .map(|(sent, lag)| sent.saturating_sub(due).saturating_sub(Duration::from_micros(lag)))
            .filter(|connecting| !connecting.is_zero());
        Instants {
            issued: connecting.map(|_| due),
            connected: connecting.map(|connecting| due + connecting),
            sent,
            written: sent,
            headers: after(sent, self.headers),
            first_event: after(sent, self.ttfe),
            first_token,
            first_visible: after(sent, self.ttfo),
            last_token,
            finish: complete.filter(|_| self.streamed()),
            last_byte: complete.filter(|_| !self.streamed()),
            end,
        }
    }

    /// Appends the cells from `start_utc` to `read_lag_max_ms`.
    pub fn write(&self, out: &mut Vec<u8>, pen: &mut UtcPen) {
        out.push(b',');
        if let Some(start) = self.start_utc {
            pen.push(out, start);
        }
        push_opt_ms(out, Some(self.due));
        for value in [self.send_lag, self.dns, self.tcp, self.tls, self.connect] {
            push_opt_ms(out, value);
        }
        out.extend_from_slice(if self.reused { b",true" } else { b",false" });
        push_opt_number(out, self.syn_retransmits);
        for value in [self.sent, self.headers, self.ttfe, self.ttft, self.ttfo, self.latency, self.latency_from_due] {
            push_opt_ms(out, value);
        }
        for value in [self.tail, self.tpot, self.max_gap, self.read_lag_max] {
            push_opt_ms(out, value);
        }
    }

    /// Reads the cells from `start_utc` to `read_lag_max_ms`; `end` is filled by whoever reads the last column.
    pub fn parse(cells: &mut Cells<'_>) -> Times {
        Times {
            start_utc: cell::parse_utc(cells.take("start_utc")),
            due: cell::parse_ms(cells.take("due_ms")).unwrap_or(0),
            send_lag: cell::parse_ms(cells.take("send_lag_ms")),
            dns: cell::parse_ms(cells.take("dns_ms")),
            tcp: cell::parse_ms(cells.take("tcp_ms")),
            tls: cell::parse_ms(cells.take("tls_ms")),
            connect: cell::parse_ms(cells.take("connect_ms")),
            reused: cells.take("reused").eq_ignore_ascii_case(b"true"),
            syn_retransmits: cell::parse_number(cells.take("syn_retransmits")),
            sent: cell::parse_ms(cells.take("sent_ms")),
            headers: cell::parse_ms(cells.take("headers_ms")),
            ttfe: cell::parse_ms(cells.take("ttfe_ms")),
            ttft: cell::parse_ms(cells.take("ttft_ms")),
            ttfo: cell::parse_ms(cells.take("ttfo_ms")),
            latency: cell::parse_ms(cells.take("latency_ms")),
            latency_from_due: cell::parse_ms(cells.take("latency_from_due_ms")),
            tail: cell::parse_ms(cells.take("tail_ms")),
            tpot: cell::parse_ms(cells.take("tpot_ms")),
            max_gap: cell::parse_ms(cells.take("max_gap_ms")),
            read_lag_max: cell::parse_ms(cells.take("read_lag_max_ms")),
            end: 0,
        }
    }
}

fn rounded(duration: Duration) -> Duration {
    Duration::from_micros(micros(duration))
}

fn rounded_instants(at: &Instants) -> Instants {
    Instants {
        issued: at.issued.map(rounded),
        connected: at.connected.map(rounded),
        sent: at.sent.map(rounded),
        written: at.written.map(rounded),
        headers: at.headers.map(rounded),
        first_event: at.first_event.map(rounded),
        first_token: at.first_token.map(rounded),
        first_visible: at.first_visible.map(rounded),
        last_token: at.last_token.map(rounded),
        finish: at.finish.map(rounded),
        last_byte: at.last_byte.map(rounded),
        end: rounded(at.end),
    }
}
