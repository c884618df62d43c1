//! A case to try things on.

use std::sync::Arc;
use std::time::Duration;

use crate::scenario::plan::{
    AnswerSpec, CacheBust, Case, CaseKey, Connections, Load, Order, Place, Prompt, PromptContent, RequestSpec,
    ServerKind, Target, Timeouts,
};

pub(super) fn request() -> RequestSpec {
    RequestSpec { stream: false, system: None, cache_bust: CacheBust::Suffix, extra: serde_json::Map::new() }
}

pub(super) fn target() -> Target {
    Target {
        name: "local".to_owned(),
        place: Place::Mock(serde_json::Value::Null),
        api_key: None,
        headers: Vec::new(),
        server: ServerKind::Auto,
        connections: Connections::Cold,
        http2: false,
        proxy: None,
        ca_file: None,
        insecure: false,
        resolve: Default::default(),
        local_addresses: Vec::new(),
    }
}

pub(super) fn case() -> Case {
    let key =
        CaseKey { target: "local".to_owned(), model: "m".to_owned(), prompts: "all".to_owned(), load: "1".to_owned() };
    let timeouts =
        Timeouts { connect: Duration::from_secs(10), first_token: None, idle: None, total: Duration::from_secs(180) };
    Case {
        key,
        target: Arc::new(target()),
        prompts: [Prompt { name: "p1".to_owned(), content: PromptContent::Text("Hi".to_owned()) }].into(),
        order: Order::Sequential,
        load: Load::Burst { users: 1, spread: Duration::ZERO },
        timeouts,
        request: Arc::new(request()),
        answer: Arc::new(AnswerSpec::default()),
    }
}
