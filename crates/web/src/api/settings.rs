//! Changes of settings that wait for somebody, and those that were decided.

use axum::{Json, extract::State};
use certrail_domain::{Problem, ProblemKind, SettingsChange};
use certrail_usecases::{decide_settings, settings_changes};
use serde_json::{Value, json};

use super::{Answer, NoBody};
use crate::{App, blocking::in_turn, caller::SignedIn, input::Path};

/// A change without the texts in it.
pub(super) fn card(change: &SettingsChange) -> Value {
    json!({
        "id": change.id, "changes": change.settings.key(), "title": change.settings.title(), "weaker": change.weaker,
        "reason": change.reason, "from": change.from, "requester": change.requester, "requested_at": change.requested_at,
        "state": change.state, "decided_by": change.decided_by, "decided_at": change.decided_at, "alone": change.alone,
    })
}

pub(crate) async fn list(State(app): State<App>, SignedIn(caller): SignedIn) -> Answer<Value> {
    let engine = app.engine.clone();
    let (open, ended) = in_turn(app.engine.clone(), move || settings_changes(&engine, &caller)).await?;
    let cards = |changes: &[SettingsChange]| changes.iter().map(card).collect::<Vec<_>>();
    Ok(Json(json!({ "waiting": cards(&open), "decided": cards(&ended) })))
}

pub(crate) async fn decide(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((id, verb)): Path<(String, String)>,
    _: NoBody,
) -> Answer<Value> {
    let approve = match verb.as_str() {
        "approve" => true,
        "reject" => false,
        other => {
            let why = format!("A change is not decided by `{}`.", other.chars().take(40).collect::<String>());
            let fix = "Use approve or reject.";
            return Err(Problem::new(ProblemKind::NotFound, "no-such-verb", "Nothing was changed.", why, fix).into());
        }
    };
    Ok(Json(card(&decide_settings(&app.engine, &caller, &id, approve, None).await?)))
}
