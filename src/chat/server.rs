//! Kinds of server and their habits: what betrays them, what they deliver as an answer though it is an error, what they
//! drop without a word, and what to advise when something fails there.
//!
//! Adding a kind is adding one table to `kinds.rs` (and its name to the scenario's list). Tables are data; what is an
//! error in general, of any server, is `answer.rs`'s business.

use super::kinds::{TABLES, UNKNOWN};
use crate::sample::Outcome;
use crate::scenario::plan::ServerKind;

/// The habits of one kind of server.
#[derive(Debug)]
pub struct Habits {
    /// Which kind.
    pub kind: ServerKind,
    /// Its name as its makers write it.
    pub label: &'static str,
    /// What it says of itself; any of these is enough. The first table with a clue that fits is the kind.
    pub clues: &'static [Clue],
    /// Beginnings of texts that are errors delivered as answers.
    pub error_starts: &'static [&'static str],
    /// Response headers that are invented there and must not be believed.
    pub untrue_headers: &'static [&'static str],
    /// Keys of the request that it drops without a word; keys beside the list of what it keeps, if `keeps` is not empty.
    pub drops: &'static [&'static str],
    /// The only keys of the request that it keeps, where all others are dropped.
    pub keeps: &'static [&'static str],
    /// What to do about an outcome there.
    pub advice: &'static [(Outcome, &'static str)],
}

/// Something that a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clue {
    /// `owned_by` of a listed model.
    OwnedBy(&'static str),
    /// A response header of a name that begins so.
    Header(&'static str),
    /// The `Server` header begins so.
    Server(&'static str),
    /// `system_fingerprint` begins so.
    Fingerprint(&'static str),
}

/// What was heard of a server in pre-flight.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// `owned_by` of each listed model.
    pub owners: Vec<String>,
    /// Response headers: lower-case names and values.
    pub headers: Vec<(String, String)>,
    /// The answer's `system_fingerprint`.
    pub fingerprint: Option<String>,
}

impl Clue {
    fn fits(self, heard: &Heard) -> bool {
        match self {
            Clue::OwnedBy(owner) => heard.owners.iter().any(|heard| heard == owner),
            Clue::Header(prefix) => heard.headers.iter().any(|(name, _)| name.starts_with(prefix)),
            Clue::Server(prefix) => {
                heard.headers.iter().any(|(name, value)| name == "server" && value.starts_with(prefix))
            }
            Clue::Fingerprint(prefix) => heard.fingerprint.as_ref().is_some_and(|heard| heard.starts_with(prefix)),
        }
    }
}

impl Habits {
    /// The habits of a kind; of [`ServerKind::Auto`], those that any server may have.
    pub fn of(kind: ServerKind) -> &'static Habits {
        TABLES.iter().copied().find(|table| table.kind == kind).unwrap_or(&UNKNOWN)
    }

    /// Whether the text is an error delivered as an answer.
    pub fn is_error(&self, text: &str) -> bool {
        let text = text.trim_start();
        self.error_starts.iter().any(|start| text.starts_with(start))
    }

    /// Whether this key of the request has no effect there.
    pub fn drops(&self, key: &str) -> bool {
        self.drops.contains(&key) || !(self.keeps.is_empty() || self.keeps.contains(&key))
    }
}

/// The kind that what was heard betrays, and `None` where nothing does.
pub fn recognise(heard: &Heard) -> Option<ServerKind> {
    TABLES.iter().find(|table| table.clues.iter().any(|clue| clue.fits(heard))).map(|table| table.kind)
}

/// What to do about failures of this outcome: the server's own advice, else what holds for any.
pub fn advice(kind: ServerKind, outcome: Outcome, status: Option<u16>) -> Option<&'static str> {
    let own = Habits::of(kind).advice.iter().find(|(about, _)| *about == outcome);
    own.map(|(_, sentence)| *sentence).or_else(|| general_advice(outcome, status))
}

