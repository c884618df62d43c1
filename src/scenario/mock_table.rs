//! `mock = {…}` in a target: the embedded endpoint's settings, as typed.
//!
//! Written down here in the endpoint's own words, since the two share no code; a test holds the two together. It
//! refuses to know what the endpoint does with them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::secrets::Hidden;
use super::units::{Count, Share, Time};

/// The embedded endpoint: how fast it answers, how many at once, and what it does wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mock {
    /// From the request to the first token: a time, or a distribution. Default "200ms".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token: Option<Delay>,
    /// Between tokens: a time, or a distribution. Default "10ms".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_token: Option<Delay>,
    /// Tokens of an answer: a number, or { min, max }. Default 40.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// Answers made at once; further requests queue. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<Count<1, { u32::MAX as u64 }>>,
    /// Everything drawn comes from it. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<Count<0, { i64::MAX as u64 }>>,
    /// The kind of server to behave like. Default "openai".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<MockKind>,
    /// The key to insist on. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Hidden>,
    /// Faults, and the share of requests that shows each: { status_429 = "2%" }.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<super::faults::FaultTable>")]
    pub faults: Option<BTreeMap<String, Share>>,
    /// How long an idle connection stays open. Default: as the kind of server does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_close: Option<Time>,
    /// Multiplies every drawn time: 0.1 is ten times as fast. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_scale: Option<f64>,
}

/// A kind of server for the embedded endpoint to behave like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MockKind {
    /// OpenAI's API.
    Openai,
    /// LAMB.
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

/// A time, constant or drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Delay {
    /// Always the same.
    Constant(Time),
    /// Drawn.
    Drawn(Distribution),
}

/// What a time is drawn from: exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Always the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<Time>,
    /// Lognormal: a long tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lognormal: Option<Lognormal>,
    /// Mostly fast, sometimes slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bimodal: Option<Bimodal>,
}

/// A lognormal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// Half are below it.
    pub median: Time,
    /// Spread of the logarithm, 0 to 10; 0.5 puts the 90th percentile at 1.9 medians.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub sigma: f64,
}

/// Mostly fast, sometimes slow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bimodal {
    /// What most take.
    pub fast: Time,
    /// What the others take.
    pub slow: Time,
    /// The share of the slow ones.
    pub share: Share,
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(DelayVisitor)
    }
}

struct DelayVisitor;

impl<'de> Visitor<'de> for DelayVisitor {
    type Value = Delay;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"200ms\", or a distribution")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Delay, E> {
        Time::deserialize(serde::de::value::StrDeserializer::new(text)).map(Delay::Constant)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Delay, E> {
        Time::deserialize(serde::de::value::I64Deserializer::new(number)).map(Delay::Constant)
    }
    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Delay, M::Error> {
        let drawn = Distribution::deserialize(MapAccessDeserializer::new(map))?;
        let given = [drawn.constant.is_some(), drawn.lognormal.is_some(), drawn.bimodal.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let hint = "keep exactly one of constant, lognormal and bimodal";
            return Err(M::Error::custom(format!("a distribution is exactly one\nhint: {hint}")));
        }
        if drawn.lognormal.is_some_and(|lognormal| !(0.0..=10.0).contains(&lognormal.sigma)) {
            return Err(M::Error::custom("sigma is out of range: 0 to 10\nhint: sigma = 0.5 is a usual spread"));
        }
        Ok(Delay::Drawn(drawn))
    }
}

impl JsonSchema for Delay {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Delay".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (time, distribution) = (Time::json_schema(generator), generator.subschema_for::<Distribution>());
        json_schema!({ "anyOf": [time, distribution] })
    }
}

/// How many tokens an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Tokens {
    /// Always so many.
    Fixed(TokenCount),
    /// Drawn evenly.
    Between(TokenRange),
}

/// A number of tokens.
pub type TokenCount = Count<1, 1_000_000>;

/// From `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRange {
    /// The fewest.
    pub min: TokenCount,
    /// The most.
    pub max: TokenCount,
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TokensVisitor)
    }
}

struct TokensVisitor;

impl<'de> Visitor<'de> for TokensVisitor {
    type Value = Tokens;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens, or { min, max }")
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Tokens, E> {
        TokenCount::deserialize(serde::de::value::I64Deserializer::new(number)).map(Tokens::Fixed)
    }
    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Tokens, M::Error> {
        let range = TokenRange::deserialize(MapAccessDeserializer::new(map))?;
        if range.min > range.max {
            return Err(M::Error::custom("min is above max\nhint: exchange the two"));
        }
        Ok(Tokens::Between(range))
    }
}

impl JsonSchema for Tokens {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Tokens".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (count, range) = (TokenCount::json_schema(generator), generator.subschema_for::<TokenRange>());
        json_schema!({ "anyOf": [count, range] })
    }
}
