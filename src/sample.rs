//! One request, from the intention to what became of it.
//!
//! [`Arrival`] goes down to a user, [`Sample`] comes up: exactly one per arrival, whatever happened. This room knows
//! no clock, no socket and no file; every instant is a [`Duration`] since the start of the case's round (the barrier
//! of a burst), and what is unknown is `None`, never zero.

use std::net::SocketAddr;
use std::time::Duration;

use compact_str::CompactString;

/// A request that we intend to make, with the instant at which it is due.
///
/// The same seed and plan give the same arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// 1-based in its round, in order of due; 0 for pre-flight.
    pub request: u64,
    /// 1-based user who makes it; 0 for pre-flight.
    pub user: u32,
    /// 1-based: how often its user has asked so far in this round.
    pub turn: u32,
    /// When it is due, since the start of the round.
    pub due: Duration,
    /// Index into the case's prompts.
    pub prompt: usize,
    /// What `cache_bust` writes: counts over the run from 1; pre-flight is 0.
    pub serial: u64,
}

/// What a request was sent for; only [`Phase::Load`] enters a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Proves that a target and model answer.
    Preflight,
    /// Sent before a case, in no statistic.
    Warmup,
    /// The load itself.
    Load,
}

impl Phase {
    /// The name in `requests.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Preflight => "preflight",
            Phase::Warmup => "warmup",
            Phase::Load => "load",
        }
    }

    /// The phase of that name.
    pub fn parse(name: &str) -> Option<Phase> {
        [Phase::Preflight, Phase::Warmup, Phase::Load].into_iter().find(|phase| phase.name() == name)
    }
}

/// Why a sample ended as it did: a closed list with stable names, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Due while the limit of requests in the air was reached, and the scenario says to drop.
    Dropped,
    /// Still in the air when the run was interrupted.
    Cancelled,
    /// Descriptors, ports or memory of ours ran out: our fault, and the measurement is invalid.
    ClientFailed,
    /// Name not found, connection refused, host unreachable.
    ConnectFailed,
    /// The TLS handshake failed.
    TlsFailed,
    /// Connecting took longer than `timeouts.connect`.
    TimeoutConnect,
    /// A kept-alive connection that the server had closed, met while sending.
    StaleConnection,
    /// 429, or 503 with `Retry-After`.
    RateLimited,
    /// Any other status outside 2xx.
    HttpError,
    /// No first token within `timeouts.first_token`.
    TimeoutFirstToken,
    /// Nothing arrived for `timeouts.idle`.
    TimeoutIdle,
    /// No complete answer within `timeouts.total`.
    TimeoutTotal,
    /// The answer outgrew what this program keeps of one.
    TooLarge,
    /// An error delivered as an answer: in a 200 body, as an event, or as text that this kind of server is known for.
    ErrorInBody,
    /// The connection was reset.
    Reset,
    /// The framing broke off, or there was output without an end.
    Truncated,
    /// Not the declared format: HTML, an empty JSON body, a stream of something else.
    Malformed,
    /// A proper end and no output.
    Empty,
    /// A model answered that is not the one the scenario names.
    WrongModel,
    /// The answer does not meet `[answer]`.
    UnexpectedAnswer,
    /// An answer.
    Ok,
}

impl Outcome {
    /// Every outcome, in order of precedence.
    pub const ALL: [Outcome; 21] = [
        Outcome::Dropped,
        Outcome::Cancelled,
        Outcome::ClientFailed,
        Outcome::ConnectFailed,
        Outcome::TlsFailed,
        Outcome::TimeoutConnect,
        Outcome::StaleConnection,
        Outcome::RateLimited,
        Outcome::HttpError,
        Outcome::TimeoutFirstToken,
        Outcome::TimeoutIdle,
        Outcome::TimeoutTotal,
        Outcome::TooLarge,
        Outcome::ErrorInBody,
        Outcome::Reset,
        Outcome::Truncated,
        Outcome::Malformed,
        Outcome::Empty,
        Outcome::WrongModel,
        Outcome::UnexpectedAnswer,
        Outcome::Ok,
    ];

    /// The stable name: in CSV, in JSON and as a column of counts.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Dropped => "dropped",
            Outcome::Cancelled => "cancelled",
            Outcome::ClientFailed => "client_failed",
            Outcome::ConnectFailed => "connect_failed",
            Outcome::TlsFailed => "tls_failed",
            Outcome::TimeoutConnect => "timeout_connect",
            Outcome::StaleConnection => "stale_connection",
            Outcome::RateLimited => "rate_limited",
            Outcome::HttpError => "http_error",
            Outcome::TimeoutFirstToken => "timeout_first_token",
            Outcome::TimeoutIdle => "timeout_idle",
            Outcome::TimeoutTotal => "timeout_total",
            Outcome::TooLarge => "too_large",
            Outcome::ErrorInBody => "error_in_body",
            Outcome::Reset => "reset",
            Outcome::Truncated => "truncated",
            Outcome::Malformed => "malformed",
            Outcome::Empty => "empty",
            Outcome::WrongModel => "wrong_model",
            Outcome::UnexpectedAnswer => "unexpected_answer",
            Outcome::Ok => "ok",
        }
    }

    /// The outcome of that name.
    pub fn parse(name: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Whether the request got its answer.
    pub fn is_ok(self) -> bool {
        self == Outcome::Ok
    }

    /// Whether it ended for want of a connection, before the server could answer.
    pub fn is_unconnected(self) -> bool {
        matches!(self, Outcome::ClientFailed | Outcome::ConnectFailed | Outcome::TlsFailed | Outcome::TimeoutConnect)
    }
}

