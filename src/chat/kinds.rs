//! One table for each kind of server: facts from running servers and their sources.

use super::server::{Clue, Habits};
use crate::sample::Outcome;
use crate::scenario::plan::ServerKind;

/// Every kind that can be recognised or named, in the order in which clues are tried.
pub(super) const TABLES: [&Habits; 6] = [&LAMB, &LITELLM, &VLLM, &OLLAMA, &LLAMA_CPP, &OPENAI];

/// A server of which nothing is known.
pub(super) const UNKNOWN: Habits = Habits {
    kind: ServerKind::Auto,
    label: "unknown",
    clues: &[],
    // Nobody begins an answer like this: where the kind is unknown, LAMB's clearest marks still count.
    error_starts: &["[Ollama Error]", "Error in create_completion:"],
    untrue_headers: &[],
    drops: &[],
    keeps: &[],
    advice: &[],
};

const LAMB: Habits = Habits {
    kind: ServerKind::Lamb,
    label: "LAMB",
    clues: &[Clue::OwnedBy("lamb_v4")],
    error_starts: &[
        "[Ollama Error]",
        "Error in create_completion",
        "Unable to send image",
        "❌ Configuration Error:",
        "❌ Authentication Error:",
        "❌ Generation Error:",
        "❌ Error:",
    ],
    untrue_headers: &["openai-processing-ms", "x-ratelimit-"],
    drops: &[],
    keeps: &["model", "messages", "stream"],
    advice: &[
        (
            Outcome::TimeoutTotal,
            "LAMB retries its upstream up to three times, 120 s each: raise `timeout` or lower LLM_REQUEST_TIMEOUT",
        ),
        (
            Outcome::TimeoutFirstToken,
            "LAMB queues what exceeds LLM_MAX_CONNECTIONS (50), and some RAG steps answer one at a time",
        ),
        (
            Outcome::StaleConnection,
            "uvicorn, which runs LAMB, closes idle connections after 5 s: `connections = \"cold\"`, or fewer users",
        ),
        (
            Outcome::ErrorInBody,
            "LAMB delivers upstream failures as a 200: look at its log, OLLAMA_REQUEST_TIMEOUT and the upstream itself",
        ),
        (Outcome::Truncated, "LAMB ends a stream like this when its upstream fails: look at its log for the cause"),
        (
            Outcome::WrongModel,
            "LAMB falls back to the organisation's default model without a word: look at the assistant's model",
        ),
        (
            Outcome::Malformed,
            "LAMB answers an unknown path with its web page: does `url` end before `/v1`, or is `path` the assistant's?",
        ),
    ],
};

const LITELLM: Habits = Habits {
    kind: ServerKind::LiteLlm,
    label: "LiteLLM",
    clues: &[Clue::Header("x-litellm-")],
    error_starts: &[],
    untrue_headers: &[],
    drops: &[],
    keeps: &[],
    advice: &[
        (
            Outcome::RateLimited,
            "LiteLLM hands on its upstream's limit, or its own rpm and tpm: look at the deployment's settings",
        ),
        (
            Outcome::TimeoutTotal,
            "LiteLLM retries its upstream (num_retries) and waits request_timeout each: raise `timeout` or lower these",
        ),
    ],
};

const VLLM: Habits = Habits {
    kind: ServerKind::Vllm,
    label: "vLLM",
    clues: &[Clue::OwnedBy("vllm")],
    error_starts: &[],
    untrue_headers: &[],
    drops: &[],
    keeps: &[],
    advice: &[
        (
            Outcome::TimeoutFirstToken,
            "vLLM queues what exceeds --max-num-seqs or its KV cache: fewer users, shorter prompts, or more memory for it",
        ),
        (Outcome::TimeoutTotal, "vLLM preempts requests when its KV cache is full: fewer users, or a longer `timeout`"),
    ],
};

const OLLAMA: Habits = Habits {
    kind: ServerKind::Ollama,
    label: "Ollama",
    clues: &[Clue::Fingerprint("fp_ollama"), Clue::OwnedBy("library")],
    error_starts: &[],
    untrue_headers: &[],
    drops: &[],
    keeps: &[],
    advice: &[
        (
            Outcome::TimeoutFirstToken,
            "Ollama answers OLLAMA_NUM_PARALLEL requests at a time and loads a model on its first request",
        ),
        (
            Outcome::TimeoutTotal,
            "Ollama answers OLLAMA_NUM_PARALLEL requests at a time and the others wait: raise it, or raise `timeout`",
        ),
        (Outcome::RateLimited, "Ollama's queue is full: OLLAMA_MAX_QUEUE, or fewer users"),
        (Outcome::HttpError, "Ollama answers 404 for a model that is not pulled and 503 when OLLAMA_MAX_QUEUE is full"),
    ],
};

const LLAMA_CPP: Habits = Habits {
    kind: ServerKind::LlamaCpp,
    label: "llama.cpp",
    clues: &[Clue::Server("llama.cpp"), Clue::OwnedBy("llamacpp")],
    error_starts: &[],
    untrue_headers: &[],
    drops: &["model"],
    keeps: &[],
    advice: &[
        (
            Outcome::Empty,
            "a prompt beyond a slot's context is answered with nothing: the context is divided among --parallel slots",
        ),
        (Outcome::TimeoutFirstToken, "llama.cpp answers --parallel requests at a time and the others wait"),
        (Outcome::TimeoutTotal, "llama.cpp answers --parallel requests at a time: raise it, or raise `timeout`"),
        (Outcome::StaleConnection, "llama.cpp closes a connection after each stream: `connections = \"cold\"`"),
    ],
};

const OPENAI: Habits = Habits {
    kind: ServerKind::OpenAi,
    label: "OpenAI",
    clues: &[Clue::Header("openai-organization"), Clue::OwnedBy("openai-internal")],
    error_starts: &[],
    untrue_headers: &[],
    drops: &[],
    keeps: &[],
    advice: &[(
        Outcome::RateLimited,
        "the account's limit of requests or tokens a minute: fewer users, or a higher tier",
    )],
};
