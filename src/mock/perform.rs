//! Performs a script on a socket: each act at its instant, each write stamped.

use std::io::Write;

use tokio::net::TcpStream;
use tokio::sync::SemaphorePermit;

use super::draw::Draw;
use super::gzip::Gzip;
use super::house::House;
use super::kinds;
use super::log::Entry;
use super::outlet::{Left, Outlet};
use super::script::{Act, End, Framing, Grain, Moment, Script};
use super::socket;
use super::voice::Place;

/// A script on its way to a socket.
pub(super) struct Performance<'a> {
    house: &'a House,
    script: &'a Script,
    draw: Draw,
    slot: Option<SemaphorePermit<'a>>,
    /// The beginning of the service.
    start: u64,
    /// When the next token is due, or, all being spoken, the end.
    next_token: u64,
    spoken: u32,
    outlet: Outlet<'a>,
    /// Bytes of the body that are not framed yet.
    scratch: Vec<u8>,
    gzip: Option<Gzip>,
}

impl<'a> Performance<'a> {
    /// A performance that begins its service at `start`.
    pub(super) fn new(
        house: &'a House,
        stream: &'a TcpStream,
        entry: &'a mut Entry,
        script: &'a Script,
        (draw, slot, start): (Draw, Option<SemaphorePermit<'a>>, u64),
    ) -> Performance<'a> {
        let start = start + house.scaled(script.delay);
        let due = if script.served { start } else { 0 };
        Performance {
            house,
            script,
            slot,
            start,
            next_token: start + draw.first_token,
            draw,
            spoken: 0,
            outlet: Outlet::new(house, stream, entry, (script.manner, due)),
            scratch: Vec::with_capacity(512),
            gzip: script.gzip.then(Gzip::new),
        }
    }

    /// Plays all acts. What is left unsaid when the client leaves stays unsaid.
    pub(super) async fn play(mut self) -> Result<(), Left> {
        let script = self.script;
        for act in &script.acts {
            self.act(act).await?;
        }
        self.outlet.flush().await
    }

    async fn act(&mut self, act: &Act) -> Result<(), Left> {
        match act {
            Act::At(moment) => self.wait(*moment).await?,
            Act::Head => self.head(None),
            Act::Whole => self.whole(),
            Act::Tokens(range) => self.tokens(range.clone()).await?,
            Act::Role => (0..self.script.voice.choices).for_each(|choice| {
                self.event(|script, out| script.voice.role_chunk(choice, out));
            }),
            Act::Finish => (0..self.script.voice.choices).for_each(|choice| {
                self.event(|script, out| script.voice.finish_chunk(choice, out));
            }),
            Act::Usage if self.script.voice.usage.place == Place::Nowhere => {}
            Act::Usage => self.event(|script, out| script.voice.usage_chunk(out)),
            Act::Done => self.event(|_, out| out.extend_from_slice(b"[DONE]")),
            Act::Event(data) => self.event(|_, out| out.extend_from_slice(data.as_bytes())),
            Act::Body(bytes) => self.body(bytes),
            Act::LastChunk => self.last_chunk(),
            Act::Wire(bytes) => self.outlet.waiting.extend_from_slice(bytes),
            Act::Endless(bytes, total) => self.outlet.endless(bytes, *total).await?,
            Act::Say(manner) => self.outlet.turn(*manner).await?,
            Act::Leave => {
                self.outlet.flush().await?;
                self.outlet.unpaced();
                self.slot = None;
            }
            Act::Hold(time) => {
                self.outlet.flush().await?;
                self.outlet.hold(*time).await?;
            }
            Act::Stall => {
                self.outlet.flush().await?;
                return Err(self.outlet.stall().await);
            }
        }
        Ok(())
    }

    async fn wait(&mut self, moment: Moment) -> Result<(), Left> {
        let due = match moment {
            Moment::Head => {
                let head_after = self.house.scaled(self.house.kind().habits().head_after);
                self.start + head_after.min(self.draw.first_token)
            }
            Moment::End => self.next_token + self.draw.gaps(self.script.voice.tokens - self.spoken),
            Moment::After(time) => self.outlet.due().max(self.start) + self.house.scaled(time),
        };
        self.outlet.until(due).await
    }

    async fn tokens(&mut self, range: std::ops::Range<u32>) -> Result<(), Left> {
        let (grain, choices) = (self.script.grain, self.script.voice.choices);
        let mut first = range.start;
        for token in range.clone() {
            let due = self.next_token;
            self.next_token += self.draw.gap();
            self.spoken += 1;
            let whole_chunk = match grain {
                Grain::Tokens(many) => (token + 1 - range.start).is_multiple_of(many) || token + 1 == range.end,
                Grain::Letters => true,
            };
            if !whole_chunk {
                continue;
            }
            self.outlet.until(due).await?;
            for choice in 0..choices {
                match grain {
                    Grain::Tokens(_) => {
                        self.event(|script, out| script.voice.token_chunk(choice, first..token + 1, out));
                    }
                    Grain::Letters => self.letters(choice, token),
                }
            }
            self.outlet.entry.record.tokens += token + 1 - first;
            first = token + 1;
        }
        Ok(())
    }

