//! A product accepts facts of a kind that were only reported: asked for by one person, approved by another (ADR 15).
//!
//! For teams by command line alone, behind an air gap, or on a forge we do not hear yet. What rests on it says so.

use std::sync::Arc;

use certrail_domain::{AcceptedReport, Action, HAVE_TO_BE_OBSERVED, Problem, ProblemKind, Product, Time};
use certrail_store::tables::products;
use serde::Deserialize;

use crate::{
    Caller,
    access::{On, allow, decides},
    engine::{Batch, Engine, Fault},
    held::is_no_newcomer,
    inputs,
};

/// What is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAcceptance {
    /// The kind of facts.
    pub kind: String,
    /// Why they cannot be observed, at least twenty characters.
    pub reason: String,
}

fn refuse(kind: ProblemKind, code: &str, why: impl Into<String>, fix: &str) -> Problem {
    Problem::new(kind, code, "Nothing was changed.", why, fix)
}

fn person(caller: &Caller) -> Result<String, Problem> {
    match caller.person {
        Some(_) => Ok(caller.account()),
        None => Err(refuse(
            ProblemKind::Refused,
            "not-a-person",
            "A person has to decide this, and this token belongs to nobody.",
            "Sign in.",
        )),
    }
}

/// Asks that a product accepts reports of a kind. It has no effect until somebody else approves it.
///
/// # Errors
/// A role that may not, a kind that need not be observed, too short a reason, a failed commit.
pub async fn request_acceptance(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    new: NewAcceptance,
) -> Result<Product, Problem> {
    allow(caller, Action::RequestException, On::Product(product))?;
    let requester = person(caller)?;
    if !HAVE_TO_BE_OBSERVED.contains(&new.kind.as_str()) {
        let why = format!("`{}` is no kind that has to be observed.", inputs::clip(&new.kind));
        let fix = format!("Name one of {}.", HAVE_TO_BE_OBSERVED.join(", "));
        return Err(refuse(ProblemKind::BadInput, "no-such-kind", why, &fix));
    }
    let reason = inputs::words("reason", &new.reason, 20)?;
    change(engine, product, move |batch, product| {
        if product.accepts(&new.kind) {
            let why = format!("Reports of `{}` count here already.", inputs::clip(&new.kind));
            return Err(refuse(ProblemKind::Conflict, "accepted", why, "End that first, to ask for it anew.").into());
        }
        product.accepts_reported.retain(|a| a.kind != new.kind);
        product.accepts_reported.push(AcceptedReport {
            kind: new.kind.clone(),
            reason: reason.clone(),
            requester: requester.clone(),
            requested_at: batch.now,
            approver: None,
            approved_at: None,
        });
        product.accepts_reported.sort_by(|a, b| a.kind.cmp(&b.kind));
        Ok(requester.clone())
    })
    .await
}

/// Approves what was asked for, or ends it. `seen` is when that was asked for which somebody looked at.
///
/// # Errors
/// A role that may not, whoever asked, nothing that was asked for, a failed commit.
pub async fn decide_acceptance(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    kind: &str,
    approve: bool,
    seen: Option<Time>,
) -> Result<Product, Problem> {
    // Less is accepted by whoever grants; more is asked for again by whoever asks. One person alone does both only where the
    // product's admin declared that there is no other.
    allow(caller, Action::Read, On::Product(product))?;
    let account = person(caller)?;
    let (caller, kind, name) = (caller.clone(), kind.to_owned(), product.to_owned());
    change(engine, product, move |batch, product| {
        let alone = product.sole_decider && caller.may(Action::RequestException);
        if !alone {
            allow(&caller, Action::GrantException, On::Product(&product.name))?;
        }
        let asked = product.accepts_reported.iter_mut().find(|a| a.kind == kind);
        let Some(asked) = asked else {
            let why = format!("Nobody asked that reports of `{}` are accepted here.", inputs::clip(&kind));
            let fix = "Ask first: `certrail product accept-reported PRODUCT --kind KIND --reason WHY`.";
            return Err(refuse(ProblemKind::NotFound, "not-asked", why, fix).into());
        };
        if approve && asked.requester == account && !alone {
            let fix = "Ask another approver.";
            return Err(refuse(ProblemKind::Refused, "own-request", "Whoever asks does not approve.", fix).into());
        }
        if approve && seen.is_some_and(|seen| seen != asked.requested_at) {
            let why = "It was asked for again since you looked, with another reason perhaps.";
            return Err(refuse(ProblemKind::Conflict, "asked-again", why, "Read it again.").into());
        }
        if approve && !alone {
            is_no_newcomer(batch.tx, &caller, (&name, "Nothing was changed."), asked.requested_at)?;
        }
        if approve {
            // What lowers what has to be observed is itself never a report.
            decides(&caller, None)?;
            (asked.approver, asked.approved_at) = (Some(account.clone()), Some(batch.now));
        } else {
            product.accepts_reported.retain(|a| a.kind != kind);
        }
        Ok(account.clone())
    })
    .await
}

/// Records a new state of a product, under the account that `apply` returns.
async fn change(
    engine: &Arc<Engine>,
    product: &str,
    apply: impl Fn(&Batch<'_>, &mut Product) -> Result<String, Fault> + Send + 'static,
) -> Result<Product, Problem> {
    inputs::product(engine, product)?;
    let name = product.to_owned();
    let (product, _) = engine
        .write(move |batch| {
            let known = products::get(batch.tx, &name)?;
            let mut product =
                known.ok_or_else(|| certrail_store::StoreError::Damaged(format!("product {name} is not there")))?;
            let by = apply(batch, &mut product)?;
            let index = batch.control("product", &by, &[], &product)?;
            products::put(batch.tx, &product, index)?;
            Ok(product)
        })
        .await?;
    Ok(product)
}
