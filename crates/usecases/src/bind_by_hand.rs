//! A person binds what no rule could.

use std::sync::Arc;

use certrail_domain::{Action, BindRule, Key, Problem, ProblemKind};
use certrail_ledger::leaf::label;
use certrail_store::tables::{
    bindings::{self, Binding},
    releases, signals,
};
use serde_json::json;

use crate::{
    Caller,
    access::{On, allow},
    bind,
    engine::{Engine, Fault},
};

/// Binds an unbound signal to a release, with a trace of who did it.
///
/// # Errors
/// A role that may not, an unknown signal or release, a signal that is bound already.
pub async fn bind_by_hand(
    engine: &Arc<Engine>,
    caller: &Caller,
    evidence: &str,
    product: &str,
    version: &str,
) -> Result<(), Problem> {
    allow(caller, Action::Bind, On::Product(product))?;
    let stored = crate::look::find_release(engine, product, version)?;
    let refuse = |kind, code: &str, why: String| {
        Problem::new(kind, code, "Nothing was bound.", why, "Look at the unbound queue for what can be bound.")
    };
    let index = signals::index_of(evidence).ok_or_else(|| {
        refuse(
            ProblemKind::NotFound,
            "no-such-evidence",
            format!("There is no evidence `{}`.", evidence.chars().take(60).collect::<String>()),
        )
    })?;
    let (caller, evidence) = (caller.clone(), evidence.to_owned());
    engine
        .write(move |batch| {
            // What does not reach the product, or its person, is not told to be there.
            let cut_from = stored.release.repository.as_ref().filter(|_| stored.release.commit.is_some());
            let cut_from = cut_from.map(|name| name.to_ascii_lowercase());
            let known = signals::get(batch.tx, index)?
                .filter(|s| s.id.as_str() == evidence && s.signal.reach.has(&stored.release.product))
                .filter(|s| {
                    s.signal.repositories.is_all()
                        || cut_from.as_ref().is_some_and(|name| s.signal.repositories.has(name))
                });
            let visible = known.as_ref().map(|s| crate::look::may_be_of(batch.tx, &caller, s)).transpose()?;
            let Some(signal) = known.filter(|_| visible == Some(true)) else {
                return Err(refuse(
                    ProblemKind::NotFound,
                    "no-such-evidence",
                    format!("There is no evidence `{evidence}`."),
                )
                .into());
            };
            if !bindings::of_signal(batch.tx, index)?.is_empty() {
                return Err(refuse(ProblemKind::Conflict, "already-bound", "It is bound already.".into()).into());
            }
            let seq = stored.seq;
            let stored = releases::by_seq(batch.tx, seq)?
                .ok_or_else(|| Fault::Store(certrail_store::StoreError::Damaged(format!("release {seq}"))))?;
            let mark = label(&stored.label_key, stored.release.id.as_str());
            let document = json!({ "signal": index, "to": stored.release.id });
            let at = batch.control("bound-by-hand", &caller.account(), &[mark], &document)?;
            let key = Key::release(&stored.release.product, &stored.release.version);
            bindings::insert(
                batch.tx,
                &Binding { release: seq, log_index: index, rule: BindRule::Explicit, key, from_index: at },
                signal.signal.facts.kind(),
            )?;
            bindings::moved(batch.tx, seq, at)?;
            bindings::clear_unbound(batch.tx, index)?;
            crate::track::bound_again(batch, index)?;
            // A deployment ships what it is bound to, whoever bound it.
            bind::refresh_shipping(batch, seq)?;
            Ok(())
        })
        .await?;
    Ok(())
}
