//! An answer as data: what will be said, in which acts, in which manner, and how the connection ends.
//!
//! An honest answer is written first; a fault is a change to it. Nothing here touches a socket or reads a clock.

use std::cell::OnceCell;
use std::ops::Range;
use std::time::Duration;

use super::ask::Ask;
use super::draw::Draw;
use super::kinds::{self, Reply};
use super::settings::Kind;
use super::voice::{Place, Speech, Usage, Voice};

/// What an answer depends on.
pub(super) struct Scene<'a> {
    pub(super) kind: Kind,
    pub(super) ask: &'a Ask,
    /// The models that are listed.
    pub(super) models: &'a [String],
    /// The key that the client sent.
    pub(super) bearer: Option<&'a str>,
    /// The client speaks HTTP/1.0: no chunks.
    pub(super) old: bool,
    /// When the endpoint started, in seconds since 1970.
    pub(super) created: u64,
    /// Tokens before `max_tokens` cuts them.
    pub(super) full_tokens: u32,
}

/// One answer, ready to be performed.
pub(super) struct Script {
    /// It takes a slot, and its time; else it is given at once.
    pub(super) served: bool,
    /// Time before the service, with the slot held already.
    pub(super) delay: Duration,
    pub(super) head: Head,
    pub(super) framing: Framing,
    pub(super) voice: Voice,
    pub(super) dialect: Dialect,
    pub(super) grain: Grain,
    pub(super) manner: Manner,
    /// Compress the body, asked or not.
    pub(super) gzip: bool,
    /// Stands in place of the message that the voice would say.
    pub(super) body: Option<Vec<u8>>,
    /// Bytes by which `content-length` lies.
    pub(super) lie: i64,
    /// Only the first half of the body is sent.
    pub(super) half: bool,
    pub(super) acts: Vec<Act>,
    pub(super) end: End,
}

/// Status line and headers.
pub(super) struct Head {
    pub(super) version: &'static str,
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// The kind's own lines and whatever a fault adds.
    pub(super) lines: Vec<u8>,
    /// Say `connection: close`.
    pub(super) announce_close: bool,
}

/// How a client knows where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// How events are dressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) eol: &'static str,
    /// `data: ` or `data:`.
    pub(super) space: bool,
    /// A comment before each event.
    pub(super) comment: bool,
    /// Each event's JSON over two data lines.
    pub(super) two_lines: bool,
    /// `id:`, `event:` and `retry:` lines that mean nothing.
    pub(super) other_fields: bool,
}

/// How tokens are shared out among chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    /// So many tokens a chunk.
    Tokens(u32),
    /// Three letters a chunk.
    Letters,
}

/// How what is said becomes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// One write whenever there is something to wait for.
    AsItComes,
    /// Each byte in a write of its own.
    ByteByByte,
    /// Each byte in a write of its own, with a pause after it.
    Slowly(Duration),
    /// So many events a write.
    Together(u32),
    /// Everything in one write at the end.
    AtTheEnd,
}

/// One step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// Waits.
    At(Moment),
    Head,
    /// Head and body in one.
    Whole,
    Role,
    /// One chunk after another, each at its instant.
    Tokens(Range<u32>),
    Finish,
    Usage,
    Done,
    /// The end of a chunked body.
    LastChunk,
    /// One event with this data.
    Event(&'static str),
    /// Bytes of the body.
    Body(Vec<u8>),
    /// Bytes beneath the framing.
    Wire(Vec<u8>),
    /// The same bytes beneath the framing, until there are so many.
    Endless(Vec<u8>, u64),
    /// What follows is said in this manner.
    Say(Manner),
    /// The service is over: the slot goes to whoever is next.
    Leave,
    /// Nothing for so long, or until the client has closed.
    Hold(Duration),
    /// Nothing until the client has closed.
    Stall,
}

/// An instant of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// The head of a stream is due.
    Head,
    /// All tokens are made.
    End,
    /// So long after the last one.
    After(Duration),
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    KeepAlive,
    Close,
    Reset,
}

impl Script {
    /// The honest answer.
    pub(super) fn answer(scene: &Scene, draw: &Draw) -> Script {
        let ask = scene.ask;
        let mut lines = scene.kind.habits().headers.as_bytes().to_vec();
        scene.kind.request_headers(draw.identity, &mut lines);
        let mut script = Script {
            served: true,
            delay: Duration::ZERO,
            head: Head { version: "HTTP/1.1", status: 200, content_type: kinds::JSON, lines, announce_close: false },
            framing: Framing::Length,
            voice: voice(scene, draw),
            dialect: Dialect { eol: "\n", space: true, comment: false, two_lines: false, other_fields: false },
            grain: Grain::Tokens(1),
            manner: Manner::AsItComes,
            gzip: false,
            body: None,
            lie: 0,
            half: false,
            acts: vec![Act::At(Moment::End), Act::Whole, Act::Leave],
            end: End::KeepAlive,
        };
        if ask.stream {
            script.stream(scene);
        }
        script
    }

    /// Makes it a stream.
    pub(super) fn stream(&mut self, scene: &Scene) {
        let habits = scene.kind.habits();
        self.framing = if scene.old { Framing::UntilClose } else { Framing::Chunked };
        self.head.content_type = "text/event-stream; charset=utf-8";
        self.acts = vec![Act::At(Moment::Head), Act::Head];
        if habits.role_chunk {
            self.acts.push(Act::Role);
        }
        let tokens = Act::Tokens(0..self.voice.tokens);
        self.acts.extend([
            tokens,
            Act::At(Moment::End),
            Act::Finish,
            Act::Usage,
            Act::Done,
            Act::LastChunk,
            Act::Leave,
        ]);
        if scene.old || habits.closes_after_stream {
            self.end = End::Close;
        }
    }

    /// A reply that is no answer, given at once.
    pub(super) fn reply(kind: Kind, reply: Reply) -> Script {
        let ask = Ask { n: 1, ..Ask::default() };
        let scene = Scene { kind, ask: &ask, models: &[], bearer: None, old: false, created: 0, full_tokens: 1 };
        let draw = Draw::new(&super::settings::Settings::default(), 0);
        let mut script = Script::answer(&scene, &draw);
        script.refuse(reply);
        script
    }
}

fn tokens(scene: &Scene) -> u32 {
    let limit = scene.ask.max_tokens.filter(|_| !scene.kind.habits().drops_parameters);
    scene.full_tokens.min(limit.unwrap_or(u32::MAX))
}

fn voice(scene: &Scene, draw: &Draw) -> Voice {
    let (ask, habits) = (scene.ask, scene.kind.habits());
    let tokens = tokens(scene);
    let choices = if habits.drops_parameters { 1 } else { ask.n };
    let include_usage = ask.include_usage && !habits.drops_parameters;
    let (prompt, completion) = (i64::from(ask.prompt_tokens), i64::from(tokens) * i64::from(choices));
    let told = !ask.stream || include_usage || habits.usage_unasked;
    let place = if told { Place::LastEmpty } else { Place::Nowhere };
    Voice {
        id: format!("chatcmpl-{:016x}", draw.identity),
        model: ask.model.clone(),
        created: scene.created,
        fingerprint: habits.fingerprint.map(str::to_owned),
        tokens,
        choices,
        finish: Some(if tokens < scene.full_tokens { "length" } else { "stop" }),
        speech: Speech::Content,
        opening: None,
        usage: Usage { prompt, completion, total: prompt + completion, place },
        usage_null: include_usage && scene.kind == Kind::Openai,
        role_in_each: !habits.role_chunk,
        wording: draw.wording,
        prefix: OnceCell::new(),
    }
}
