//! What an embedded endpoint is told to be: how fast, how many at once, which kind of server, which faults.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::delay::Delay;
use super::{faults, units};

/// How the endpoint behaves; what `mock = {…}` in a target and the flags of `lamb-load mock` say.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// From the request read to the first token. `"200ms"` if not said.
    pub first_token: Delay,
    /// Between tokens, and from the last token to the end. `"10ms"` if not said.
    pub per_token: Delay,
    /// Tokens of an answer: a number, or `{ min, max }` drawn evenly. 40 if not said. A request's `max_tokens` cuts it, where the
    /// kind of server honours that.
    pub tokens: Tokens,
    /// Answers made at once; further requests queue in the order of their arrival, each slot held for the whole of an answer.
    /// Unlimited if not said.
    pub slots: Option<u32>,
    /// Everything drawn comes from it and from the request's number: the same seed gives the same latencies. 1 if not said.
    pub seed: u64,
    /// The server to behave like. `openai` if not said.
    pub kind: Kind,
    /// The key to insist on (`Authorization: Bearer …`); refused in the words of the kind of server. None if not said.
    pub api_key: Option<ApiKey>,
    /// Faults by name, and the share of requests that shows each: `{ status_429 = "2%" }`. See [`super::faults()`].
    pub faults: BTreeMap<String, Share>,
    /// How long an idle connection stays open: 5 s on servers that run under uvicorn, as long as the client likes on others.
    #[serde(deserialize_with = "units::de_some_time")]
    pub idle_close: Option<Duration>,
    /// How much longer the very first answer takes. Nothing if not said.
    #[serde(deserialize_with = "units::de_some_time")]
    pub cold_start: Option<Duration>,
    /// Multiplies every drawn time and every pause of a fault: 0.1 is ten times as fast. 1 if not said.
    pub time_scale: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            first_token: Delay::Constant(Duration::from_millis(200)),
            per_token: Delay::Constant(Duration::from_millis(10)),
            tokens: Tokens::Fixed(40),
            slots: None,
            seed: 1,
            kind: Kind::Openai,
            api_key: None,
            faults: BTreeMap::new(),
            idle_close: None,
            cold_start: None,
            time_scale: 1.0,
        }
    }
}

impl Settings {
    /// Settings from what a scenario's `mock` table holds. The message names the key.
    ///
    /// # Errors
    /// An unknown key, a wrong type or unit, an unknown fault, shares that exceed 100 % in sum, a range upside down.
    pub fn from_json(value: serde_json::Value) -> Result<Settings, String> {
        let settings: Settings = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            if path == "." { inner.to_string() } else { format!("{path}: {inner}") }
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// What types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        self.first_token.check().map_err(|wrong| format!("first_token: {wrong}"))?;
        self.per_token.check().map_err(|wrong| format!("per_token: {wrong}"))?;
        self.tokens.check().map_err(|wrong| format!("tokens: {wrong}"))?;
        if self.slots == Some(0) {
            return Err("slots: 0 would answer nobody; leave the key out for no limit".into());
        }
        if !(0.0..=1_000.0).contains(&self.time_scale) {
            return Err(format!("time_scale: {} is not between 0 and 1000", self.time_scale));
        }
        if let Some(name) = self.faults.keys().find(|name| faults::find(name).is_none()) {
            return Err(format!("faults.{name}: no such fault{}", faults::hint(name)));
        }
        let sum: f64 = self.faults.values().map(|share| share.0).sum();
        if sum > 1.0 + 1e-9 { Err(format!("faults: the shares sum to {:.4} %", sum * 100.0)) } else { Ok(()) }
    }
}

/// How many tokens an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "TypedTokens")]
pub enum Tokens {
    /// Always so many.
    Fixed(u32),
    /// Drawn evenly, both ends included.
    Between(u32, u32),
}

