//! The kinds of server: what tells them apart on the wire. A table of habits, and each one's way of saying no.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::settings::Kind;

/// What a kind of server always does.
pub(super) struct Habits {
    /// Header lines that are the same in every response.
    pub(super) headers: &'static str,
    pub(super) owned_by: &'static str,
    pub(super) fingerprint: Option<&'static str>,
    /// Streams end with usage although nobody asked for it.
    pub(super) usage_unasked: bool,
    /// Only `model`, `messages` and `stream` of a request count.
    pub(super) drops_parameters: bool,
    /// Streams: from the beginning of service to the head.
    pub(super) head_after: Duration,
    /// A role-only chunk comes with the head; else the role stands in every chunk.
    pub(super) role_chunk: bool,
    pub(super) idle_close: Option<Duration>,
    /// Announces keep-alive, and closes after a stream all the same.
    pub(super) closes_after_stream: bool,
    pub(super) requests_per_connection: Option<u64>,
    pub(super) models_need_key: bool,
}

const COMMON: Habits = Habits {
    headers: "",
    owned_by: "",
    fingerprint: None,
    usage_unasked: false,
    drops_parameters: false,
    head_after: Duration::ZERO,
    role_chunk: true,
    idle_close: None,
    closes_after_stream: false,
    requests_per_connection: None,
    models_need_key: true,
};

const UVICORN_IDLE: Option<Duration> = Some(Duration::from_secs(5));

const OPENAI: Habits = Habits {
    headers: "openai-version: 2020-10-01\r\nserver: cloudflare\r\n",
    owned_by: "openai",
    fingerprint: Some("fp_44709d6fcb"),
    ..COMMON
};

const LAMB: Habits = Habits {
    headers: "server: uvicorn\r\nopenai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 60\r\nx-ratelimit-limit-tokens: 150000\r\nx-ratelimit-remaining-requests: 59\r\nx-ratelimit-remaining-tokens: 149984\r\nx-ratelimit-reset-requests: 1s\r\nx-ratelimit-reset-tokens: 6m0s\r\n",
    owned_by: "lamb_v4",
    usage_unasked: true,
    drops_parameters: true,
    head_after: Duration::from_millis(50),
    idle_close: UVICORN_IDLE,
    models_need_key: false,
    ..COMMON
};

const OLLAMA: Habits =
    Habits { owned_by: "library", fingerprint: Some("fp_ollama"), role_chunk: false, models_need_key: false, ..COMMON };

const LITELLM: Habits = Habits {
    headers: "server: uvicorn\r\nx-litellm-version: 1.80.0\r\nx-litellm-model-region: None\r\nx-litellm-key-spend: 0.0\r\n",
    owned_by: "openai",
    idle_close: UVICORN_IDLE,
    ..COMMON
};

const VLLM: Habits = Habits { headers: "server: uvicorn\r\n", owned_by: "vllm", idle_close: UVICORN_IDLE, ..COMMON };

const LLAMA_CPP: Habits = Habits {
    headers: "server: llama.cpp\r\naccess-control-allow-origin: \r\nkeep-alive: timeout=5, max=100\r\n",
    owned_by: "llamacpp",
    fingerprint: Some("b6989-eeee367de"),
    closes_after_stream: true,
    requests_per_connection: Some(100),
    models_need_key: false,
    ..COMMON
};

/// Something other than an answer: a status and a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const HTML: &str = "text/html; charset=utf-8";

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Reply {
        Reply { status, content_type: JSON, body: body.to_string().into_bytes() }
    }

    pub(super) fn text(status: u16, body: &str) -> Reply {
        Reply { status, content_type: TEXT, body: body.as_bytes().to_vec() }
    }
}

