//! One row of `requests.csv`: the flat wire type between a [`Sample`] and the file.
//!
//! A sample that went through a row and back gives the same row again, and everything that is ever computed is
//! computed from samples that did: a summary made while measuring and one made from the file years later are the
//! same, byte for byte. It knows nothing of threads or disks.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use crate::results::cell::{self, UtcPen, push_opt_number, push_opt_text, push_word};
use crate::results::columns::Cells;
use crate::results::times::Times;
use crate::sample::{Arrival, Outcome, Phase, Sample, TokenSource, Tokens};
use crate::stats::Observation;

/// What a row says of one request, beyond what it says of its run and case.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// The prompt's name.
    pub prompt: Cow<'a, str>,
    /// The round; `None` in pre-flight.
    pub round: Option<u32>,
    /// What the request was sent for.
    pub phase: Phase,
    /// 1-based user, 0 in pre-flight.
    pub user: u32,
    /// 1-based turn.
    pub turn: u32,
    /// 1-based in its round, in order of due.
    pub request: u64,
    /// Why it ended.
    pub outcome: Outcome,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<Cow<'a, str>>,
    /// When it happened.
    pub times: Times,
    /// Server-sent events.
    pub events: u64,
    /// Reads that brought body bytes.
    pub reads: u64,
    /// Token counts.
    pub tokens: Tokens,
    /// `finish_reason`.
    pub finish_reason: Option<Cow<'a, str>>,
    /// The model that says it answered.
    pub served_model: Option<Cow<'a, str>>,
    /// `system_fingerprint`.
    pub fingerprint: Option<Cow<'a, str>>,
    /// The server's `x-request-id`.
    pub request_id: Option<Cow<'a, str>>,
    /// Bytes of the body.
    pub bytes_in: u64,
    /// Characters of the visible answer.
    pub answer_chars: Option<u64>,
    /// First 64 bits of its SHA-256.
    pub answer_hash: Option<u64>,
    /// The address that was used.
    pub remote: Option<SocketAddr>,
}

/// What is remembered from row to row, because neighbours share it.
#[derive(Debug, Default)]
pub struct Pens {
    utc: UtcPen,
    remote: Option<(SocketAddr, String)>,
}

