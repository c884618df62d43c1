//! The JSON Schema of a scenario: what editors complete from.
//!
//! Made from the type that reads the file, so that it lists what works and nothing else.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value, json};

use super::file::ScenarioFile;

/// The schema as text, draft-07, the same on every machine.
pub fn schema() -> String {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(without_null));
    let generator = settings.into_generator();
    let mut root = generator.into_root_schema_for::<ScenarioFile>().to_value();
    root["title"] = json!("A lamb-load scenario");
    profiles(&mut root);
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

/// A profile has the keys of a scenario, except what only a file can say.
fn profiles(root: &mut Value) {
    let mut profile = Map::new();
    for key in ["type", "properties", "additionalProperties"] {
        profile.insert(key.to_owned(), root[key].clone());
    }
    if let Some(properties) = profile.get_mut("properties").and_then(Value::as_object_mut) {
        properties.shift_remove("profiles");
        properties.shift_remove("extends");
    }
    root["definitions"]["Profile"] = Value::Object(profile);
    root["properties"]["profiles"]["additionalProperties"] = json!({ "$ref": "#/definitions/Profile" });
}

/// TOML has no null: a key that may be absent is not one that may be null.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice != &json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.shift_remove("anyOf");
            if only.contains_key("$ref") {
                // Beside a reference a draft-07 reader sees nothing else: `allOf` keeps the description.
                object.insert("allOf".to_owned(), json!([only]));
            } else {
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
        }
    }
}
