//! A small case for the tests of other rooms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{
    AnswerSpec, CacheBust, Case, CaseKey, Connections, Load, Order, Place, Prompt, PromptContent, RequestSpec,
    ServerKind, Target, Timeouts, Url,
};

/// A burst of ten users with so many prompts, against a target that nobody listens at.
pub(crate) fn case(prompts: usize) -> Case {
    let prompt = |n| Prompt { name: format!("p{n}"), content: PromptContent::Text(format!("Prompt {n}.")) };
    Case {
        key: CaseKey { target: "local".into(), model: "m".into(), prompts: "all".into(), load: "10".into() },
        target: Arc::new(target()),
        prompts: (1..=prompts).map(prompt).collect(),
        order: Order::Sequential,
        load: Load::Burst { users: 10, spread: Duration::ZERO },
        timeouts: Timeouts {
            connect: Duration::from_secs(10),
            first_token: None,
            idle: None,
            total: Duration::from_secs(180),
        },
        request: Arc::new(RequestSpec {
            stream: false,
            system: None,
            cache_bust: CacheBust::Suffix,
            extra: serde_json::Map::new(),
        }),
        answer: Arc::new(AnswerSpec::default()),
    }
}

/// A target at port 9 of this machine.
pub(crate) fn target() -> Target {
    Target {
        name: "local".into(),
        place: Place::Url(Url {
            https: false,
            host: "127.0.0.1".into(),
            port: 9,
            chat_path: "/v1/chat/completions".into(),
            models_path: "/v1/models".into(),
            display: "http://127.0.0.1:9".into(),
            authority: "127.0.0.1:9".into(),
        }),
        api_key: None,
        headers: Vec::new(),
        server: ServerKind::Auto,
        connections: Connections::Warm,
        http2: false,
        proxy: None,
        ca_file: None,
        insecure: false,
        resolve: BTreeMap::new(),
        local_addresses: Vec::new(),
    }
}
