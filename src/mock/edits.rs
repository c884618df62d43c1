//! Changes to a script: what faults are made of.

use super::kinds::Reply;
use super::script::{Act, End, Framing, Moment, Script};

impl Script {
    /// Turns the answer into a reply that is given at once.
    pub(super) fn refuse(&mut self, reply: Reply) {
        self.served = false;
        self.instead(reply);
        self.acts = vec![Act::Whole];
    }

    /// Turns the answer into something else, told when the answer would have been complete.
    pub(super) fn instead(&mut self, reply: Reply) {
        self.head.status = reply.status;
        self.head.content_type = reply.content_type;
        self.body = Some(reply.body);
        self.framing = Framing::Length;
        self.acts = vec![Act::At(Moment::End), Act::Whole, Act::Leave];
        self.end = End::KeepAlive;
    }

    /// Answers with so many tokens.
    pub(super) fn set_tokens(&mut self, tokens: u32) {
        self.voice.tokens = tokens;
        self.voice.usage.completion = i64::from(tokens) * i64::from(self.voice.choices);
        self.voice.usage.total = self.voice.usage.prompt + self.voice.usage.completion;
        for act in &mut self.acts {
            if let Act::Tokens(range) = act {
                *range = 0..tokens;
            }
        }
    }

    /// Breaks off in the middle: of the tokens of a stream, of the body of anything else. Then come these acts.
    pub(super) fn break_off(&mut self, then: impl IntoIterator<Item = Act>) {
        if let Some(index) = self.acts.iter().position(|act| matches!(act, Act::Tokens(_))) {
            self.acts.truncate(index);
            self.acts.push(Act::Tokens(0..self.voice.tokens.div_ceil(2)));
        } else {
            self.half = true;
            self.acts = vec![Act::At(Moment::End), Act::Whole];
        }
        self.acts.extend(then);
    }

    /// Leaves acts out.
    pub(super) fn without(&mut self, left_out: &[Act]) {
        self.acts.retain(|act| !left_out.contains(act));
    }

    /// Puts acts before this one, if it is there.
    pub(super) fn before(&mut self, place: &Act, acts: impl IntoIterator<Item = Act>) {
        if let Some(index) = self.acts.iter().position(|act| act == place) {
            self.acts.splice(index..index, acts);
        }
    }

    /// Puts acts behind this one, if it is there.
    pub(super) fn behind(&mut self, place: &Act, acts: impl IntoIterator<Item = Act>) {
        if let Some(index) = self.acts.iter().position(|act| act == place) {
            self.acts.splice(index + 1..index + 1, acts);
        }
    }
}
