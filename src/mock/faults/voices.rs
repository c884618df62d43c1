//! Answers that are well formed and yet peculiar: what they say, who says it, how much of it, what it cost.

use std::time::Duration;

use super::super::script::{Grain, Script};
use super::super::voice::{Place, Speech};
use super::Fault;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("lamb_ollama_error", "an error told as the answer, finish_reason stop, usage -1", |script, _| {
        error_as_answer(script, "[Ollama Error] 500: model runner has unexpectedly stopped");
        usage(script, -1);
    }),
    Fault::new("lamb_create_error", "an error told as the answer: Error in create_completion", |script, _| {
        error_as_answer(script, "Error in create_completion: Connection error.");
    }),
    Fault::new("lamb_image_error", "an error told as the answer: Unable to send image", |script, _| {
        error_as_answer(script, "Unable to send image to the base LLM, multimodality is not supported. ");
    }),
    Fault::new("lamb_usage_zero", "usage 0/0/0", |script, _| usage(script, 0)),
    Fault::new("empty_answer", "no token and yet a proper end", |script, _| script.set_tokens(0)),
    Fault::new("white_answer", "an answer that is one space", |script, _| error_as_answer(script, " ")),
    Fault::new("html_in_answer", "an answer that a browser would run", |script, _| {
        script.voice.opening = Some("</script><script>alert(1)</script><img src=x onerror=alert(1)>");
    }),
    Fault::new("ansi_in_answer", "an answer that moves the cursor and renames the terminal", |script, _| {
        script.voice.opening = Some("\x1b[2J\x1b[31mfatal\x1b[0m\x1b]0;owned\x07\r\u{9b}1A\u{202e}");
    }),
    Fault::new("formula_in_answer", "an answer that a spreadsheet would run", |script, _| {
        script.voice.opening = Some("=HYPERLINK(\"http://example.com\",\"click\")\n,+1\t");
    }),
    Fault::new("wrong_model", "another model answers: the first listed one that was not asked for", |script, scene| {
        let other = scene.models.iter().find(|name| **name != scene.ask.model);
        script.voice.model = other.cloned().unwrap_or_else(|| "default-model".into());
    }),
    Fault::new("other_fingerprint", "another system_fingerprint than all other answers", |script, _| {
        script.voice.fingerprint = Some("fp_other".into());
    }),
    Fault::new("constant_id", "the same id in every answer", |script, _| script.voice.id = "chatcmpl-123".into()),
    Fault::new("length", "half of the tokens, finish_reason length", |script, _| {
        script.set_tokens(script.voice.tokens.div_ceil(2));
        script.voice.finish = Some("length");
    }),
    Fault::new("content_filter", "finish_reason content_filter", |script, _| {
        script.voice.finish = Some("content_filter")
    }),
    Fault::new("max_tokens_ignored", "more tokens than max_tokens, finish_reason stop", |script, scene| {
        script.set_tokens(scene.full_tokens);
        script.voice.finish = Some("stop");
    }),
    Fault::new("reasoning", "the first half in reasoning_content", |script, _| {
        script.voice.speech = Speech::Reasoning("reasoning_content");
    }),
    Fault::new("reasoning_field", "the first half in reasoning", |script, _| {
        script.voice.speech = Speech::Reasoning("reasoning");
    }),
    Fault::new("reasoning_only", "all of it in reasoning_content", |script, _| {
        script.voice.speech = Speech::Only("reasoning_content");
    }),
    Fault::new("refusal", "all of it in refusal", |script, _| script.voice.speech = Speech::Only("refusal")),
    Fault::new("tool_calls", "one function call, its arguments in fragments", |script, _| {
        script.voice.speech = Speech::ToolCall;
        script.voice.finish = Some("tool_calls");
    }),
    Fault::new("no_usage", "no usage, asked or not", |script, _| script.voice.usage.place = Place::Nowhere),
    Fault::new("usage_choices_empty", "a last chunk with usage and choices: [], asked or not", |script, _| {
        script.voice.usage.place = Place::LastEmpty;
    }),
    Fault::new("usage_choices_null", "a last chunk with usage and choices: null", |script, _| {
        script.voice.usage.place = Place::LastNull;
    }),
    Fault::new("usage_every_chunk", "usage in every chunk, counting", |script, _| {
        script.voice.usage.place = Place::EveryChunk;
    }),
    Fault::new("many_tokens_per_chunk", "twelve tokens a chunk", |script, _| script.grain = Grain::Tokens(12)),
    Fault::new("letters", "three letters a chunk", |script, _| script.grain = Grain::Letters),
    Fault::new("cold_start", "2.5 s later than it should be", |script, _| script.delay = Duration::from_millis(2_500)),
];

fn error_as_answer(script: &mut Script, text: &'static str) {
    script.set_tokens(1);
    script.voice.opening = Some(text);
}

fn usage(script: &mut Script, each: i64) {
    let usage = &mut script.voice.usage;
    (usage.prompt, usage.completion, usage.total) = (each, each, each);
}