/// Where a token count comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenSource {
    /// The server's `usage`.
    Usage,
    /// Counted by the client, and labelled so.
    Estimate,
    /// Unknown.
    #[default]
    None,
}

impl TokenSource {
    /// The name in `requests.csv`.
    pub fn name(self) -> &'static str {
        match self {
            TokenSource::Usage => "usage",
            TokenSource::Estimate => "estimate",
            TokenSource::None => "none",
        }
    }

    /// The source of that name.
    pub fn parse(name: &str) -> Option<TokenSource> {
        [TokenSource::Usage, TokenSource::Estimate, TokenSource::None].into_iter().find(|source| source.name() == name)
    }
}

/// Token counts of one answer; a count that is not positive is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Prompt tokens.
    pub input: Option<u64>,
    /// Of these, served from the server's prompt cache.
    pub cached: Option<u64>,
    /// Tokens of the answer.
    pub output: Option<u64>,
    /// Of these, reasoning.
    pub reasoning: Option<u64>,
    /// Where the counts come from.
    pub source: TokenSource,
}

/// How long the parts of connecting took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectTimes {
    /// Name resolution.
    pub dns: Option<Duration>,
    /// The TCP handshake, a proxy's included.
    pub tcp: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the first step to the last.
    pub total: Option<Duration>,
    /// SYN packets that the kernel had to send again.
    pub syn_retransmits: Option<u32>,
    /// When this connection stood, before the barrier: its age when the round began. `None` when cold.
    pub age_at_start: Option<Duration>,
}

/// The instants of a request, stamped at the socket, since the start of the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instants {
    /// The user begins (connects, if cold).
    pub issued: Option<Duration>,
    /// The connection stands (cold only).
    pub connected: Option<Duration>,
    /// The first request byte was handed to the kernel.
    pub sent: Option<Duration>,
    /// The last one was.
    pub written: Option<Duration>,
    /// The response's head arrived.
    pub headers: Option<Duration>,
    /// The first server-sent event of any kind.
    pub first_event: Option<Duration>,
    /// The first non-empty content, reasoning, refusal or tool-call fragment.
    pub first_token: Option<Duration>,
    /// The first of these that a person sees (not reasoning).
    pub first_visible: Option<Duration>,
    /// The last token-bearing event.
    pub last_token: Option<Duration>,
    /// The event with a `finish_reason`.
    pub finish: Option<Duration>,
    /// The last byte of the body.
    pub last_byte: Option<Duration>,
    /// The outcome was decided; always known.
    pub end: Duration,
}

/// What reads of several events leave uncertain of a stream: such a read carries only its last segment's instant.
/// Mostly nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamDoubts {
    /// How much earlier than told the first token may have come.
    pub first_token: Duration,
    /// The same of the first that a person sees.
    pub first_visible: Duration,
    /// The same of the last token.
    pub last_token: Duration,
    /// Gaps of which something is uncertain, in their order.
    pub gaps: Vec<GapDoubt>,
    /// Gaps that are missing because both their tokens came in one read: how many, and over how many microseconds that
    /// read stretches at most.
    pub hidden: Vec<(u32, u32)>,
}

/// What is uncertain of one gap, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapDoubt {
    /// Its index among the gaps.
    pub gap: u32,
    /// How much earlier it may have ended.
    pub earlier_us: u32,
    /// How much earlier it may have begun.
    pub later_us: u32,
}

