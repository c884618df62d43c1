//! `prompts`: what users say, as strings, files, or JSON Lines.
//!
//! It reads prompt files within bounds and says what is wrong in which line. It refuses to know who says what when.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::plan::{Prompt, PromptContent};

/// What is asked where a scenario names no prompt: the ancestor's question.
pub const DEFAULT_PROMPT: &str = "Say hello in exactly one word.";

/// The largest prompt file, in bytes.
pub const LARGEST_FILE: u64 = 8 << 20;
/// The largest JSON Lines file, in bytes.
pub const LARGEST_JSONL: u64 = 128 << 20;
/// What a line may be.
const SHAPE: &str = r#"write {"prompt": "…"} or {"messages": [{"role": "user", "content": "…"}]}"#;
/// Faults told of one JSON Lines file: more say nothing new.
const MOST_FAULTS: usize = 10;

/// One entry of `prompts`, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptEntry {
    /// The prompt itself.
    Text(String),
    /// A file with one prompt.
    File {
        /// Its path, relative to the scenario.
        file: String,
        /// Its name, if not the file's stem.
        name: Option<String>,
    },
    /// A file with one prompt a line.
    Jsonl {
        /// Its path, relative to the scenario.
        jsonl: String,
        /// Its name, if not the file's stem.
        name: Option<String>,
    },
}

/// A prompt in a file.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PromptTable {
    /// What reports call it. Default: the file's stem.
    name: Option<String>,
    /// A file with one prompt, relative to this file.
    file: Option<String>,
    /// A file with one prompt a line, {"prompt": …} or {"messages": […]}, relative to this file.
    jsonl: Option<String>,
}

impl Serialize for PromptEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (key, path, name) = match self {
            PromptEntry::Text(text) => return to.serialize_str(text),
            PromptEntry::File { file, name } => ("file", file, name),
            PromptEntry::Jsonl { jsonl, name } => ("jsonl", jsonl, name),
        };
        let mut map = to.serialize_map(None)?;
        if let Some(name) = name {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry(key, path)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for PromptEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = PromptEntry;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or a table such as { file = \"prompt.md\" }")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<PromptEntry, E> {
        Ok(PromptEntry::Text(text.to_owned()))
    }
    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<PromptEntry, M::Error> {
        let table = PromptTable::deserialize(MapAccessDeserializer::new(map))?;
        match (table.file, table.jsonl) {
            (Some(file), None) => Ok(PromptEntry::File { file, name: table.name }),
            (None, Some(jsonl)) => Ok(PromptEntry::Jsonl { jsonl, name: table.name }),
            _ => Err(M::Error::custom(
                "a prompt is a string, a file or a jsonl\nhint: keep exactly one of file and jsonl",
            )),
        }
    }
}

impl JsonSchema for PromptEntry {
    fn schema_name() -> Cow<'static, str> {
        "Prompt".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = PromptTable::json_schema(generator);
        json_schema!({ "anyOf": [{ "type": "string", "description": "The prompt itself." }, table] })
    }
}

/// What is wrong with a prompt file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// The line, counted from 1, its text and the column; `None` when it is about the file.
    pub line: Option<(usize, String, usize)>,
    /// What is wrong.
    pub message: String,
    /// What puts it right.
    pub hint: String,
}

impl FileFault {
    fn of_file(message: impl Into<String>, hint: &str) -> Self {
        FileFault { line: None, message: message.into(), hint: hint.to_owned() }
    }
}

