//! Findings as JSON: the list, one with its life, what people say and decide.

use std::sync::Arc;

use axum::{Json, extract::State};
use certrail_domain::{ExceptionState, Finding, FindingDecision, Problem, ProblemKind};
use certrail_usecases::{
    Effect, FindingCard, FindingQueue, FindingView, FindingsWanted, Listed, NewFindingDecision, NewTriage,
    decide_finding_decisions, dossier::FindingsSection, find_release, finding_effect, finding_queue, finding_view,
    list_findings, release_findings, request_finding_decisions, shelves, triage_findings, unknown_finding,
};
use serde::Deserialize;

use super::{Answer, Body, Optional};
use crate::{
    App,
    blocking::in_turn,
    caller::SignedIn,
    input::{Params, Path},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    product: Option<String>,
    /// `open` (the default), `decided`, `suppressed`, `fixed`, `closed`, `all`.
    show: Option<String>,
    /// The cursor of the last one shown.
    after: Option<String>,
    limit: Option<u64>,
}

pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Params(wanted): Params<Wanted>,
) -> Answer<Vec<Listed<FindingCard>>> {
    let wanted = FindingsWanted {
        product: wanted.product,
        shelves: shelves(wanted.show.as_deref())?,
        after: wanted.after,
        limit: wanted.limit.unwrap_or(50).clamp(1, 500),
    };
    Ok(Json(in_turn(app.engine.clone(), move || list_findings(&app.engine, &caller, &wanted)).await?))
}

/// What needs a decision, in releases on their way.
pub(crate) async fn queue(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Params(wanted): Params<Wanted>,
) -> Answer<FindingQueue> {
    Ok(Json(in_turn(app.engine.clone(), move || finding_queue(&app.engine, &caller, wanted.product.as_deref())).await?))
}

pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Answer<FindingView> {
    Ok(Json(in_turn(app.engine.clone(), move || finding_view(&app.engine, &caller, &id)).await?))
}

pub(crate) async fn triage(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    body: Body<NewTriage>,
) -> Answer<Finding> {
    let mut told = triage_findings(&app.engine, &caller, vec![id.clone()], body.value).await?;
    Ok(Json(told.pop().ok_or_else(|| unknown_finding(&id))?))
}

pub(crate) async fn decide(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    body: Body<NewFindingDecision>,
) -> Answer<FindingDecision> {
    let mut asked = request_finding_decisions(&app.engine, &caller, vec![id.clone()], body.value).await?;
    Ok(Json(asked.pop().ok_or_else(|| unknown_finding(&id))?))
}

/// What a decision would change; nothing is recorded.
pub(crate) async fn effect(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    body: Body<NewFindingDecision>,
) -> Answer<Effect> {
    Ok(Json(in_turn(app.engine.clone(), move || finding_effect(&app.engine, &caller, &[id], &body.value)).await?))
}

pub(crate) async fn decision(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((id, verb)): Path<(String, String)>,
    Optional(Because { reason: why }): Optional<Because>,
) -> Answer<FindingDecision> {
    // Approving needs no body.
    let to = state_of(&verb)?;
    let mut ended = decide_finding_decisions(&app.engine, &caller, vec![id.clone()], to, why).await?;
    Ok(Json(ended.pop().ok_or_else(|| unknown_finding(&id))?))
}

/// Why a decision is approved, rejected or ended.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Because {
    #[serde(default)]
    reason: String,
}

/// The state a verb leads to.
pub(crate) fn state_of(verb: &str) -> Result<ExceptionState, Problem> {
    match verb {
        "approve" => Ok(ExceptionState::Approved),
        "reject" => Ok(ExceptionState::Rejected),
        "revoke" => Ok(ExceptionState::Revoked),
        _ => Err(Problem::new(
            ProblemKind::NotFound,
            "no-such-verb",
            "Nothing was changed.",
            "A decision can be approved, rejected or revoked.",
            "Use approve, reject or revoke.",
        )),
    }
}

pub(crate) async fn of_release(
    State(app): State<App>,
    Path((product, version)): Path<(String, String)>,
) -> Answer<Arc<FindingsSection>> {
    let engine = app.engine.clone();
    let work = move || {
        let stored = find_release(&engine, &product, &version)?;
        release_findings(&engine, &stored)
    };
    Ok(Json(in_turn(app.engine.clone(), work).await?))
}