impl<'a> Row<'a> {
    /// The row of a sample whose round started at `started`, in microseconds since the epoch.
    pub fn of(sample: &'a Sample, prompt: &'a str, started: Option<i64>) -> Row<'a> {
        let preflight = sample.phase == Phase::Preflight;
        Row {
            prompt: cell::printable(prompt),
            round: (!preflight).then_some(sample.round),
            phase: sample.phase,
            user: sample.arrival.user,
            turn: sample.arrival.turn,
            request: sample.arrival.request,
            outcome: sample.outcome,
            status: sample.status,
            error: text(sample.error.as_deref()),
            times: Times::of(sample, started),
            events: sample.events,
            reads: sample.reads,
            tokens: sample.tokens,
            finish_reason: text(sample.finish_reason.as_deref()),
            served_model: text(sample.served_model.as_deref()),
            fingerprint: text(sample.fingerprint.as_deref()),
            request_id: text(sample.request_id.as_deref()),
            bytes_in: sample.bytes_in,
            answer_chars: sample.answer_chars,
            answer_hash: sample.answer_hash,
            remote: sample.remote,
        }
    }

    /// The sample that this row tells of, as far as it tells; `prompt` is the prompt's index.
    pub fn to_sample(&self, prompt: usize) -> Sample {
        let at = self.times.instants(self.tokens.output);
        let due = Duration::from_micros(self.times.due);
        let (user, turn, request) = (self.user, self.turn, self.request);
        let arrival = Arrival { request, user, turn, due, prompt, serial: request };
        Sample {
            status: self.status,
            error: self.error.as_deref().map(Into::into),
            at,
            connect: self.times.connect_times(),
            reused: self.times.reused,
            streamed: self.times.streamed(),
            max_gap: self.times.max_gap.map(Duration::from_micros),
            read_lag_max: self.times.read_lag_max.map(Duration::from_micros),
            events: self.events,
            reads: self.reads,
            token_reads: if self.times.tpot.is_some() { 2 } else { u64::from(self.times.ttft.is_some()) },
            tokens: self.tokens,
            finish_reason: self.finish_reason.as_deref().map(Into::into),
            served_model: self.served_model.as_deref().map(Into::into),
            fingerprint: self.fingerprint.as_deref().map(Into::into),
            request_id: self.request_id.as_deref().map(Into::into),
            bytes_in: self.bytes_in,
            answer_chars: self.answer_chars,
            answer_hash: self.answer_hash,
            remote: self.remote,
            ..Sample::unsent(arrival, self.phase, self.round.unwrap_or(0), self.outcome, at.end)
        }
    }

    /// What statistics see of the row, the same as of its sample; `None` unless it belongs to the load.
    pub fn observation(&self) -> Option<Observation<'_>> {
        let times = &self.times;
        let is_ok = self.outcome.is_ok();
        (self.phase == Phase::Load).then(|| Observation {
            round: self.round.unwrap_or(0),
            request: self.request,
            user: self.user,
            outcome: Some(self.outcome),
            status: self.status,
            error: self.error.as_deref(),
            due_us: times.due,
            sent_us: times.sent,
            end_us: times.end,
            send_lag_us: times.sent.and(times.send_lag),
            connect_us: times.connect,
            syn_retransmits: times.syn_retransmits.and_then(|count| u32::try_from(count).ok()),
            latency_us: times.latency.filter(|_| is_ok),
            latency_from_due_us: times.latency_from_due.filter(|_| is_ok),
            ttft_us: times.ttft,
            ttfo_us: times.ttfo,
            tpot_us: times.tpot,
            max_gap_us: times.max_gap,
            gaps_us: &[],
            events: self.events,
            reads: self.reads,
            tokens: self.tokens,
            finish_reason: self.finish_reason.as_deref(),
            served_model: self.served_model.as_deref(),
            fingerprint: self.fingerprint.as_deref(),
            answer_chars: self.answer_chars,
            answer_hash: self.answer_hash,
        })
    }

    /// Appends the cells from `prompt` on, each behind its comma, and the end of the line.
    pub fn write(&self, out: &mut Vec<u8>, pens: &mut Pens) {
        push_opt_text(out, Some(&self.prompt));
        push_opt_number(out, self.round.map(u64::from));
        push_word(out, self.phase.name());
        push_opt_number(out, Some(u64::from(self.user)));
        push_opt_number(out, Some(u64::from(self.turn)));
        push_opt_number(out, Some(self.request));
        push_word(out, self.outcome.name());
        push_opt_number(out, self.status.map(u64::from));
        push_opt_text(out, self.error.as_deref());
        self.times.write(out, &mut pens.utc);
        push_opt_number(out, Some(self.events));
        push_opt_number(out, Some(self.reads));
        for count in [self.tokens.input, self.tokens.cached, self.tokens.output, self.tokens.reasoning] {
            push_opt_number(out, count);
        }
        push_word(out, self.tokens.source.name());
        for text in [&self.finish_reason, &self.served_model, &self.fingerprint, &self.request_id] {
            push_opt_text(out, text.as_deref());
        }
        push_opt_number(out, Some(self.bytes_in));
        push_opt_number(out, self.answer_chars);
        out.push(b',');
        if let Some(hash) = self.answer_hash {
            cell::push_hash(out, hash);
        }
        push_word(out, self.remote.map_or("", |remote| pens.address(remote)));
        push_opt_text(out, None); // shard: nothing splits a run yet
        cell::push_opt_ms(out, Some(self.times.end));
        out.push(b'\n');
    }

    /// Reads the cells from `prompt` on; `None` where phase, outcome or end cannot be read.
    pub fn parse(cells: &mut Cells<'a>, memory: &mut Memory) -> Option<Row<'a>> {
        let mut row = Row {
            prompt: cell::parse_text(cells.take("prompt")),
            round: cell::parse_count(cells.take("round")),
            phase: Phase::parse(std::str::from_utf8(cells.take("phase")).ok()?)?,
            user: cell::parse_count(cells.take("user")).unwrap_or(0),
            turn: cell::parse_count(cells.take("turn")).unwrap_or(1),
            request: cell::parse_number(cells.take("request")).unwrap_or(0),
            outcome: Outcome::parse(std::str::from_utf8(cells.take("outcome")).ok()?)?,
            status: cell::parse_count(cells.take("status")),
            error: cell::parse_opt_text(cells.take("error")),
            times: Times::parse(cells),
            events: cell::parse_number(cells.take("events")).unwrap_or(0),
            reads: cell::parse_number(cells.take("reads")).unwrap_or(0),
            tokens: parse_tokens(cells),
            finish_reason: cell::parse_opt_text(cells.take("finish_reason")),
            served_model: cell::parse_opt_text(cells.take("served_model")),
            fingerprint: cell::parse_opt_text(cells.take("fingerprint")),
            request_id: cell::parse_opt_text(cells.take("request_id")),
            bytes_in: cell::parse_number(cells.take("bytes_in")).unwrap_or(0),
            answer_chars: cell::parse_number(cells.take("answer_chars")),
            answer_hash: cell::parse_hash(cells.take("answer_hash")),
            remote: memory.address(cells.take("remote_addr")),
        };
        cells.take("shard");
        row.times.end = cell::parse_ms(cells.take("end_ms"))?;
        Some(row)
    }
}