/// Reads a text file of at most `largest` bytes, without a byte order mark.
pub fn read_bounded(path: &Path, largest: u64) -> Result<String, FileFault> {
    let shown = path.display();
    let missing = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            FileFault::of_file(format!("{shown}: no such file"), "paths are relative to the file that names them")
        }
        _ => FileFault::of_file(format!("{shown}: {error}"), "name a file that can be read"),
    };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(missing)?;
    if metadata.is_dir() {
        return Err(FileFault::of_file(format!("{shown}: a folder, not a file"), "name a file in it"));
    }
    if !metadata.is_file() {
        return Err(FileFault::of_file(format!("{shown}: not a regular file"), "name a regular file"));
    }
    let file = std::fs::File::open(path).map_err(missing)?;
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes).map_err(missing)?;
    if bytes.len() as u64 > largest {
        let message = format!("{shown}: larger than {} MiB", largest >> 20);
        return Err(FileFault::of_file(message, "split it, or name another file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        FileFault::of_file(format!("{shown}: not UTF-8 text"), "save it as UTF-8, or name another file")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The prompt in a file: its text without the line ends after it.
pub fn read_file(path: &Path) -> Result<PromptContent, FileFault> {
    let text = read_bounded(path, LARGEST_FILE)?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.trim().is_empty() {
        return Err(FileFault::of_file(format!("{}: empty", path.display()), "write a prompt into it"));
    }
    Ok(PromptContent::Text(text.to_owned()))
}

/// The prompts in a JSON Lines file, each with its line's number; blank lines are skipped.
pub fn read_jsonl(path: &Path) -> Result<Vec<(usize, PromptContent)>, Vec<FileFault>> {
    let text = read_bounded(path, LARGEST_JSONL).map_err(|fault| vec![fault])?;
    let (mut prompts, mut faults) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match row(line) {
            Ok(content) => prompts.push((index + 1, content)),
            Err((message, column)) => {
                let excerpt = line.chars().take(120).collect();
                faults.push(FileFault { line: Some((index + 1, excerpt, column)), message, hint: SHAPE.to_owned() });
            }
        }
        if faults.len() == MOST_FAULTS {
            break;
        }
    }
    if faults.is_empty() && prompts.is_empty() {
        let hint = "write one {\"prompt\": \"…\"} a line";
        faults.push(FileFault::of_file(format!("{}: no prompt in it", path.display()), hint));
    }
    if faults.is_empty() { Ok(prompts) } else { Err(faults) }
}

/// One line of JSON Lines; keys that are not ours, such as a data set's own, are left alone.
fn row(line: &str) -> Result<PromptContent, (String, usize)> {
    let refuse = |message: String| Err((message, 1));
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => {
            let text = error.to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            return Err((format!("not JSON: {what}"), error.column().max(1)));
        }
    };
    match (value.get("prompt"), value.get("messages")) {
        (Some(Value::String(text)), None) if !text.trim().is_empty() => Ok(PromptContent::Text(text.clone())),
        (Some(Value::String(_)), None) => refuse("the prompt is empty".into()),
        (Some(_), None) => refuse("prompt is not a string".into()),
        (None, Some(Value::Array(messages))) => match conversation(messages) {
            Ok(()) => Ok(PromptContent::Messages(messages.clone())),
            Err(message) => refuse(message),
        },
        (None, Some(_)) => refuse("messages is not a list".into()),
        (Some(_), Some(_)) => refuse("both prompt and messages".into()),
        (None, None) => refuse("neither prompt nor messages".into()),
    }
}

/// Holds a conversation to what can be sent: messages with a role, the last a user's with text.
fn conversation(messages: &[Value]) -> Result<(), String> {
    if let Some(index) = messages.iter().position(|message| !message.get("role").is_some_and(Value::is_string)) {
        return Err(format!("messages[{index}] has no role"));
    }
    let Some(last) = messages.last() else { return Err("messages is empty".into()) };
    let asks = last.get("role").and_then(Value::as_str) == Some("user");
    let says = last.get("content").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if asks && says { Ok(()) } else { Err("the last message is not a user's with text".into()) }
}

/// Hash of what the prompts say, in order: names do not enter.
pub fn hash(prompts: &[Prompt]) -> String {
    let mut hasher = Sha256::new();
    for prompt in prompts {
        let (kind, text) = match &prompt.content {
            PromptContent::Text(text) => (b't', Cow::Borrowed(text.as_str())),
            PromptContent::Messages(messages) => (b'm', Cow::Owned(Value::from(messages.clone()).to_string())),
        };
        hasher.update([kind]);
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    format!("{:x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_prompt_or_a_conversation_and_what_else_it_holds_is_left_alone() {
        assert_eq!(row(r#"{"id": 7, "prompt": "hi"}"#), Ok(PromptContent::Text("hi".into())));
        let messages = r#"[{"role":"system","content":"s"},{"role":"user","content":"u"}]"#;
        let parsed: Vec<Value> = serde_json::from_str(messages).unwrap();
        assert_eq!(row(&format!(r#"{{"messages":{messages}}}"#)), Ok(PromptContent::Messages(parsed)));
    }

    #[test]
    fn a_wrong_row_says_what_is_wrong() {
        let said = |line: &str| row(line).unwrap_err().0;
        assert_eq!(said(r#"{"prompt": ""}"#), "the prompt is empty");
        assert_eq!(said(r#"{"text": "x"}"#), "neither prompt nor messages");
        assert_eq!(said(r#"{"prompt": "x", "messages": []}"#), "both prompt and messages");
        assert_eq!(said(r#"{"messages": []}"#), "messages is empty");
        assert_eq!(
            said(r#"{"messages": [{"role":"assistant","content":"x"}]}"#),
            "the last message is not a user's with text"
        );
        assert!(said("{").starts_with("not JSON: "));
    }

    #[test]
    fn the_same_words_give_the_same_hash_whatever_they_are_called() {
        let prompt = |name: &str, text: &str| Prompt { name: name.into(), content: PromptContent::Text(text.into()) };
        assert_eq!(hash(&[prompt("p1", "ab")]), hash(&[prompt("other", "ab")]));
        assert_ne!(hash(&[prompt("p1", "a"), prompt("p2", "b")]), hash(&[prompt("p1", "ab")]));
    }
}