fn general_advice(outcome: Outcome, status: Option<u16>) -> Option<&'static str> {
    Some(match (outcome, status) {
        (Outcome::HttpError, Some(401 | 403)) => "the key is not accepted: look at `api_key` of the target",
        (Outcome::HttpError, Some(404)) => "nothing answers at this path or to this model: look at `url` and `models`",
        (Outcome::HttpError, Some(400 | 422)) => {
            "the server refuses the request itself: look at `models` and `[request]`"
        }
        (Outcome::HttpError, Some(300..400)) => {
            "the server redirects, and redirects are not followed: use the final URL"
        }
        (Outcome::HttpError, Some(413)) => "the prompt is too long for the server",
        (Outcome::HttpError, Some(502..=504)) => {
            "a proxy in front gave up waiting: raise its timeout, or use fewer users"
        }
        (Outcome::HttpError, _) => "the server failed: its log tells more",
        (Outcome::ClientFailed, _) => "this machine ran out of descriptors, ports or memory: `ulimit -n`, fewer users",
        (Outcome::ConnectFailed, _) => "nothing accepts connections there: is the server up, is the port right?",
        (Outcome::TlsFailed, _) => "look at the URL's scheme, the certificate's names and `ca_file`",
        (Outcome::TimeoutConnect, _) => {
            "connections queue before the server accepts them: its listen backlog, or `timeouts.connect`"
        }
        (Outcome::StaleConnection, _) => {
            "the server closes idle connections sooner than the burst begins: `connections = \"cold\"`"
        }
        (Outcome::RateLimited, _) => "the server sheds load: fewer users, or a higher limit there",
        (Outcome::TimeoutFirstToken, _) => {
            "requests queue before the model starts: fewer users, or `timeouts.first_token`"
        }
        (Outcome::TimeoutIdle, _) => {
            "answers stall while they are written: the server, or a proxy that holds them back"
        }
        (Outcome::TimeoutTotal, _) => "raise `timeout`, ask for shorter answers, or use fewer users",
        (Outcome::TooLarge, _) => "the server sends more than an answer can be",
        (Outcome::Reset, _) => "the server or a proxy cut the connection: look for a crash, or for its own timeout",
        (Outcome::Truncated, _) => "the answer broke off: look for an upstream that failed while it streamed",
        (Outcome::Malformed, _) => "this is not a chat answer: does `url` lead to the API, or to a web page?",
        (Outcome::Empty, _) => {
            "nothing was said: a prompt beyond the context, or `max_tokens` spent on reasoning, looks like this"
        }
        (Outcome::WrongModel, _) => "the server fell back to another model than the scenario demands",
        (Outcome::UnexpectedAnswer, _) => "the answer is complete, but `[answer]` demands another",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(owner: &str, header: (&str, &str), fingerprint: &str) -> Heard {
        Heard {
            owners: vec![owner.to_owned()],
            headers: vec![(header.0.to_owned(), header.1.to_owned())],
            fingerprint: Some(fingerprint.to_owned()),
        }
    }

    #[test]
    fn a_server_is_recognised_by_what_it_says_of_itself() {
        let table = [
            (heard("lamb_v4", ("openai-version", "2024-02-01"), ""), Some(ServerKind::Lamb)),
            (heard("openai", ("x-litellm-version", "1.80.0"), ""), Some(ServerKind::LiteLlm)),
            (heard("vllm", ("server", "uvicorn"), ""), Some(ServerKind::Vllm)),
            (heard("library", ("date", "x"), "fp_ollama"), Some(ServerKind::Ollama)),
            (heard("llamacpp", ("server", "llama.cpp"), "b6000-abcdef"), Some(ServerKind::LlamaCpp)),
            (heard("", ("server", "llama.cpp"), ""), Some(ServerKind::LlamaCpp)),
            (heard("system", ("openai-organization", "org"), "fp_44709d6fcb"), Some(ServerKind::OpenAi)),
            (heard("somebody", ("server", "nginx"), ""), None),
        ];
        for (heard, kind) in table {
            assert_eq!(recognise(&heard), kind, "{heard:?}");
        }
    }

    #[test]
    fn lamb_delivers_errors_as_answers_and_an_answer_about_errors_is_none() {
        let lamb = Habits::of(ServerKind::Lamb);
        for text in [
            "[Ollama Error] Connection error for model x",
            " Error in create_completion: boom",
            "Unable to send image to the base LLM, multimodality is not supported. ",
            "❌ Configuration Error: no key",
        ] {
            assert!(lamb.is_error(text), "{text}");
        }
        for text in ["The log says [Ollama Error]", "Errors are human", "I am unable to send images"] {
            assert!(!lamb.is_error(text), "{text}");
        }
        assert!(!Habits::of(ServerKind::OpenAi).is_error("Error in create_completion is a LAMB message"));
    }

    #[test]
    fn lamb_keeps_three_keys_and_drops_the_rest() {
        let lamb = Habits::of(ServerKind::Lamb);
        assert!(lamb.drops("max_tokens") && lamb.drops("seed") && !lamb.drops("messages"));
        assert!(!Habits::of(ServerKind::Vllm).drops("max_tokens"));
    }

    #[test]
    fn every_kind_has_one_table_and_every_failure_an_advice() {
        for kind in ServerKind::ALL {
            assert_eq!(Habits::of(kind).kind, kind);
        }
        for outcome in Outcome::ALL {
            let due = !matches!(outcome, Outcome::Ok | Outcome::Dropped | Outcome::Cancelled | Outcome::ErrorInBody);
            assert_eq!(advice(ServerKind::Auto, outcome, None).is_some(), due, "{outcome:?}");
        }
        let timeout = advice(ServerKind::Lamb, Outcome::TimeoutTotal, None).unwrap();
        assert!(timeout.contains("LLM_REQUEST_TIMEOUT"), "{timeout}");
    }
}
