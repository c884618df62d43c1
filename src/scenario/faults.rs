//! The faults that the embedded endpoint can show, by name.
//!
//! The list is the endpoint's; it is written down here because the two share no code, and a test holds them together.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::mock_table::{Delay, Distribution, Mock};
use super::problem::choose;
use super::targets::Work;
use super::units::{Share, Time};

/// Every fault's name.
pub const FAULTS: [&str; 120] = [
    "status_400",
    "status_401",
    "status_404",
    "status_429",
    "status_429_retry_after",
    "status_500",
    "status_500_text",
    "status_502_html",
    "status_503",
    "status_503_retry_after",
    "status_503_text",
    "redirect",
    "traceback_422",
    "stream_options_refused",
    "key_in_error",
    "ansi",
    "formula",
    "lamb_literal_newline",
    "html_200",
    "html_as_json",
    "empty_json",
    "null_json",
    "no_choices",
    "not_json",
    "empty_body",
    "text_200",
    "error_in_200_json",
    "lamb_ollama_error",
    "lamb_create_error",
    "lamb_image_error",
    "lamb_usage_zero",
    "empty_answer",
    "white_answer",
    "html_in_answer",
    "ansi_in_answer",
    "formula_in_answer",
    "wrong_model",
    "other_fingerprint",
    "constant_id",
    "length",
    "content_filter",
    "max_tokens_ignored",
    "reasoning",
    "reasoning_field",
    "reasoning_only",
    "refusal",
    "tool_calls",
    "no_usage",
    "usage_choices_empty",
    "usage_choices_null",
    "usage_every_chunk",
    "many_tokens_per_chunk",
    "letters",
    "cold_start",
    "crlf",
    "cr",
    "no_space",
    "comments",
    "multi_line_data",
    "other_fields",
    "bom",
    "role_only_first",
    "split_bytes",
    "many_events_one_write",
    "buffered",
    "sse_as_text_plain",
    "no_content_type",
    "json_instead_of_sse",
    "sse_instead_of_json",
    "error_event",
    "error_event_only",
    "event_error",
    "lamb_raw_error_line",
    "lamb_empty_stream",
    "empty_framed_stream",
    "done_only",
    "finish_only",
    "no_done",
    "no_finish",
    "no_end",
    "no_final_blank_line",
    "finish_without_blank_line",
    "dead_then_done",
    "words_after_done",
    "bad_json_event",
    "invalid_utf8",
    "truncated",
    "reset_mid_body",
    "reset_before_head",
    "close_before_head",
    "truncated_head",
    "not_http",
    "stall",
    "stall_after_head",
    "stall_mid_stream",
    "slow_headers",
    "one_byte_a_minute",
    "late_last_chunk",
    "slow_close",
    "done_but_open",
    "close_after_each",
    "keep_alive_then_close",
    "close_idle_5s",
    "http10",
    "until_close",
    "truncated_until_close",
    "length_too_long",
    "length_too_short",
    "bad_chunk",
    "trailers",
    "early_hints",
    "two_answers",
    "gzip",
    "gzip_bomb",
    "many_headers",
    "endless_header",
    "endless_headers",
    "endless_line",
    "endless_stream",
    "endless_body",
];

/// The longest time that the endpoint takes, in seconds.
const LONGEST: u64 = 24 * 3600;

/// What editors offer: a table from these names to shares.
pub(super) struct FaultTable;

impl JsonSchema for FaultTable {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Faults".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (names, share) = (FAULTS.as_slice(), Share::json_schema(generator));
        json_schema!({ "type": "object", "propertyNames": { "enum": names }, "additionalProperties": share })
    }
}

/// Holds the endpoint's settings to what it can do, beyond types.
pub(super) fn check(work: &mut Work<'_, '_>, mock: &Mock) -> Option<()> {
    let mut right = true;
    let node = work.node.key("mock").unwrap_or(work.node);
    let mut sum = 0.0;
    for (name, share) in mock.faults.iter().flatten() {
        sum += share.0;
        if !FAULTS.contains(&name.as_str()) {
            let spot = node.find(&["faults", name]).unwrap_or(node).spot.clone();
            work.desk.wrong_key(&spot, "no such fault", choose(name, FAULTS));
            right = false;
        }
    }
    if sum > 1.0 + 1e-9 {
        let spot = node.key("faults").unwrap_or(node).spot.clone();
        work.desk.wrong(&spot, "the shares sum to more than 100%", "lower them: a request shows one fault at most");
        right = false;
    }
    let times = [("first_token", mock.first_token), ("per_token", mock.per_token)];
    let idle = mock.idle_close.map(|time| ("idle_close", vec![time]));
    let times = times.into_iter().filter_map(|(key, delay)| delay.map(|delay| (key, of(delay)))).chain(idle);
    for (key, _) in times.filter(|(_, times)| times.iter().any(|time| time.0.as_secs() > LONGEST)) {
        let spot = node.key(key).unwrap_or(node).spot.clone();
        work.desk.wrong(&spot, "longer than a day", "write a shorter time, such as \"1s\"");
        right = false;
    }
    if mock.time_scale.is_some_and(|scale| !(0.0..=1000.0).contains(&scale)) {
        let spot = node.key("time_scale").unwrap_or(node).spot.clone();
        work.desk.wrong(&spot, "out of range: 0 to 1000", "1 leaves times as they are, 0.1 is ten times as fast");
        right = false;
    }
    right.then_some(())
}

fn of(delay: Delay) -> Vec<Time> {
    match delay {
        Delay::Constant(time) => vec![time],
        Delay::Drawn(Distribution { constant, lognormal, bimodal }) => {
            let lognormal = lognormal.map(|lognormal| lognormal.median);
            let bimodal = bimodal.map(|bimodal| [bimodal.fast, bimodal.slow]);
            constant.into_iter().chain(lognormal).chain(bimodal.into_iter().flatten()).collect()
        }
    }
}
