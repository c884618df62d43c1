//! One request on one connection, and everything that is seen of it.
//!
//! It stops reading at the answer's end: `[DONE]`, an error payload, or the end of the framing, never the end of the
//! connection. It judges nothing: `verdict.rs` does.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout};

use super::alarm::Alarm;
use super::answer::Answer;
use super::coding::Coding;
use super::ended::stopped_by;
use super::outcome::Stop;
use super::reading::{DOCUMENT_LIMIT, Declared, Read, Reading, STREAM_LIMIT};
use crate::wire::fields::HeaderFields;
use crate::wire::{Connection, Piece, Request, Response, Stamps};

/// The most of an error's body that is read, and how long that may take.
const ERROR_BODY_LIMIT: usize = 64 << 10;
const ERROR_BODY_TIME: Duration = Duration::from_secs(5);
/// How long the end of the framing may keep a connection's next request waiting: as long as a new connection is cheaper.
const DRAINED_WITHIN: Duration = Duration::from_millis(10);

/// What an answer is held against while it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Instants are told relative to this.
    pub(super) start: Instant,
    /// A stream was asked for.
    pub(super) stream: bool,
    /// The connection is wanted for a further request.
    pub(super) again: bool,
}

/// Everything that was seen of one exchange.
#[derive(Debug)]
pub(super) struct Seen {
    /// Why it stopped before its end, and in words.
    pub(super) stop: Option<(Stop, String)>,
    pub(super) head: Option<Head>,
    /// The body of a 2xx.
    pub(super) reading: Reading,
    /// The body ended by its framing, or nothing more could matter.
    pub(super) ended: bool,
    /// Bytes of the body as they came, packed or not.
    pub(super) bytes_in: u64,
    /// The body of any other status, bounded.
    pub(super) error_body: Vec<u8>,
    pub(super) stamps: Stamps,
    /// The largest kernel-to-user lag of a read.
    pub(super) lag: Option<Duration>,
    /// When it was decided.
    pub(super) end: Instant,
    /// The connection can bear another request.
    pub(super) reusable: bool,
}

/// What of an answer's head matters.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) at: Instant,
    pub(super) fields: HeaderFields,
}

impl Head {
    /// A header's value as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }
}

/// Sends the request and reads its answer.
///
/// What it needs beside the request it sets up when something was sent: in a burst the next user's request comes first.
pub(super) async fn exchange(
    connection: &mut Connection,
    request: Request,
    mut alarm: Alarm<'_, '_>,
    terms: Terms,
    keep: usize,
) -> Box<Seen> {
    let probe = connection.probe();
    let sent = alarm.within(connection.send(request), || probe.stamps().first_write).await;
    let mut seen = Box::new(Seen::nothing(terms, keep));
    match sent {
        Err(stop) => seen.stop = Some((stop, String::new())),
        Ok(Err(error)) => seen.stop = Some(stopped_by(&error, false)),
        Ok(Ok(response)) => {
            alarm.sent(probe.stamps().first_write);
            seen.answered(response, alarm, terms).await;
        }
    }
    seen.stamps = probe.stamps();
    // What ended by a read was decided when the read arrived; what ended by a clock, now.
    let by_clock = seen.stop.as_ref().is_some_and(|(stop, _)| stop.is_by_clock());
    let last_read = seen.stamps.last_read.filter(|_| seen.head.is_some() && !by_clock);
    seen.end = last_read.unwrap_or_else(Instant::now);
    seen
}

impl Seen {
    /// Nothing yet; of visible text so much will be kept.
    pub(super) fn nothing(terms: Terms, keep: usize) -> Seen {
        Seen {
            stop: None,
            head: None,
            reading: Reading::new(terms.stream, Answer::new(keep)),
            ended: false,
            bytes_in: 0,
            error_body: Vec::new(),
            stamps: Stamps::default(),
            lag: None,
            end: terms.start,
            reusable: false,
        }
    }

    async fn answered(&mut self, mut response: Response<'_>, mut alarm: Alarm<'_, '_>, terms: Terms) {
        let status = response.status.as_u16();
        let fields = std::mem::take(&mut response.fields);
        let head = self.head.insert(Head { status, at: response.head_at, fields });
        if let Err(stop) = alarm.arrived(head.at) {
            self.stop = Some((stop, String::new()));
            return;
        }
        let named = head.header("content-encoding").unwrap_or_default().to_owned();
        let coding = Coding::parse(&named);
        if !(200..300).contains(&status) {
            alarm.only(head.at + ERROR_BODY_TIME);
            return Box::pin(self.read_error(response, alarm, coding.unwrap_or(Coding::Identity))).await;
        }
        let declared = Declared::parse(head.header("content-type").unwrap_or_default());
        // Chunks overrule a length beside them.
        let announced = head.header("content-length").filter(|_| head.header("transfer-encoding").is_none());
        let length: u64 = announced.and_then(|length| length.parse().ok()).unwrap_or(0);
        self.reading.declared = declared;
        let limit = if declared == Declared::Events { STREAM_LIMIT } else { DOCUMENT_LIMIT };
        if length > limit {
            self.stop = Some((Stop::TooLarge, format!("a body of {length} bytes is announced")));
            return;
        }
        let known = coding.is_some();
        self.read_body(response, alarm, terms, coding.unwrap_or(Coding::Identity)).await;
        // Some servers name the coding of their letters there: only a body that is no answer is taken for a coded one.
        let answer = &mut self.reading.answer;
        if !known && answer.error.is_none() && (answer.malformed.is_some() || !answer.tokens) {
            answer.malformed = Some(format!("content-encoding {named}, though none was accepted"));
        }
    }