impl Kind {
    /// What it always does.
    pub(super) fn habits(self) -> &'static Habits {
        match self {
            Kind::Openai => &OPENAI,
            Kind::Lamb => &LAMB,
            Kind::Ollama => &OLLAMA,
            Kind::Litellm => &LITELLM,
            Kind::Vllm => &VLLM,
            Kind::LlamaCpp => &LLAMA_CPP,
        }
    }

    /// An error in its own shape.
    pub(super) fn error(self, status: u16, slug: &str, code: Option<&str>, message: &str) -> Reply {
        let body = match self {
            Kind::Openai | Kind::Ollama => {
                json!({ "error": { "message": message, "type": slug, "param": null, "code": code } })
            }
            Kind::Lamb => json!({ "detail": message }),
            Kind::Litellm => {
                json!({ "error": { "message": message, "type": slug, "param": "None", "code": status.to_string() } })
            }
            Kind::Vllm => json!({ "error": { "message": message, "type": slug, "param": null, "code": status } }),
            Kind::LlamaCpp => json!({ "error": { "code": status, "message": message, "type": slug } }),
        };
        Reply::json(status, &body)
    }

    /// A key that is wrong, or that is missing.
    pub(super) fn wrong_key(self, key: Option<&str>) -> Reply {
        match (self, key) {
            (Kind::Openai, Some(_)) => {
                self.error(401, "invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided.")
            }
            (Kind::Openai, None) => self.error(401, "invalid_request_error", None, "You didn't provide an API key."),
            (Kind::Lamb, Some(_)) => self.error(401, "", None, "Invalid API key"),
            (Kind::Lamb, None) => self.error(401, "", None, "Not authenticated"),
            (Kind::Ollama, _) => Reply::json(401, &json!({ "error": "unauthorized" })),
            // Without a database there is no table of keys to look them up in.
            (Kind::Litellm, Some(_)) => self.error(400, "no_db_connection", None, "No connected db."),
            (Kind::Litellm, None) => Reply::text(500, "Internal Server Error"),
            (Kind::Vllm, _) => Reply::json(401, &json!({ "error": "Unauthorized" })),
            (Kind::LlamaCpp, _) => self.error(401, "authentication_error", None, "Invalid API Key"),
        }
    }

    /// A path that it does not know.
    pub(super) fn not_found(self, method: &str, path: &str) -> Reply {
        match self {
            Kind::Openai => {
                let message = format!("Invalid URL ({method} {path})");
                self.error(404, "invalid_request_error", None, &message)
            }
            // The web interface answers whatever it does not know.
            Kind::Lamb if method == "GET" => {
                let body =
                    "<!DOCTYPE html><html><head><title>LAMB</title></head><body><div id=\"app\"></div></body></html>";
                Reply { status: 200, content_type: HTML, body: body.into() }
            }
            Kind::Ollama => Reply::text(404, "404 page not found"),
            Kind::Lamb | Kind::Litellm | Kind::Vllm => Reply::json(404, &json!({ "detail": "Not Found" })),
            Kind::LlamaCpp => self.error(404, "not_found_error", None, "File Not Found"),
        }
    }

    /// What it answers to a GET of one of its own pages, if this is one.
    pub(super) fn page(self, path: &str, models: &[String]) -> Option<Reply> {
        let ok = |body: Value| Some(Reply::json(200, &body));
        match (self, path) {
            (Kind::Lamb, "/status") => ok(json!({ "status": true })),
            (Kind::Ollama, "/") => Some(Reply::text(200, "Ollama is running")),
            (Kind::Ollama, "/api/version") => ok(json!({ "version": "0.12.11" })),
            (Kind::Ollama, "/api/tags") => {
                let entry = |name: &String| json!({ "name": name, "model": name, "size": 397_821_319, "details": { "format": "gguf" } });
                ok(json!({ "models": models.iter().map(entry).collect::<Vec<_>>() }))
            }
            (Kind::Litellm, "/health/liveliness" | "/health/liveness") => ok(json!("I'm alive!")),
            (Kind::Litellm, "/health/readiness") => ok(json!({ "status": "healthy", "db": "Not connected" })),
            (Kind::Vllm, "/version") => ok(json!({ "version": "0.11.2" })),
            (Kind::Vllm, "/health" | "/ping") => Some(Reply { status: 200, content_type: TEXT, body: Vec::new() }),
            (Kind::LlamaCpp, "/health") => ok(json!({ "status": "ok" })),
            (Kind::LlamaCpp, "/props") => {
                ok(json!({ "total_slots": 4, "model_path": models.first(), "build_info": "b6989-eeee367de" }))
            }
            _ => None,
        }
    }

    /// What `/v1/models` lists.
    pub(super) fn models(self, models: &[String], created: u64) -> Reply {
        let entry = |id: &String| {
            let mut entry =
                json!({ "id": id, "object": "model", "created": created, "owned_by": self.habits().owned_by });
            if self == Kind::Vllm {
                entry["max_model_len"] = json!(32_768);
            }
            entry
        };
        Reply::json(200, &json!({ "object": "list", "data": models.iter().map(entry).collect::<Vec<_>>() }))
    }

    /// Header lines that differ from request to request.
    pub(super) fn request_headers(self, identity: u64, out: &mut Vec<u8>) {
        let _ = match self {
            Kind::Openai => {
                write!(out, "x-request-id: req_{identity:016x}\r\nopenai-processing-ms: {}\r\n", 100 + identity % 400)
            }
            // The milliseconds are drawn at random: the real one does the same.
            Kind::Lamb => {
                write!(out, "x-request-id: {identity:016x}\r\nopenai-processing-ms: {}\r\n", 100 + identity % 900)
            }
            Kind::Litellm => write!(out, "x-litellm-call-id: {identity:016x}\r\n"),
            Kind::Vllm => write!(out, "x-request-id: {identity:016x}\r\n"),
            Kind::Ollama | Kind::LlamaCpp => Ok(()),
        };
    }
}

/// The words after a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
