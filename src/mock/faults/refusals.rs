//! Requests that get no answer: a status that says so, or a 200 that does not.

use serde_json::json;

use super::super::kinds::{HTML, JSON, Reply, TEXT};
use super::super::script::{Framing, Scene, Script};
use super::Fault;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("status_400", "400 in the server's own shape, at once", |script, scene| {
        script.refuse(scene.kind.error(
            400,
            "invalid_request_error",
            None,
            "This model does not support that parameter.",
        ));
    }),
    Fault::new(
        "status_401",
        "401 (or what the kind of server says instead) although the key may be right",
        |script, scene| {
            script.refuse(scene.kind.wrong_key(Some("")));
        },
    ),
    Fault::new("status_404", "404: no such model", |script, scene| {
        let message = "The model does not exist or you do not have access to it.";
        script.refuse(scene.kind.error(404, "invalid_request_error", Some("model_not_found"), message));
    }),
    Fault::new("status_429", "429 without Retry-After, at once", too_many),
    Fault::new("status_429_retry_after", "429 with Retry-After: 1", |script, scene| {
        too_many(script, scene);
        retry_after(script);
    }),
    Fault::new(
        "status_500",
        "500 in the server's own shape, when the answer would have been complete",
        |script, scene| {
            script.instead(scene.kind.error(
                500,
                "server_error",
                None,
                "The server had an error while processing your request.",
            ));
        },
    ),
    Fault::new("status_500_text", "500 as text/plain, at once", |script, _| {
        script.refuse(Reply::text(500, "Internal Server Error"));
    }),
    Fault::new("status_502_html", "502 as a proxy's HTML page", |script, _| {
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
        script.refuse(Reply { status: 502, content_type: HTML, body: page.into() });
    }),
    Fault::new("status_503", "503 in the server's own shape, at once", overloaded),
    Fault::new("status_503_retry_after", "503 with Retry-After: 1", |script, scene| {
        overloaded(script, scene);
        retry_after(script);
    }),
    Fault::new("status_503_text", "503 as text/plain, as uvicorn under --limit-concurrency", |script, _| {
        script.refuse(Reply::text(503, "Service Unavailable"));
    }),
    Fault::new("redirect", "307 to another path", |script, _| {
        script.refuse(Reply::text(307, ""));
        script.head.lines.extend_from_slice(b"location: /v1/chat/completions/\r\n");
    }),
    Fault::new("traceback_422", "422 with a Python traceback in JSON", |script, _| {
        let trace = "Traceback (most recent call last):\n  File \"/opt/lamb/backend/lamb/completions/main.py\", line 158, in create_completion\n    assistant = get_assistant(id)\nValueError: Assistant with ID 58 not found\n";
        script.refuse(Reply::json(422, &json!({ "detail": trace })));
    }),
    Fault::new(
        "stream_options_refused",
        "400 to a request with stream_options; any other is answered",
        |script, scene| {
            if scene.ask.stream_options {
                let message = "Unrecognized request argument supplied: stream_options";
                script.refuse(scene.kind.error(400, "invalid_request_error", None, message));
            }
        },
    ),
    Fault::new("key_in_error", "401 whose message holds the key that was sent", |script, scene| {
        let message = format!("Incorrect API key provided: {}.", scene.bearer.unwrap_or_default());
        script.refuse(scene.kind.error(401, "invalid_request_error", Some("invalid_api_key"), &message));
    }),
    Fault::new("ansi", "500 as text that moves the cursor, colours and renames the terminal", |script, _| {
        script.refuse(Reply::text(500, "\x1b[2J\x1b[31mfatal\x1b[0m \x1b]0;owned\x07\r\x1b[1Aok\x08\x08"));
    }),
    Fault::new("formula", "400 whose message a spreadsheet would run", |script, scene| {
        script.refuse(scene.kind.error(400, "invalid_request_error", None, "=cmd|' /C calc'!A0"));
    }),
    Fault::new("lamb_literal_newline", "500 with an event whose line ends are a backslash and an n", |script, _| {
        let body = br#"data: {"error": "Error in create_completion: connection refused"}\n\n"#;
        script.refuse(Reply { status: 500, content_type: "text/event-stream; charset=utf-8", body: body.to_vec() });
        script.framing = Framing::Chunked;
    }),
    Fault::new("html_200", "200 with an HTML page", |script, _| {
        let page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>";
        script.instead(Reply { status: 200, content_type: HTML, body: page.into() });
    }),
    Fault::new("html_as_json", "200 with an HTML page that calls itself application/json", |script, _| {
        script.instead(Reply { status: 200, content_type: JSON, body: b"<html>busy</html>".to_vec() });
    }),
    Fault::new("empty_json", "200 with {}", |script, _| script.instead(Reply::json(200, &json!({})))),
    Fault::new("null_json", "200 with null", |script, _| script.instead(Reply::json(200, &json!(null)))),
    Fault::new("no_choices", "200 with choices: []", |script, _| {
        script.instead(Reply::json(200, &json!({ "id": "x", "object": "chat.completion", "choices": [] })));
    }),
    Fault::new("not_json", "200 with half of a JSON document, its length right", |script, _| {
        script.instead(Reply { status: 200, content_type: JSON, body: br#"{"choices":[{"index":0,"mess"#.to_vec() });
    }),
    Fault::new("empty_body", "200 with no body", |script, _| {
        script.instead(Reply { status: 200, content_type: JSON, body: Vec::new() });
    }),
    Fault::new("text_200", "200 as text/plain", |script, _| {
        script.instead(Reply { status: 200, content_type: TEXT, body: b"upstream timed out".to_vec() });
    }),
    Fault::new("error_in_200_json", "200 with a JSON error, streamed or not", |script, _| {
        let error =
            json!({ "error": { "message": "The model is overloaded.", "type": "server_error", "code": "overloaded" } });
        script.instead(Reply::json(200, &error));
    }),
];

fn too_many(script: &mut Script, scene: &Scene) {
    script.refuse(scene.kind.error(
        429,
        "rate_limit_error",
        Some("rate_limit_exceeded"),
        "Rate limit reached for requests.",
    ));
}

fn overloaded(script: &mut Script, scene: &Scene) {
    script.refuse(scene.kind.error(503, "server_error", None, "The engine is currently overloaded."));
}

fn retry_after(script: &mut Script) {
    script.head.lines.extend_from_slice(b"retry-after: 1\r\n");
}
