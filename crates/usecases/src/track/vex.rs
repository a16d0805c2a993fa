//! A VEX document says that vulnerabilities do not affect a product: each statement that matches an open finding becomes
//! a decision that is asked for. Only a person's approval makes it hold.

use std::cmp::Ordering;

use certrail_domain::{
    Claim, EvidenceId, ExceptionId, ExceptionState, Finding, FindingDecision, FindingState, Justification, Reach, Time,
    facts::{Vex, VexStatement, VexStatus},
    version_cmp,
};
use certrail_store::{
    StoreError,
    tables::{
        finding_decisions,
        findings::{self, Place, Shelf},
        releases::StoredRelease,
    },
};

use crate::{
    decide_finding::ask,
    engine::{Batch, Fault},
    inputs,
};

/// Who sent a VEX document, and for which product.
#[derive(Clone, Debug)]
pub(crate) struct VexSender {
    /// The product.
    pub(crate) product: String,
    /// The sender's account: it cannot approve what it sent.
    pub(crate) account: String,
}

/// Findings read at once.
const PAGE: u64 = 1_000;

/// Asks for what a document says; returns what its sender should know.
pub(crate) fn propose(
    batch: &mut Batch<'_>,
    vex: &Vex,
    sender: &VexSender,
    evidence: &EvidenceId,
    bound: &[StoredRelease],
) -> Result<Vec<String>, Fault> {
    let claims: Vec<&VexStatement> = vex.statements.iter().filter(|s| s.status == VexStatus::NotAffected).collect();
    let affected: Vec<&VexStatement> = vex.statements.iter().filter(|s| s.status == VexStatus::Affected).collect();
    let contradicted = contradicted(batch, &affected, sender, bound)?;
    let (mut asked, mut unjustified, mut already) = (0_u64, 0_u64, 0_u64);
    let mut after = Place::START;
    while !claims.is_empty() {
        let page = whole(findings::list(batch.tx, Some(&sender.product), Shelf::Open, after, PAGE)?)?;
        for stored in &page {
            let Some(statement) = claims.iter().find(|s| speaks_of(s, &stored.finding, &sender.product, bound)) else {
                continue;
            };
            let Some(justification) = statement.justification.as_deref().and_then(Justification::from_word) else {
                unjustified += 1;
                continue;
            };
            let decision = decision(batch.now, statement, justification, &stored.finding, sender, evidence, bound);
            let key = super::key_in(&stored.finding.id)?;
            let known = finding_decisions::about(batch.tx, &key, &decision.fingerprint)?;
            let same = |d: &FindingDecision| {
                d.claim == decision.claim && d.reach == decision.reach && (d.is_asked_for() || d.in_force(batch.now))
            };
            if known.iter().any(same) {
                already += 1;
            } else {
                ask(batch, stored.seq, decision)?;
                asked += 1;
            }
        }
        match page.last() {
            Some(last) if page.len() as u64 == PAGE => after = Place::of(last),
            _ => break,
        }
    }
    let mut warnings = Vec::new();
    if !claims.is_empty() && asked + unjustified + already == 0 {
        warnings.push("No open finding is what its statements are about, so nothing was asked for.".to_owned());
    }
    if asked > 0 {
        let them = if asked == 1 { "1 decision is" } else { "decisions are" };
        let many = if asked == 1 { String::new() } else { format!("{asked} ") };
        warnings.push(format!("{many}{them} asked for; nothing changes until somebody else approves."));
    }
    if contradicted > 0 {
        warnings.push(format!(
            "{contradicted} findings that are decided to be not affected are called affected by it; look at those decisions again."
        ));
    }
    if unjustified > 0 {
        warnings.push(format!(
            "{unjustified} statements match findings and give no justification, so nothing was asked for."
        ));
    }
    Ok(warnings)
}

/// The findings of a page: where one cannot be read, nothing is decided about the others either.
fn whole(page: Vec<findings::ListedFinding>) -> Result<Vec<findings::StoredFinding>, StoreError> {
    page.into_iter().map(|listed| listed.finding).collect()
}

/// How many findings are decided to be not affected that a document calls affected.
fn contradicted(
    batch: &Batch<'_>,
    affected: &[&VexStatement],
    sender: &VexSender,
    bound: &[StoredRelease],
) -> Result<u64, Fault> {
    let (mut count, mut after) = (0, Place::START);
    while !affected.is_empty() {
        let page = whole(findings::list(batch.tx, Some(&sender.product), Shelf::Decided, after, PAGE)?)?;
        let decided = page.iter().filter(|s| s.finding.state == FindingState::NotAffected);
        count += decided.filter(|s| affected.iter().any(|a| speaks_of(a, &s.finding, &sender.product, bound))).count()
            as u64;
        match page.last() {
            Some(last) if page.len() as u64 == PAGE => after = Place::of(last),
            _ => break,
        }
    }
    Ok(count)
}

