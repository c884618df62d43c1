//! Every fault that the embedded endpoint can play, sent through the program, against what its rows must say.

use std::collections::BTreeMap;

use crate::support::{Folder, Row, load};

/// Fault, outcome of a whole answer, outcome of a streamed one. Where a server that fails so in a stream says it otherwise
/// when asked for the whole, the endpoint does too. An endless stream of good events meets whichever limit comes first.
const TABLE: &[(&str, &str, &str)] = &[
    // Refused.
    ("status_400", "http_error", "http_error"),
    ("status_401", "http_error", "http_error"),
    ("status_404", "http_error", "http_error"),
    ("status_429", "rate_limited", "rate_limited"),
    ("status_429_retry_after", "rate_limited", "rate_limited"),
    ("status_500", "http_error", "http_error"),
    ("status_500_text", "http_error", "http_error"),
    ("status_502_html", "http_error", "http_error"),
    ("status_503", "http_error", "http_error"),
    ("status_503_retry_after", "rate_limited", "rate_limited"),
    ("status_503_text", "http_error", "http_error"),
    ("redirect", "http_error", "http_error"),
    ("traceback_422", "http_error", "http_error"),
    ("stream_options_refused", "ok", "http_error"),
    ("key_in_error", "http_error", "http_error"),
    ("ansi", "http_error", "http_error"),
    ("formula", "http_error", "http_error"),
    ("lamb_literal_newline", "http_error", "http_error"),
    // A 200 that is no answer.
    ("html_200", "malformed", "malformed"),
    ("html_as_json", "malformed", "malformed"),
    ("empty_json", "malformed", "malformed"),
    ("null_json", "malformed", "malformed"),
    ("no_choices", "empty", "empty"),
    ("not_json", "malformed", "malformed"),
    ("empty_body", "malformed", "malformed"),
    ("text_200", "malformed", "malformed"),
    ("error_in_200_json", "error_in_body", "error_in_body"),
    ("lamb_ollama_error", "error_in_body", "error_in_body"),
    ("lamb_create_error", "error_in_body", "error_in_body"),
    ("lamb_image_error", "error_in_body", "error_in_body"),
    ("empty_answer", "empty", "empty"),
    ("white_answer", "empty", "empty"),
    // Odd, and an answer.
    ("lamb_usage_zero", "ok", "ok"),
    ("html_in_answer", "ok", "ok"),
    ("ansi_in_answer", "ok", "ok"),
    ("formula_in_answer", "ok", "ok"),
    ("wrong_model", "ok", "ok"),
    ("other_fingerprint", "ok", "ok"),
    ("constant_id", "ok", "ok"),
    ("length", "ok", "ok"),
    ("content_filter", "ok", "ok"),
    ("max_tokens_ignored", "ok", "ok"),
    ("reasoning", "ok", "ok"),
    ("reasoning_field", "ok", "ok"),
    ("reasoning_only", "empty", "empty"),
    ("refusal", "ok", "ok"),
    ("tool_calls", "ok", "ok"),
    ("no_usage", "ok", "ok"),
    ("usage_choices_empty", "ok", "ok"),
    ("usage_choices_null", "ok", "ok"),
    ("usage_every_chunk", "ok", "ok"),
    ("many_tokens_per_chunk", "ok", "ok"),
    ("letters", "ok", "ok"),
    ("cold_start", "ok", "ok"),
    ("crlf", "ok", "ok"),
    ("cr", "ok", "ok"),
    ("no_space", "ok", "ok"),
    ("comments", "ok", "ok"),
    ("multi_line_data", "ok", "ok"),
    ("other_fields", "ok", "ok"),
    ("bom", "ok", "ok"),
    ("role_only_first", "ok", "ok"),
    ("split_bytes", "ok", "ok"),
    ("many_events_one_write", "ok", "ok"),
    ("buffered", "ok", "ok"),
    ("sse_as_text_plain", "ok", "ok"),
    ("no_content_type", "ok", "ok"),
    ("json_instead_of_sse", "ok", "ok"),
    ("sse_instead_of_json", "ok", "ok"),
    // Streams that die.
    ("error_event", "error_in_body", "error_in_body"),
    ("error_event_only", "http_error", "error_in_body"),
    ("event_error", "error_in_body", "error_in_body"),
    ("lamb_raw_error_line", "http_error", "error_in_body"),
    ("lamb_empty_stream", "http_error", "truncated"),
    ("empty_framed_stream", "http_error", "empty"),
    ("done_only", "http_error", "empty"),
    ("finish_only", "http_error", "empty"),
    ("no_done", "ok", "ok"),
    ("no_finish", "ok", "truncated"),
    ("no_end", "ok", "truncated"),
    ("no_final_blank_line", "ok", "ok"),
    ("finish_without_blank_line", "ok", "ok"),
    ("dead_then_done", "error_in_body", "truncated"),
    ("words_after_done", "ok", "ok"),
    ("bad_json_event", "ok", "malformed"),
    ("invalid_utf8", "ok", "ok"),
    // The connection.
    ("truncated", "truncated", "truncated"),
    ("reset_mid_body", "reset", "reset"),
    ("reset_before_head", "reset", "reset"),
    ("close_before_head", "truncated", "truncated"),
    ("truncated_head", "truncated", "truncated"),
    ("not_http", "malformed", "malformed"),
    ("slow_headers", "ok", "ok"),
    ("late_last_chunk", "ok", "ok"),
    ("slow_close", "ok", "ok"),
    ("close_after_each", "ok", "ok"),
    ("keep_alive_then_close", "ok", "ok"),
    ("close_idle_5s", "ok", "ok"),
    ("http10", "ok", "ok"),
    ("until_close", "ok", "ok"),
    ("truncated_until_close", "malformed", "truncated"),
    ("length_too_long", "truncated", "ok"),
    ("length_too_short", "malformed", "empty"),
    ("bad_chunk", "ok", "truncated"),
    ("trailers", "ok", "ok"),
    ("early_hints", "ok", "ok"),
    ("two_answers", "ok", "ok"),
    ("gzip", "ok", "ok"),
    // Without end.
    ("stall", "timeout_total", "timeout_total"),
    ("stall_after_head", "timeout_total", "timeout_total"),
    ("stall_mid_stream", "timeout_total", "timeout_total"),
    ("one_byte_a_minute", "timeout_total", "timeout_total"),
    ("done_but_open", "timeout_total", "ok"),
    ("gzip_bomb", "malformed", "too_large"),
    ("many_headers", "too_large", "too_large"),
    ("endless_header", "too_large", "too_large"),
    ("endless_headers", "too_large", "too_large"),
    ("endless_line", "too_large", "too_large"),
    ("endless_stream", "too_large", "too_large timeout_total"),
    ("endless_body", "too_large", "too_large"),
];