fn parse_tokens(cells: &mut Cells<'_>) -> Tokens {
    Tokens {
        input: cell::parse_number(cells.take("tokens_in")),
        cached: cell::parse_number(cells.take("tokens_cached")),
        output: cell::parse_number(cells.take("tokens_out")),
        reasoning: cell::parse_number(cells.take("tokens_reasoning")),
        source: std::str::from_utf8(cells.take("token_source")).ok().and_then(TokenSource::parse).unwrap_or_default(),
    }
}

/// What is remembered from row to row while reading.
#[derive(Debug, Default)]
pub struct Memory {
    remote: (Vec<u8>, Option<SocketAddr>),
}

impl Memory {
    fn address(&mut self, cell: &[u8]) -> Option<SocketAddr> {
        if self.remote.0 != cell {
            let parsed = std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok());
            self.remote = (cell.to_vec(), parsed);
        }
        self.remote.1
    }
}

impl Pens {
    fn address(&mut self, remote: SocketAddr) -> &str {
        if self.remote.as_ref().is_none_or(|(known, _)| *known != remote) {
            self.remote = Some((remote, remote.to_string()));
        }
        self.remote.as_ref().map_or("", |(_, text)| text)
    }
}

fn text(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.is_empty()).map(cell::printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::columns::{COLUMNS, Layout};
    use crate::results::record::Record;
    use crate::sample::{ConnectTimes, Instants};
    use proptest::prelude::*;

    const STARTED: i64 = 1_795_476_664_000_042;

    fn line(row: &Row<'_>) -> String {
        let mut out = b"r,s,c,t,m,9".to_vec();
        row.write(&mut out, &mut Pens::default());
        String::from_utf8(out).unwrap()
    }

    fn record(line: &str) -> Record {
        let mut record = Record::default();
        record.fill(line.trim_end_matches('\n').as_bytes(), b',').unwrap();
        record
    }

    fn reread(record: &Record) -> Row<'static> {
        let layout = Layout::of(&Record::from_iter(COLUMNS)).unwrap();
        let mut cells = layout.cells(record);
        for column in &COLUMNS[..6] {
            cells.take(column);
        }
        let row = Row::parse(&mut cells, &mut Memory::default()).unwrap();
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Row {
            prompt: Cow::Owned(row.prompt.into_owned()),
            error: owned(row.error),
            finish_reason: owned(row.finish_reason),
            served_model: owned(row.served_model),
            fingerprint: owned(row.fingerprint),
            request_id: owned(row.request_id),
            ..row
        }
    }

    fn some_answer() -> Sample {
        let ms = |ms: u64| Some(Duration::from_micros(ms * 1000));
        let arrival = Arrival { request: 3, user: 3, turn: 1, due: Duration::ZERO, prompt: 0, serial: 7 };
        Sample {
            status: Some(200),
            at: Instants {
                sent: Some(Duration::from_nanos(1_500_499)),
                headers: ms(20),
                first_event: ms(30),
                first_token: ms(40),
                first_visible: ms(40),
                last_token: ms(130),
                finish: ms(131),
                end: Duration::from_micros(140_250),
                ..Instants::default()
            },
            connect: ConnectTimes { tcp: ms(1), total: ms(2), syn_retransmits: Some(0), ..ConnectTimes::default() },
            streamed: true,
            max_gap: ms(12),
            events: 12,
            reads: 11,
            token_reads: 10,
            tokens: Tokens { input: Some(9), output: Some(10), source: TokenSource::Usage, ..Tokens::default() },
            finish_reason: Some("stop".into()),
            served_model: Some("gpt".into()),
            bytes_in: 4096,
            answer_chars: Some(33),
            answer_hash: Some(0xab),
            remote: Some("127.0.0.1:80".parse().unwrap()),
            ..Sample::unsent(arrival, Phase::Load, 1, Outcome::Ok, Duration::ZERO)
        }
    }

    #[test]
    fn an_answer_fills_its_columns() {
        let sample = some_answer();
        let row = Row::of(&sample, "p1", Some(STARTED));
        assert_eq!(
            line(&row),
            "r,s,c,t,m,9,p1,1,load,3,1,3,ok,200,,2026-11-23T23:31:04.001542Z,0,1.5,,1,,2,false,0,1.5,18.5,28.5,38.5,\
             38.5,129.5,131,9.25,10,12,,12,11,9,,10,,usage,stop,gpt,,,4096,33,00000000000000ab,127.0.0.1:80,,140.25\n"
        );
    }

    #[test]
    fn a_request_that_was_never_sent_leaves_unknown_cells_empty() {
        let arrival = Arrival { request: 0, user: 0, turn: 1, due: Duration::ZERO, prompt: 0, serial: 0 };
        let end = Duration::from_micros(12);
        let mut sample = Sample::unsent(arrival, Phase::Preflight, 0, Outcome::ConnectFailed, end);
        sample.error = Some("=refused\u{1b}[2J, \"badly\"".into());
        let row = Row::of(&sample, "p1", None);
        assert_eq!(
            line(&row),
            "r,s,c,t,m,9,p1,,preflight,0,1,0,connect_failed,,\"'=refused\\u{1b}[2J, \"\"badly\"\"\",,0,,,,,,false,\
             ,,,,,,,,,,,,0,0,,,,,none,,,,,0,,,,,0.012\n"
        );
        assert_eq!(record(&line(&row)).len(), COLUMNS.len());
    }

    /// Instants in the order in which they can happen, to the nanosecond.
    fn instants() -> impl Strategy<Value = (Duration, Instants)> {
        (proptest::collection::vec(0_u64..3_000_000_000, 11), any::<[bool; 8]>()).prop_map(|(steps, known)| {
            let mut now = Duration::ZERO;
            let mut next = |step: usize| {
                now += Duration::from_nanos(steps[step]);
                now
            };
            let due = next(0);
            let cold = known[0];
            let (issued, connected) = (next(1), next(2));
            let at = Instants {
                issued: cold.then_some(issued),
                connected: cold.then_some(connected),
                sent: Some(next(3)),
                written: Some(next(4)),
                headers: known[1].then_some(next(5)),
                first_event: Some(next(6)),
                first_token: known[2].then_some(next(7)),
                first_visible: known[3].then_some(next(8)),
                last_token: known[4].then_some(next(9)),
                finish: Some(next(9)),
                last_byte: Some(next(9)),
                end: next(10),
            };
            (due, if known[5] { at } else { Instants { end: at.end, ..Instants::default() } })
        })
    }

    fn samples() -> impl Strategy<Value = Sample> {
        let text = || proptest::option::of("('|=|\\PC|\\s|\"|,){1,12}");
        let count = || proptest::option::of(0_u64..5000);
        let what = (0_usize..21, any::<bool>(), any::<bool>(), 0_u64..4, any::<Option<u16>>(), any::<Option<u64>>());
        let words = (text(), text(), text(), text(), text());
        (instants(), what, words, (count(), count(), count(), count())).prop_map(|((due, at), what, words, counts)| {
            let (outcome, streamed, reused, token_reads, status, hash) = what;
            // What was never sent is never ok.
            let outcome = if at.sent.is_some() { Outcome::ALL[outcome] } else { Outcome::Dropped };
            let arrival = Arrival { request: 8, user: 7, turn: 2, due, prompt: 0, serial: 70 };
            Sample {
                status,
                error: words.0.map(Into::into),
                at,
                reused,
                streamed,
                token_reads,
                max_gap: at.first_event,
                tokens: Tokens { input: counts.0, output: counts.1, source: TokenSource::Usage, ..Tokens::default() },
                finish_reason: words.1.map(Into::into),
                served_model: words.2.map(Into::into),
                fingerprint: words.3.map(Into::into),
                request_id: words.4.map(Into::into),
                events: counts.2.unwrap_or(0),
                answer_chars: counts.3,
                answer_hash: hash,
                remote: hash.map(|_| "[::1]:443".parse().unwrap()),
                ..Sample::unsent(arrival, Phase::Load, 3, outcome, at.end)
            }
        })
    }

    proptest! {
        #[test]
        fn a_sample_through_a_row_and_a_file_and_back_gives_the_same_row(sample in samples()) {
            let row = Row::of(&sample, "p1", Some(STARTED));
            let written = record(&line(&row));
            let read = reread(&written);
            prop_assert_eq!(&read, &row);
            prop_assert_eq!(read.times.started(), Some(STARTED));
            let again = read.to_sample(0);
            prop_assert_eq!(&Row::of(&again, "p1", Some(STARTED)), &row);
            prop_assert_eq!(Observation::of(&again), read.observation());
            prop_assert_eq!(row.to_sample(0), again);
        }
    }
}