/// The same vulnerability, and the affected part, the artefact or the product.
fn speaks_of(s: &VexStatement, finding: &Finding, product: &str, bound: &[StoredRelease]) -> bool {
    let own = |name: &str| {
        let names = std::iter::once(&finding.seen.rule).chain(&finding.seen.aliases);
        names.into_iter().any(|n| n.eq_ignore_ascii_case(name))
    };
    if !std::iter::once(&s.vulnerability).chain(&s.aliases).any(|name| own(name)) {
        return false;
    }
    let component = finding.seen.component.as_ref();
    let purl = component.and_then(|c| c.purl.as_deref());
    let version = component.and_then(|c| c.version.as_deref());
    let part = |about: &String| same_package(about, purl, version);
    // Where it names parts, one of them has to be the affected one, and the product itself has to be ours.
    if !s.subcomponents.is_empty() && !s.subcomponents.iter().any(part) {
        return false;
    }
    s.products.iter().any(|about| {
        let digest =
            bound.iter().any(|b| b.release.digests.iter().any(|d| about.contains(d.trim_start_matches("sha256:"))));
        digest || is_product(about, product, bound) || (s.subcomponents.is_empty() && part(about))
    })
}

/// The same package URL; where one names no version, it means all of them.
fn same_package(about: &str, purl: Option<&str>, version: Option<&str>) -> bool {
    let bare = |text: &str| text.split(['?', '#']).next().unwrap_or_default().to_owned();
    let parts = |text: &str| {
        let text = bare(text);
        match text.rsplit_once('@').filter(|(name, _)| name.contains('/')) {
            Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
            None => (text, None),
        }
    };
    let (Some(purl), true) = (purl, about.starts_with("pkg:")) else { return false };
    let ((theirs, their_version), (ours, our_version)) = (parts(about), parts(purl));
    let our_version = our_version.or_else(|| version.map(str::to_owned));
    theirs == ours && (their_version.is_none() || our_version.is_none() || their_version == our_version)
}

/// `pkg:generic/acme/payments@2.4.1`, or the name itself. A version it names is one of those it was sent for.
fn is_product(about: &str, product: &str, bound: &[StoredRelease]) -> bool {
    let bare = about.split(['?', '#']).next().unwrap_or_default();
    let last = bare.rsplit('/').next().unwrap_or_default();
    let (name, version) = last.split_once('@').map_or((last, None), |(name, version)| (name, Some(version)));
    // A digest is compared as one.
    let version = version.filter(|v| !v.starts_with("sha256"));
    name.eq_ignore_ascii_case(product)
        && version.is_none_or(|v| bound.iter().any(|b| version_cmp(&b.release.version, v) == Ordering::Equal))
}

fn decision(
    now: Time,
    statement: &VexStatement,
    justification: Justification,
    finding: &Finding,
    sender: &VexSender,
    evidence: &EvidenceId,
    bound: &[StoredRelease],
) -> FindingDecision {
    let said = statement.statement.as_deref().map(inputs::clip_long).unwrap_or_default();
    let about: Vec<&str> =
        statement.products.iter().chain(&statement.subcomponents).map(String::as_str).take(5).collect();
    let said = format!(
        "{} is {} in {}. {said}",
        statement.vulnerability,
        statement.status.name().replace('_', " "),
        about.join(", ")
    );
    FindingDecision {
        id: ExceptionId::from_stored(""),
        finding: finding.id.clone(),
        product: finding.product.clone(),
        fingerprint: finding.seen.fingerprint.clone(),
        claim: Claim::NotAffected,
        justification: Some(justification),
        level: finding.level,
        exploited: finding.seen.is_exploited(),
        // A statement is about what it was sent for.
        reach: match bound {
            [one] => Reach::Release { release: one.release.id.clone() },
            _ => Reach::Product { future: false },
        },
        reason: inputs::clip_long(format!("VEX: {said}").trim()),
        compensating: String::new(),
        evidence: Some(evidence.clone()),
        requester: sender.account.clone(),
        approver: None,
        state: ExceptionState::Requested,
        renewals: 0,
        requested_at: now,
        decided_at: None,
        decided_because: String::new(),
        alone: false,
        expires_at: now.plus(Claim::NotAffected.usual_days(finding.level) * Time::DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_the_same_when_name_and_version_are() {
        let ours = Some("pkg:npm/%40acme/ui@1.2.3");
        for (about, same) in [
            ("pkg:npm/%40acme/ui@1.2.3", true),
            ("pkg:npm/%40acme/ui", true),
            ("pkg:npm/%40acme/ui@1.2.3?arch=x", true),
            ("pkg:npm/%40acme/ui@1.2.4", false),
            ("pkg:npm/ui@1.2.3", false),
            ("ui", false),
        ] {
            assert_eq!(same_package(about, ours, None), same, "{about}");
        }
        assert!(same_package("pkg:apk/alpine/a@1", Some("pkg:apk/alpine/a"), Some("1")));
        assert!(!same_package("pkg:apk/alpine/a@1", Some("pkg:apk/alpine/a"), Some("2")));
        assert!(!same_package("pkg:apk/alpine/a@1", None, None));
    }

    #[test]
    fn a_product_is_known_by_its_name() {
        for (about, same) in [
            ("pay", true),
            ("pkg:generic/acme/pay", true),
            // A version nobody sent it for.
            ("pkg:generic/acme/pay@2.4.1", false),
            ("pkg:oci/pay@sha256%3A00?tag=1", true),
            ("pkg:npm/payments", false),
        ] {
            assert_eq!(is_product(about, "pay", &[]), same, "{about}");
        }
    }
}