    async fn read_body(
        &mut self,
        mut response: Response<'_>,
        mut alarm: Alarm<'_, '_>,
        terms: Terms,
        mut coding: Coding,
    ) {
        let stop = loop {
            match alarm.within(response.next(), || None).await {
                Err(stop) => break Some((stop, String::new())),
                Ok(Some(Err(error))) => break Some(stopped_by(&error, true)),
                Ok(None) => {
                    self.reusable = true;
                    self.ended = coding.is_whole();
                    break (!self.ended).then(|| (Stop::Broken, "the gzip stream breaks off".to_owned()));
                }
                Ok(Some(Ok(piece))) => {
                    if let Err(stop) = alarm.arrived(piece.at) {
                        break Some((stop, String::new()));
                    }
                    if let Err(stop) = self.take(piece, &mut coding, terms.start) {
                        break Some(stop);
                    }
                    if self.reading.pace.is_crowded() {
                        self.reading.pace.doubted(response.doubt());
                    }
                }
            }
            if self.reading.is_over() {
                self.ended = true;
                self.reusable = is_drained(&mut response) || terms.again && Box::pin(drain(&mut response)).await;
                break None;
            }
            if self.reading.answer.tokens || !self.reading.streamed() {
                alarm.token();
            }
        };
        // What outgrew its bound is not looked at.
        if !matches!(stop, Some((Stop::TooLarge, _))) {
            self.reading.end();
        }
        self.stop = stop;
    }

    fn take(&mut self, piece: Piece<'_>, coding: &mut Coding, start: Instant) -> Result<(), (Stop, String)> {
        self.lag = self.lag.max(piece.lag);
        self.bytes_in += piece.bytes.len() as u64;
        let at = piece.at.saturating_duration_since(start);
        let reading = &mut self.reading;
        let taken = coding.decode(piece.bytes, |bytes| reading.take(Read { bytes, at, number: piece.read }));
        match taken {
            Ok(Ok(())) => Ok(()),
            Ok(Err(what)) => Err((Stop::TooLarge, format!("the {} outgrows its bound", what.0))),
            Err(_) => Err((Stop::Broken, "the gzip stream cannot be read".to_owned())),
        }
    }

    async fn read_error(&mut self, mut response: Response<'_>, mut alarm: Alarm<'_, '_>, mut coding: Coding) {
        while self.error_body.len() < ERROR_BODY_LIMIT {
            match alarm.within(response.next(), || None).await {
                Ok(Some(Ok(piece))) => {
                    self.bytes_in += piece.bytes.len() as u64;
                    let kept = &mut self.error_body;
                    let taken = coding.decode(piece.bytes, |bytes| {
                        let room = ERROR_BODY_LIMIT - kept.len();
                        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
                        if kept.len() < ERROR_BODY_LIMIT { Ok(()) } else { Err(()) }
                    });
                    if !matches!(taken, Ok(Ok(()))) {
                        return;
                    }
                }
                Ok(None) => {
                    self.reusable = true;
                    return;
                }
                // The status has decided: that its explanation is cut short changes nothing, unless it is called off.
                Err(Stop::Cancelled) => {
                    self.stop = Some((Stop::Cancelled, String::new()));
                    return;
                }
                Err(_) | Ok(Some(Err(_))) => return,
            }
        }
    }
}

/// Whether the framing's end is already there behind `[DONE]`: only then another request may follow.
fn is_drained(response: &mut Response<'_>) -> bool {
    matches!(response.next().now_or_never(), Some(None))
}

/// Passes over what still comes behind `[DONE]`: whether the framing ended in time.
async fn drain(response: &mut Response<'_>) -> bool {
    let rest = async {
        while let Some(piece) = response.next().await {
            if piece.is_err() {
                return false;
            }
        }
        true
    };
    timeout(DRAINED_WITHIN, rest).await.unwrap_or(false)
}

/// The value of `retry-after`, if there is one.
pub(super) fn retry_after(head: &Head) -> Option<&str> {
    head.header("retry-after")
}
