//! The description of the API (OpenAPI 3.1), made from the table of routes itself.
//!
//! Made here rather than by a library: the table already knows every route with its permission, and OpenAPI 3.1 takes
//! JSON Schema as schemars writes it. A second set of annotations could only disagree with what is served.

use crate::filter::{Field, Form};
use crate::gate::{Access, Endpoint, Open, Routes};
use crate::limits::{PAGE_ROWS, PAGE_ROWS_MAX};
use crate::problem::{PROBLEM_JSON, ProblemView};
use axum::http::header;
use bytes::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Where the description is served.
pub const PATH: &str = "/openapi.json";

/// Ends a table with the route that describes it. Call it last: what comes later is not described.
#[must_use]
pub fn serve<S: Clone + Send + Sync + 'static>(routes: Routes<S>) -> Routes<S> {
    let own = Endpoint::get(PATH, Open).says("Describes this API.");
    let list: Vec<Endpoint> = routes.list().iter().copied().chain([own]).collect();
    let text = Bytes::from(document(&list).to_string());
    routes.add(own, async move || ([(header::CONTENT_TYPE, "application/json")], text))
}

/// The description of these routes.
pub fn document(list: &[Endpoint]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    let problem = generator.subschema_for::<ProblemView<'static>>();
    for endpoint in list {
        let operation = operation(endpoint, &mut generator);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(endpoint.verb.name().to_owned(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Adjutant",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Triages security alerts, explains every decision. Errors are problem documents (RFC 9457).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": { "Problem": {
                "description": "What went wrong and what to do",
                "content": { PROBLEM_JSON: { "schema": problem } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of `adj_` and 43 characters" },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "Standard Webhooks: HMAC-SHA256 over id, time and body, with `webhook-id` and `webhook-timestamp`",
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": parameters(endpoint),
        "responses": { "default": { "$ref": "#/components/responses/Problem" } },
    });
    operation["security"] = match endpoint.access {
        Access::Open => json!([]),
        Access::Needs(_) => json!([{ "token": [] }]),
        Access::Signed => json!([{ "signature": [] }]),
    };
    if let Access::Needs(permission) = endpoint.access {
        operation["x-permission"] = permission.name().into();
    }
    if let Some(takes) = endpoint.takes {
        let content = json!({ "application/json": { "schema": takes(generator) } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    if let Some(body_type) = endpoint.body_type {
        let says = format!("At most {} bytes", endpoint.body_bytes_max);
        operation["requestBody"] = json!({ "required": true, "description": says, "content": { body_type: {} } });
    }
    let mut success = json!({ "description": "Done" });
    if let Some(answers) = endpoint.answers {
        success["content"] = json!({ endpoint.answer_type: { "schema": answers(generator) } });
    } else if endpoint.answer_type != "application/json" {
        success["content"] = json!({ endpoint.answer_type: {} });
    }
    operation["responses"]["2XX"] = success;
    if endpoint.is_tagged() {
        operation["responses"]["304"] = json!({ "description": "As it was under the `ETag` that `If-None-Match` names" });
    }
    operation
}

/// `get` and `/v1/cases/{id}/verdict` make `get_cases_id_verdict`.
fn operation_id(endpoint: &Endpoint) -> String {
    let parts = endpoint.path.split('/').filter(|part| !part.is_empty() && *part != "v1");
    let fit = |c: char| if c.is_ascii_alphanumeric() { Some(c) } else { (!matches!(c, '{' | '}')).then_some('_') };
    parts.fold(endpoint.verb.name().to_owned(), |mut id, part| {
        id.push('_');
        id.extend(part.chars().filter_map(fit));
        id
    })
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let names = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let mut parameters: Vec<Value> = in_path.collect();
    parameters.extend(endpoint.filters.iter().map(filter));
    if endpoint.paged {
        let rows = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS });
        parameters.push(json!({ "name": "limit", "in": "query", "description": "How many rows at most", "schema": rows }));
        let says = "Where to go on: `next` of the page before";
        parameters.push(json!({ "name": "cursor", "in": "query", "description": says, "schema": { "type": "string" } }));
    }
    parameters
}

fn filter(field: &Field) -> Value {
    let schema = match field.form {
        Form::Text => json!({ "type": "string" }),
        Form::Choice(choices) => json!({ "type": "array", "items": { "type": "string", "enum": choices } }),
        Form::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Form::Time => json!({ "type": "string", "format": "date-time" }),
        Form::Flag => json!({ "type": "boolean" }),
    };
    let mut parameter = json!({ "name": field.name, "in": "query", "description": field.says, "schema": schema });
    if let Form::Choice(_) = field.form {
        (parameter["style"], parameter["explode"]) = ("form".into(), false.into());
    }
    parameter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::fixture::{World, json as json_of, request};
    use crate::gate::{Permission, Signed};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    const FIELDS: &[Field] = &[
        Field { name: "status", form: Form::Choice(&["open", "closed"]), says: "Only these" },
        Field { name: "since", form: Form::Time, says: "Only since then" },
    ];

    /// A service whose table has everything that a table can have.
    async fn served() -> Value {
        let gate = World::new().gate;
        let routes = crate::accounts::http::routes(Routes::<Arc<crate::gate::Gate>>::new(Arc::clone(&gate)))
            .add(Endpoint::get("/v1/queue", Permission::ReadCases).says("Lists.").lists(FIELDS), async || ())
            .add(Endpoint::get("/v1/events", Permission::ReadCases).says("Tells.").answers_as("text/event-stream"), async || ())
            .add(Endpoint::post("/v1/webhooks/{source}", Signed).says("Takes.").takes_as("message/rfc822"), async || ());
        let doors = serve(routes).finish(gate);
        json_of(doors.answer(request("GET", PATH, None, None)).await).await
    }

    /// Every `$ref` in the document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(array) => array.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[tokio::test]
    async fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = served().await;
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/schemas/{name}")), "{name}");
        }
    }

    #[tokio::test]
    async fn every_operation_has_what_the_specification_asks_for() {
        let document = served().await;
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(["get", "post", "put", "delete"].contains(&method.as_str()));
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}: an id twice");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path} says nothing");
                assert!(operation["responses"]["2XX"]["description"].is_string());
                let in_path = |parameter: &&Value| parameter["in"] == "path" && parameter["required"] == true;
                let declared = operation["parameters"].as_array().unwrap().iter().filter(in_path).count();
                assert_eq!(declared, path.matches('{').count(), "{path}");
                let open = operation["security"].as_array().unwrap().is_empty();
                assert_eq!(open, ["/v1/login", PATH].contains(&path.as_str()), "{path}");
                assert_eq!(operation["x-permission"].is_string(), !open && !path.starts_with("/v1/webhooks"), "{path}");
            }
        }
        assert!(ids.contains("put_users_name_roles") && ids.contains("get_openapi_json"));
    }

    #[tokio::test]
    async fn a_listing_names_its_filters_page_and_cursor() {
        let document = served().await;
        let parameters = &document["paths"]["/v1/queue"]["get"]["parameters"];
        let names: Vec<&str> = parameters.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["status", "since", "limit", "cursor"]);
        assert_eq!(parameters[0]["schema"]["items"]["enum"], json!(["open", "closed"]));
        assert!(document["paths"]["/v1/events"]["get"]["responses"]["2XX"]["content"]["text/event-stream"].is_object());
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_names_its_type_and_its_limit() {
        let document = served().await;
        let body = &document["paths"]["/v1/webhooks/{source}"]["post"]["requestBody"];
        assert!(body["content"]["message/rfc822"].is_object() && body["required"] == true);
        assert_eq!(body["description"], format!("At most {} bytes", crate::limits::BODY_BYTES_MAX));
    }

    #[tokio::test]
    async fn secrets_are_marked_and_unknown_fields_refused() {
        let document = served().await;
        let login = &document["components"]["schemas"]["Login"];
        assert_eq!(login["properties"]["password"]["format"], "password");
        assert_eq!(login["additionalProperties"], false);
    }
}