    fn letters(&mut self, choice: u32, token: u32) {
        for piece in 0.. {
            let mut json = Vec::new();
            if !self.script.voice.piece_chunk(choice, token, piece, &mut json) {
                break;
            }
            self.event(|_, out| out.extend_from_slice(&json));
        }
    }

    fn head(&mut self, length: Option<usize>) {
        let (head, out) = (&self.script.head, &mut self.outlet.waiting);
        self.outlet.entry.record.status = Some(head.status);
        let _ = write!(out, "{} {} {}\r\n", head.version, head.status, kinds::reason(head.status));
        out.extend_from_slice(&head.lines);
        if !head.content_type.is_empty() {
            let _ = write!(out, "content-type: {}\r\n", head.content_type);
        }
        if self.gzip.is_some() {
            out.extend_from_slice(b"content-encoding: gzip\r\n");
        }
        match (self.script.framing, length) {
            (Framing::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            (Framing::Length, Some(length)) => {
                let told = (length as i64 + self.script.lie).max(0);
                let _ = write!(out, "content-length: {told}\r\n");
            }
            _ => {}
        }
        if head.announce_close {
            out.extend_from_slice(b"connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn whole(&mut self) {
        let mut body = match &self.script.body {
            Some(body) => body.clone(),
            None => {
                let mut body = Vec::with_capacity(512 + self.script.voice.tokens as usize * 8);
                self.script.voice.message(&mut body);
                self.outlet.entry.record.tokens = self.script.voice.tokens;
                body
            }
        };
        if let Some(gzip) = self.gzip.take() {
            body = gzip.all(&body);
            self.gzip = Some(Gzip::new());
        }
        self.head(Some(body.len()));
        if self.script.half {
            body.truncate(body.len() / 2);
        }
        self.gzip = None;
        self.body(&body);
        if !self.script.half {
            self.last_chunk();
        }
    }

    /// One event, dressed as the dialect says.
    fn event(&mut self, write: impl FnOnce(&Script, &mut Vec<u8>)) {
        let (dialect, out) = (self.script.dialect, &mut self.scratch);
        let data: &[u8] = if dialect.space { b"data: " } else { b"data:" };
        if dialect.comment {
            let _ = write!(out, ": ping{0}{0}", dialect.eol);
        }
        if dialect.other_fields {
            let _ = write!(out, "id: {1}{0}event: message{0}retry: 3000{0}", dialect.eol, self.outlet.events);
        }
        out.extend_from_slice(data);
        let start = out.len();
        write(self.script, out);
        if dialect.two_lines
            && let Some(comma) = out[start..].iter().position(|byte| *byte == b',')
        {
            let break_at = start + comma + 1;
            let line = [dialect.eol.as_bytes(), data].concat();
            out.splice(break_at..break_at, line);
        }
        for end in [dialect.eol; 2] {
            out.extend_from_slice(end.as_bytes());
        }
        self.outlet.events += 1;
        self.frame();
    }

    fn body(&mut self, bytes: &[u8]) {
        self.scratch.extend_from_slice(bytes);
        self.frame();
    }

    /// Puts what is in `scratch` under the framing, into `out`.
    fn frame(&mut self) {
        if let Some(gzip) = &mut self.gzip {
            self.scratch = gzip.part(&self.scratch);
        }
        if self.scratch.is_empty() {
            return;
        }
        if self.script.framing == Framing::Chunked {
            let _ = write!(self.outlet.waiting, "{:x}\r\n", self.scratch.len());
            self.outlet.waiting.extend_from_slice(&self.scratch);
            self.outlet.waiting.extend_from_slice(b"\r\n");
        } else {
            self.outlet.waiting.extend_from_slice(&self.scratch);
        }
        self.scratch.clear();
    }

    fn last_chunk(&mut self) {
        if let Some(gzip) = self.gzip.take() {
            self.scratch = gzip.end();
            self.frame();
        }
        if self.script.framing == Framing::Chunked {
            self.outlet.waiting.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

/// Ends the connection as the script says; gives it back where it goes on.
pub(super) async fn end(script: &Script, stream: TcpStream, goes_on: bool, entry: &mut Entry) -> Option<TcpStream> {
    match script.end {
        End::Reset => {
            entry.record.ended = "reset";
            socket::reset(stream);
            None
        }
        End::KeepAlive if goes_on => {
            entry.record.ended = "complete";
            Some(stream)
        }
        End::KeepAlive | End::Close => {
            entry.record.ended = if script.end == End::Close { "closed" } else { "complete" };
            socket::finish(stream).await;
            None
        }
    }
}