impl Tokens {
    fn check(self) -> Result<(), String> {
        let (min, max) = match self {
            Tokens::Fixed(count) => (count, count),
            Tokens::Between(min, max) => (min, max),
        };
        match (min, max) {
            (0, _) => Err("an answer has at least one token (the fault `empty_answer` has none)".into()),
            _ if min > max => Err(format!("min {min} is above max {max}")),
            (_, 1_000_001..) => Err(format!("{max} is above 1000000")),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of tokens, or { min, max }")]
enum TypedTokens {
    Fixed(u32),
    Between(Between),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    min: u32,
    max: u32,
}

impl From<TypedTokens> for Tokens {
    fn from(typed: TypedTokens) -> Tokens {
        match typed {
            TypedTokens::Fixed(count) => Tokens::Fixed(count),
            TypedTokens::Between(Between { min, max }) => Tokens::Between(min, max),
        }
    }
}

/// The kinds of server that the endpoint can be: headers, probes, errors and habits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// OpenAI's own API.
    #[default]
    Openai,
    /// LAMB: FastAPI under uvicorn.
    Lamb,
    /// Ollama.
    Ollama,
    /// LiteLLM's proxy.
    Litellm,
    /// vLLM.
    Vllm,
    /// llama.cpp's server.
    LlamaCpp,
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let text = de::value::StrDeserializer::<de::value::Error>::new(text);
        Kind::deserialize(text).map_err(|error| error.to_string())
    }
}

/// A share of requests, as a fraction from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Share(#[serde(deserialize_with = "units::de_share")] pub f64);

/// A key that no debug output shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ApiKey(pub String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Delay, D::Error> {
        from.deserialize_any(super::delay::Typed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_table_is_the_default() {
        assert_eq!(Settings::from_json(json!({})), Ok(Settings::default()));
    }

    #[test]
    fn every_key_is_read() {
        let settings = Settings::from_json(json!({
            "first_token": { "lognormal": { "median": "300ms", "sigma": 0.5 } },
            "per_token": { "bimodal": { "fast": "5ms", "slow": "50ms", "share": "10%" } },
            "tokens": { "min": 10, "max": 20 }, "slots": 8, "seed": 7, "kind": "llama_cpp", "api_key": "secret",
            "faults": { "status_429": "2%" }, "idle_close": "5s", "cold_start": "2.5s", "time_scale": 0.5,
        }));
        let wanted = Settings {
            first_token: Delay::Lognormal { median: Duration::from_millis(300), sigma: 0.5 },
            per_token: Delay::Bimodal { fast: Duration::from_millis(5), slow: Duration::from_millis(50), share: 0.1 },
            tokens: Tokens::Between(10, 20),
            slots: Some(8),
            seed: 7,
            kind: Kind::LlamaCpp,
            api_key: Some(ApiKey("secret".into())),
            faults: [("status_429".to_string(), Share(0.02))].into(),
            idle_close: Some(Duration::from_secs(5)),
            cold_start: Some(Duration::from_millis(2_500)),
            time_scale: 0.5,
        };
        assert_eq!(settings, Ok(wanted));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let message = |value| Settings::from_json(value).expect_err("this is wrong");
        assert!(message(json!({ "slot": 1 })).contains("unknown field `slot`"));
        assert!(message(json!({ "first_token": 200 })).starts_with("first_token: "));
        assert!(
            message(json!({ "per_token": { "constant": "3" } })).starts_with("per_token.constant: \"3\" is not a time")
        );
        assert!(message(json!({ "faults": { "status_429": 2 } })).starts_with("faults.status_429: "));
        assert_eq!(
            message(json!({ "faults": { "status_492": "2%" } })),
            "faults.status_492: no such fault; did you mean status_429?"
        );
        assert_eq!(
            message(json!({ "faults": { "status_429": "60%", "status_500": "50%" } })),
            "faults: the shares sum to 110.0000 %"
        );
        assert_eq!(message(json!({ "tokens": { "min": 3, "max": 2 } })), "tokens: min 3 is above max 2");
    }

    #[test]
    fn no_debug_output_shows_the_key() {
        let settings = Settings { api_key: Some(ApiKey("sesame".into())), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("sesame"));
    }
}