/// What became of an arrival.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The arrival.
    pub arrival: Arrival,
    /// What it was sent for.
    pub phase: Phase,
    /// 1-based round of the case; 0 for pre-flight.
    pub round: u32,
    /// Why it ended.
    pub outcome: Outcome,
    /// The HTTP status, once there was one.
    pub status: Option<u16>,
    /// What went wrong, in one line: bounded, secrets replaced, control characters escaped.
    pub error: Option<Box<str>>,
    /// When it happened.
    pub at: Instants,
    /// How connecting went; unknown where an earlier request used this connection.
    pub connect: ConnectTimes,
    /// Whether an earlier request used this connection.
    pub reused: bool,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// Whether the answer's headers say that a cache gave it.
    pub from_cache: bool,
    /// The largest gap between token-bearing reads.
    pub max_gap: Option<Duration>,
    /// Gaps between token-bearing reads, in microseconds, for the pooled distribution; empty unless streamed.
    pub gaps_us: Vec<u32>,
    /// What reads of several events leave uncertain of these and of the tokens' instants.
    pub doubts: StreamDoubts,
    /// The largest kernel-to-user lag of a read, already taken off the instants.
    pub read_lag_max: Option<Duration>,
    /// Server-sent events seen.
    pub events: u64,
    /// Reads of the socket that brought body bytes.
    pub reads: u64,
    /// Token-bearing reads among them; with fewer than two, pace is unknown.
    pub token_reads: u64,
    /// Token counts.
    pub tokens: Tokens,
    /// The last `finish_reason` of choice 0.
    pub finish_reason: Option<CompactString>,
    /// The model that says it answered.
    pub served_model: Option<CompactString>,
    /// `system_fingerprint`.
    pub fingerprint: Option<CompactString>,
    /// The server's `x-request-id`.
    pub request_id: Option<CompactString>,
    /// Bytes of the response's body as they came over the wire.
    pub bytes_in: u64,
    /// Unicode characters of the visible answer.
    pub answer_chars: Option<u64>,
    /// The first 16 hexadecimal digits of the visible answer's SHA-256.
    pub answer_hash: Option<u64>,
    /// The visible answer itself, bounded; kept only when `--responses` asks for it.
    pub answer: Option<Box<str>>,
    /// The address that was used.
    pub remote: Option<SocketAddr>,
}

impl Sample {
    /// A sample that ended before anything was sent.
    pub fn unsent(arrival: Arrival, phase: Phase, round: u32, outcome: Outcome, end: Duration) -> Sample {
        Sample {
            arrival,
            phase,
            round,
            outcome,
            status: None,
            error: None,
            at: Instants { end, ..Instants::default() },
            connect: ConnectTimes::default(),
            reused: false,
            streamed: false,
            from_cache: false,
            max_gap: None,
            gaps_us: Vec::new(),
            doubts: StreamDoubts::default(),
            read_lag_max: None,
            events: 0,
            reads: 0,
            token_reads: 0,
            tokens: Tokens::default(),
            finish_reason: None,
            served_model: None,
            fingerprint: None,
            request_id: None,
            bytes_in: 0,
            answer_chars: None,
            answer_hash: None,
            answer: None,
            remote: None,
        }
    }

    /// When the answer was complete: streaming, the later of the last token and the finish; else the last body byte.
    pub fn complete(&self) -> Option<Duration> {
        if self.streamed { self.at.last_token.max(self.at.finish) } else { self.at.last_byte }
    }

    /// Answer complete − sent; `None` unless the outcome is [`Outcome::Ok`].
    pub fn latency(&self) -> Option<Duration> {
        self.answered(self.at.sent?)
    }

    /// Answer complete − due: what a user waited, our lag and connecting included.
    pub fn latency_from_due(&self) -> Option<Duration> {
        self.answered(self.arrival.due)
    }

    /// End − answer complete: what the server did after the answer stood.
    pub fn tail(&self) -> Option<Duration> {
        if !self.outcome.is_ok() {
            return None;
        }
        Some(self.at.end.saturating_sub(self.complete()?))
    }

    /// First token − sent; `None` unless streamed, never latency.
    pub fn ttft(&self) -> Option<Duration> {
        self.since_sent(self.at.first_token)
    }

    /// First visible output − sent.
    pub fn ttfo(&self) -> Option<Duration> {
        self.since_sent(self.at.first_visible)
    }

    /// First event of any kind − sent.
    pub fn ttfe(&self) -> Option<Duration> {
        self.since_sent(self.at.first_event)
    }

    /// (last token − first token) / (output tokens − 1), in seconds.
    ///
    /// Needs at least two tokens from `usage`, in more than one read.
    pub fn tpot_s(&self) -> Option<f64> {
        let tokens = self.tokens.output.filter(|_| self.tokens.source == TokenSource::Usage)?;
        if tokens < 2 || self.token_reads < 2 {
            return None;
        }
        let span = self.at.last_token?.checked_sub(self.at.first_token?)?;
        Some(span.as_secs_f64() / (tokens - 1) as f64)
    }

    /// Sent − due, less connecting when cold: our own fault, never the server's.
    pub fn send_lag(&self) -> Option<Duration> {
        let sent = self.at.sent?;
        let connecting = match (self.at.issued, self.at.connected) {
            (Some(issued), Some(connected)) => connected.saturating_sub(issued),
            _ => Duration::ZERO,
        };
        Some(sent.saturating_sub(self.arrival.due).saturating_sub(connecting))
    }

    fn answered(&self, from: Duration) -> Option<Duration> {
        if !self.outcome.is_ok() {
            return None;
        }
        self.complete()?.checked_sub(from)
    }

    fn since_sent(&self, at: Option<Duration>) -> Option<Duration> {
        if !self.streamed {
            return None;
        }
        at?.checked_sub(self.at.sent?)
    }
}