/// Faults that end with the timeout: theirs is short.
const PATIENT: [&str; 5] = ["stall", "stall_after_head", "stall_mid_stream", "one_byte_a_minute", "done_but_open"];

/// Runs these faults, two requests each, and says what the rows of each were.
fn play(names: &[&str], stream: bool, timeout: &str) -> BTreeMap<String, Vec<Row>> {
    let folder = Folder::new();
    let mut text = format!(
        "models = [\"m\"]\nusers = [2]\nprompts = [\"Say hello.\"]\ntimeout = \"{timeout}\"\n\n[preflight]\nrequests = 0\n\n\
         [request]\nstream = {stream}\n\n[expect]\nsuccess_rate = \">= 0%\"\n"
    );
    for name in names {
        let kind = if name.starts_with("lamb_") { "lamb" } else { "openai" };
        text.push_str(&format!(
            "\n[targets.{name}]\nserver = \"{kind}\"\nmock = {{ kind = \"{kind}\", first_token = \"5ms\", per_token = \"1ms\", \
             tokens = 12, faults = {{ {name} = \"100%\" }} }}\n"
        ));
    }
    folder.write("faults.toml", &text);
    let done = folder.run(&["run", "faults.toml", "-q"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in load(&folder.latest("faults")) {
        rows.entry(row["target"].clone()).or_default().push(row);
    }
    rows
}

/// Compares every row with the table.
fn hold(stream: bool) {
    let (patient, prompt): (Vec<&str>, Vec<&str>) =
        TABLE.iter().map(|row| row.0).partition(|name| PATIENT.contains(name));
    let mut rows = play(&prompt, stream, "20s");
    rows.extend(play(&patient, stream, "1s"));
    let mut wrong = Vec::new();
    for (fault, whole, streamed) in TABLE {
        let wanted = if stream { streamed } else { whole };
        let got: Vec<String> = rows[*fault].iter().map(|row| format!("{} {}", row["outcome"], row["error"])).collect();
        if got.len() != 2 || rows[*fault].iter().any(|row| !wanted.split(' ').any(|one| row["outcome"] == one)) {
            wrong.push(format!("{fault}: not {wanted} but {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "stream = {stream}\n{}", wrong.join("\n"));
}

#[test]
fn every_fault_of_a_whole_answer_has_its_outcome() {
    hold(false);
}

#[test]
fn every_fault_of_a_stream_has_its_outcome() {
    hold(true);
}

#[test]
fn the_table_has_every_fault_once() {
    let mut ours: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
    let mut theirs: Vec<&str> = lamb_load::mock::faults().iter().map(|fault| fault.0).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
}

#[test]
fn what_a_server_says_cannot_move_a_cursor_or_run_in_a_spreadsheet() {
    let folder = Folder::new();
    let faults = ["ansi", "formula", "ansi_in_answer", "formula_in_answer", "html_in_answer"];
    let mut text = "models = [\"m\"]\nusers = [2]\nprompts = [\"Hi.\"]\n[preflight]\nrequests = 0\n".to_owned();
    for fault in faults {
        text.push_str(&format!(
            "[targets.{fault}]\nmock = {{ first_token = \"1ms\", tokens = 3, faults = {{ {fault} = \"100%\" }} }}\n"
        ));
    }
    folder.write("s.toml", &text);
    let done = folder.run(&["run", "s.toml", "-v"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    assert!(!done.said().contains('\x1b') && !done.said().contains('\x07'), "{:?}", done.said());
    let run = folder.latest("s");
    for entry in std::fs::read_dir(&run).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains('\x1b') && !text.contains('\x07'), "{}", path.display());
        if path.extension().is_some_and(|extension| extension == "csv") {
            let mut cells = text.lines().flat_map(|line| line.split(','));
            assert!(!cells.any(|cell| cell.trim_start_matches('"').starts_with("=cmd")), "{}", path.display());
        }
    }
}
