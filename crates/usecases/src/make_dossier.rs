//! Making a dossier: one value from one state of the world, numbered, recorded, sealed, in two files.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use certrail_criteria::{Evidence, World, frameworks};
use certrail_domain::{EvidenceId, Facts, Mark, Problem, ProblemKind, Time, Verdict, facts::ReviewVerdict, sentence};
use certrail_dossier::{
    AcceptanceRow, ApprovalRow, ChangeRow, ControlRow, DecisionEntry, DecisionRow, DeploymentRow, Dossier, Event,
    EvidenceRow, Integrity, LogRef, Proof, SecurityRow, TestRow,
};
use certrail_ledger::{hex, keys::vouching, leaf::label, seal, sha256, tree};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings, decisions, dossiers, log, people,
        releases::StoredRelease,
        signals::{self, StoredSignal},
    },
};

use crate::{
    engine::{Engine, LogHead, internal},
    judge::{Judged, judge_in},
    look,
};

/// A finished dossier.
#[derive(Clone, Debug)]
pub struct DossierFile {
    /// The sealed JSON.
    pub json: Vec<u8>,
    /// The sealed PDF, if it was asked for.
    pub pdf: Option<Vec<u8>>,
    /// Its number.
    pub number: u64,
    /// `payments-api-2.4.1`.
    pub name: String,
}

/// How PDFs are rendered.
#[derive(Clone, Debug)]
pub enum Renderer {
    /// None: JSON only.
    None,
    /// In a child process of the program at this path, which has the command `render-pdf`.
    Child(PathBuf),
}

/// The longest a rendering may take.
const RENDER_SECONDS: u64 = 60;

/// Makes the next numbered dossier of a release, records it, and seals it.
///
/// # Errors
/// When there is no such release, the store fails, or the PDF cannot be rendered.
pub async fn make_dossier(
    engine: &Arc<Engine>,
    product: &str,
    version: &str,
    renderer: Renderer,
) -> Result<DossierFile, Problem> {
    let stored = look::find_release(engine, product, version)?;
    let mut tries = 0;
    let (bytes, number) = loop {
        tries += 1;
        let (bytes, number) = numbered(engine, &stored).await?;
        match record(engine, &stored, number, sha256(&bytes)).await {
            Ok(()) => break (bytes, number),
            // Somebody else took the number between reading and writing.
            Err(problem) if problem.kind == ProblemKind::Conflict && tries < 5 => {}
            Err(problem) => return Err(problem),
        }
    };
    let json = seal::seal_json(&bytes, &engine.keys.dossier).map_err(|e| internal(&e))?;
    let pdf = match renderer {
        Renderer::None => None,
        Renderer::Child(program) => {
            let input = json.clone();
            let plain =
                tokio::task::spawn_blocking(move || render(&program, &input)).await.map_err(|e| internal(&e))??;
            seal::seal_pdf(&plain, &engine.keys.dossier).map_err(|e| internal(&e))?
        }
    };
    Ok(DossierFile { json, pdf, number, name: format!("{}-{}", stored.release.product, stored.release.version) })
}

/// The bytes of the next dossier, with its number.
async fn numbered(engine: &Arc<Engine>, stored: &StoredRelease) -> Result<(Vec<u8>, u64), Problem> {
    let (engine, stored) = (engine.clone(), stored.clone());
    tokio::task::spawn_blocking(move || {
        let known = engine.read(|tx| dossiers::of_release(tx, stored.release.id.as_str()))?;
        let number = known.last().map_or(1, |d| d.number + 1);
        let dossier = assemble(&engine, &stored, number, true)?;
        Ok((serde_json::to_vec(&dossier).map_err(|e| internal(&e))?, number))
    })
    .await
    .map_err(|e| internal(&e))?
}

/// Puts a dossier on record, unless its number is taken.
async fn record(engine: &Arc<Engine>, stored: &StoredRelease, number: u64, digest: [u8; 32]) -> Result<(), Problem> {
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let release = stored.release.id.to_string();
    engine
        .write(move |batch| {
            if dossiers::of_release(batch.tx, &release)?.last().is_some_and(|d| d.number >= number) {
                let why = format!("Dossier {number} was made by somebody else at the same moment.");
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    "number-taken",
                    "No dossier was made.",
                    why,
                    "Ask again.",
                )
                .into());
            }
            let document = serde_json::json!({ "release": release, "number": number, "sha256": hex(&digest) });
            let log_index = batch.control("dossier-made", "certrail", &[mark], &document)?;
            let made = dossiers::StoredDossier { number, log_index, made: batch.now.as_micros(), digest };
            dossiers::insert(batch.tx, &release, &made)?;
            Ok(())
        })
        .await?;
    Ok(())
}

/// Runs the renderer: JSON in, PDF out, bounded in time by us and in memory by the child itself.
fn render(program: &std::path::Path, json: &[u8]) -> Result<Vec<u8>, Problem> {
    let failed = |why: String| {
        Problem::new(
            ProblemKind::Internal,
            "no-pdf",
            "The PDF was not made.",
            why,
            "The JSON dossier holds the same; ask again, or look at the server's log.",
        )
    };
    let mut child = Command::new(program)
        .arg("render-pdf")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("The renderer could not be started: {e}.")))?;
    let mut stdin = child.stdin.take();
    let input = json.to_vec();
    let feeder = std::thread::spawn(move || stdin.as_mut().map(|s| s.write_all(&input)));
    let id = child.id();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if waiting.recv_timeout(std::time::Duration::from_secs(RENDER_SECONDS)).is_err() {
            // Ended from outside: the child is stuck and holds memory.
            drop(Command::new("kill").arg("-9").arg(id.to_string()).status());
        }
    });
    let output = child.wait_with_output().map_err(|e| failed(format!("The renderer was lost: {e}.")))?;
    let _ = done.send(());
    drop(feeder.join());
    drop(watchdog.join());
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!(
            "The renderer ended with {}: {}",
            output.status,
            said.lines().last().unwrap_or("no word")
        )));
    }
    Ok(output.stdout)
}

/// Puts the value together. With `proofs` false, proofs and bodies of decisions are left out: that is what pages need.
pub(crate) fn assemble(
    engine: &Arc<Engine>,
    stored: &StoredRelease,
    number: u64,
    proofs: bool,
) -> Result<Dossier, Problem> {
    let (head, now) = (engine.head(), engine.now());
    engine.store.read(|tx| build(engine, tx, stored, &head, now, number, proofs)).map_err(|e| internal(&e))
}

fn build(
    engine: &Arc<Engine>,
    tx: &Tx<'_>,
    stored: &StoredRelease,
    head: &Arc<LogHead>,
    now: Time,
    number: u64,
    proofs: bool,
) -> Result<Dossier, StoreError> {
    let position = head.size();
    let judged = judge_in(tx, &engine.criteria, stored, position, now)?;
    let release = judged.seen.release.clone();
    let everybody = people::all_at(tx, position)?;
    let names: BTreeMap<String, String> = everybody
        .iter()
        .flat_map(|p| p.accounts.iter().cloned().chain([p.id.to_string().to_lowercase()]).map(|a| (a, p.name.clone())))
        .collect();
    let show = |account: &str| names.get(&account.to_lowercase()).cloned().unwrap_or_else(|| account.to_owned());
    let input = judged.seen.input();
    let world = World::new(&input);
    let evaluation = judged.evaluation.clone();
    let decisions = decision_rows(engine, tx, stored, head, &show, proofs)?;
    let conditions = judged.evaluation.summary.excepted > 0;
    let mut exceptions = judged.seen.exceptions.clone();
    for e in &mut exceptions {
        e.requester = show(&e.requester);
        e.approver = e.approver.as_deref().map(&show);
    }
    Ok(Dossier {
        schema: Dossier::SCHEMA.into(),
        number,
        made_at: now,
        standing: sentence::standing(&release, conditions).to_owned(),
        sentence: sentence::sentence(&release, &evaluation),
        fraction: sentence::fraction(&evaluation.summary),
        summary: evaluation.summary,
        lines: lines(&release, &judged, &world),
        changes: change_rows(&world, &judged, &show),
        tests: test_rows(&world),
        security: security_rows(&world),
        approvals: approval_rows(&world, &show),
        deployments: deployment_rows(&world, &release, &show),
        acceptance: acceptance_rows(&judged),
        exceptions,
        controls: control_rows(&judged),
        events: events(&judged, &show),
        integrity: integrity(engine, tx, stored, head, &decisions, proofs)?,
        evidence: evidence_rows(tx, &judged, head, &show, proofs)?,
        decisions,
        evaluation,
        release,
    })
}

fn lines(release: &certrail_domain::Release, judged: &Judged, world: &World<'_>) -> Vec<String> {
    let s = judged.evaluation.summary;
    let mut out = vec![
        format!("{} changes by {} people.", world.changes.len(), world.authors().len()),
        format!("Change type: {}.", release.release_type.name()),
        format!(
            "{} requirements met, {} by exception, {} failed, {} without evidence, {} could not be told.",
            s.met, s.excepted, s.failed, s.missing, s.indeterminate
        ),
    ];
    for item in sentence::open_items(&judged.evaluation).into_iter().filter(|r| !r.pending).take(4) {
        out.push(format!("{}: {}", item.title, item.sentence));
    }
    if release.ungated {
        out.push("It reached production without a valid decision.".into());
    }
    if release.range_partial {
        out.push("Its commit range could not be followed to the release before; `certrail release cut` in a checkout can tell it exactly.".into());
    }
    out
}

fn change_rows(world: &World<'_>, judged: &Judged, show: &dyn Fn(&str) -> String) -> Vec<ChangeRow> {
    let reviews = judged.evaluation.requirements.iter().find(|r| r.id == "code-review");
    world
        .changes
        .iter()
        .map(|c| {
            let row = reviews.and_then(|r| r.rows.iter().find(|row| row.subject.id == c.id));
            let authorised_by = judged
                .seen
                .evidence
                .iter()
                .filter_map(|e| match &e.signal.facts {
                    Facts::Ticket(t) if c.tickets.contains(&t.key) => {
                        t.authorised_by.as_ref().map(|a| show(&a.account))
                    }
                    _ => None,
                })
                .collect();
            ChangeRow {
                id: c.id.clone(),
                name: c.name.clone(),
                url: c.change.and_then(|c| c.url.clone()),
                tickets: c.tickets.iter().cloned().collect(),
                authorised_by,
                authors: c.authors.iter().map(|a| show(a)).collect(),
                reviews: c
                    .reviews
                    .iter()
                    .map(|r| {
                        let who =
                            r.review.reviewer.as_ref().map_or_else(|| "somebody".to_owned(), |a| show(&a.account));
                        let said = match r.review.verdict {
                            ReviewVerdict::Approved => "approved",
                            ReviewVerdict::ChangesRequested => "asked for changes in",
                            ReviewVerdict::Commented => "commented on",
                            ReviewVerdict::Dismissed => "was set aside on",
                        };
                        let version: String =
                            r.review.revision.as_deref().unwrap_or("an unknown version").chars().take(7).collect();
                        format!("{who} {said} {version} on {}", r.evidence.at().human())
                    })
                    .collect(),
                head: c.head.clone(),
                merged_at: c.merged.map(|m| m.at),
                review: row.map_or(Verdict::Missing, |r| r.verdict),
                review_sentence: row.map_or_else(String::new, |r| r.sentence.clone()),
            }
        })
        .collect()
}

/// What a report is about: the first of the names its sender gave.
fn object(e: &Evidence) -> String {
    let names: Vec<&str> = e.signal.named.iter().map(|k| k.parts().1).collect();
    names.first().map_or_else(|| "not named".to_owned(), |n| n.chars().take(26).collect())
}

fn test_rows(world: &World<'_>) -> Vec<TestRow> {
    world
        .usable
        .iter()
        .filter_map(|e| {
            let (suite, result) = match &e.signal.facts {
                Facts::TestRun(t) => (
                    t.suite.clone(),
                    format!(
                        "{} of {} passed, {} failed, {} skipped{}",
                        t.passed,
                        t.tests,
                        t.failed + t.errors,
                        t.skipped,
                        if t.complete { "" } else { "; the report breaks off" }
                    ),
                ),
                Facts::Coverage(c) => {
                    ("coverage".to_owned(), format!("{} of {} lines covered", c.lines_covered, c.lines_total))
                }
                _ => return None,
            };
            Some(TestRow { suite, ran_on: object(e), result, at: e.at(), evidence: e.id.clone() })
        })
        .collect()
}

fn security_rows(world: &World<'_>) -> Vec<SecurityRow> {
    world
        .usable
        .iter()
        .filter_map(|e| {
            let row = |kind: &str, tool: String, database_at, looked_at: String, found: String| SecurityRow {
                kind: kind.into(),
                tool,
                database_at,
                looked_at,
                found,
                at: e.at(),
                evidence: e.id.clone(),
            };
            match &e.signal.facts {
                Facts::Scan(s) => {
                    let l = s.levels;
                    let tool = format!("{} {}", s.tool, s.tool_version.as_deref().unwrap_or("")).trim().to_owned();
                    let found = format!(
                        "{} critical, {} high, {} medium, {} low; {} suppressed by the tool",
                        l.critical,
                        l.high,
                        l.medium,
                        l.low + l.info,
                        s.suppressed
                    );
                    Some(row(s.scan.name(), tool, s.database_at, object(e), found))
                }
                Facts::Sbom(s) => {
                    let found = format!("{} {}: {} components", s.format, s.spec_version, s.components);
                    Some(row("sbom", s.generator.clone().unwrap_or_else(|| "not named".into()), None, object(e), found))
                }
                Facts::Alert(a) => {
                    let state = if a.open { "open" } else { "closed" };
                    Some(row(
                        "alert",
                        a.repository.clone(),
                        None,
                        format!("#{}", a.number),
                        format!("{} ({state}): {}", a.level.map_or("level not given", |l| l.name()), a.title),
                    ))
                }
                _ => None,
            }
        })
        .collect()
}

fn approval_rows(world: &World<'_>, show: &dyn Fn(&str) -> String) -> Vec<ApprovalRow> {
    world
        .usable
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::Approval(a) => Some(ApprovalRow {
                approver: a.approver.as_ref().map_or_else(|| "not named".into(), |p| show(&p.account)),
                meaning: a.meaning.clone(),
                environment: a.environment.clone(),
                verdict: match a.verdict {
                    certrail_domain::facts::ApprovalVerdict::Approved => "approved",
                    certrail_domain::facts::ApprovalVerdict::Rejected => "rejected",
                    certrail_domain::facts::ApprovalVerdict::Withdrawn => "withdrawn",
                }
                .into(),
                at: e.at(),
                object: a
                    .digests
                    .first()
                    .or(a.commit.as_ref())
                    .map_or_else(|| "not named".into(), |o| o.chars().take(26).collect()),
                comment: a.comment.clone(),
                evidence: e.id.clone(),
            }),
            _ => None,
        })
        .collect()
}

fn deployment_rows(
    world: &World<'_>,
    release: &certrail_domain::Release,
    show: &dyn Fn(&str) -> String,
) -> Vec<DeploymentRow> {
    world
        .deployments
        .iter()
        .map(|d| {
            let object = d.digests.first().or(d.newest.commit.as_ref()).cloned().unwrap_or_else(|| "not named".into());
            let same = match d.digests.is_empty() || release.digests.is_empty() {
                true => d.newest.commit.is_some() && d.newest.commit == release.commit,
                false => d.digests.iter().all(|x| release.digests.contains(x)),
            };
            DeploymentRow {
                environment: d.newest.environment.clone(),
                object: object.chars().take(26).collect(),
                same_object: same,
                start: d.start.at,
                succeeded: d.succeeded.map(|s| s.at),
                deployer: d.newest.deployer.as_ref().map_or_else(|| "not named".into(), |a| show(&a.account)),
                production: d.production,
                evidence: d.evidence.clone(),
            }
        })
        .collect()
}

fn acceptance_rows(judged: &Judged) -> Vec<AcceptanceRow> {
    judged
        .seen
        .evidence
        .iter()
        .filter_map(|e| match &e.signal.facts {
            Facts::Validation(v) => Some(AcceptanceRow {
                environment: v.environment.clone(),
                name: v.name.clone(),
                passed: v.passed,
                at: e.at(),
                evidence: e.id.clone(),
            }),
            _ => None,
        })
        .collect()
}

fn control_rows(judged: &Judged) -> Vec<ControlRow> {
    let mut rows = Vec::new();
    for framework in frameworks() {
        for control in &framework.controls {
            let name = format!("{}:{}", framework.id, control.id);
            let serving: Vec<&str> = judged
                .criteria
                .requirements
                .iter()
                .filter(|r| r.controls.contains(&name))
                .map(|r| r.id.as_str())
                .collect();
            let results: Vec<_> = judged
                .evaluation
                .requirements
                .iter()
                .filter(|r| serving.contains(&r.id.as_str()) && !r.pending)
                .collect();
            if serving.is_empty() {
                continue;
            }
            let mut evidence: Vec<_> = results
                .iter()
                .flat_map(|r| r.rows.iter())
                .filter(|r| r.verdict.is_met())
                .flat_map(|r| r.inputs.clone())
                .collect();
            evidence.sort();
            evidence.dedup();
            rows.push(ControlRow {
                framework: framework.title.clone(),
                control: control.id.clone(),
                words: control.words.clone(),
                requirements: serving.iter().map(|s| (*s).to_owned()).collect(),
                verdict: results.iter().map(|r| r.verdict).max().unwrap_or(Verdict::Missing),
                evidence,
                strength: control.strength.clone(),
                also: control.also.clone(),
            });
        }
    }
    rows
}

fn events(judged: &Judged, show: &dyn Fn(&str) -> String) -> Vec<Event> {
    let stale: Vec<&certrail_domain::EvidenceId> = stale_reviews(judged);
    let mut out: Vec<Event> = judged
        .seen
        .evidence
        .iter()
        .enumerate()
        .map(|(i, e)| {
            let mut marks = look::marks(judged, i);
            if stale.contains(&&e.id) {
                marks.push(Mark::Stale);
            }
            Event {
                at: e.at(),
                received: e.received,
                lane: e.signal.facts.lane().into(),
                what: what(e, show),
                marks,
                evidence: e.id.clone(),
            }
        })
        .collect();
    out.sort_by(|a, b| (a.at, &a.evidence).cmp(&(b.at, &b.evidence)));
    out
}

/// Approvals of a version that was not the last.
fn stale_reviews(judged: &Judged) -> Vec<&certrail_domain::EvidenceId> {
    let mut heads: BTreeMap<(&str, u64), (u64, &str)> = BTreeMap::new();
    for e in &judged.seen.evidence {
        if let Facts::Change(c) = &e.signal.facts {
            let known = heads.entry((c.repository.as_str(), c.number)).or_insert((0, ""));
            let rank = e.at().as_micros().unsigned_abs();
            if rank >= known.0 {
                *known = (rank, c.head.as_str());
            }
        }
    }
    judged
        .seen
        .evidence
        .iter()
        .filter(|e| match &e.signal.facts {
            Facts::Review(r) => {
                let head = heads.get(&(r.repository.as_str(), r.number)).map(|(_, h)| *h);
                r.verdict == ReviewVerdict::Approved && head.is_some() && r.revision.as_deref() != head
            }
            _ => false,
        })
        .map(|e| &e.id)
        .collect()
}

/// One sentence on what a piece of evidence says.
fn what(e: &Evidence, show: &dyn Fn(&str) -> String) -> String {
    let who = e
        .signal
        .actor
        .as_ref()
        .map_or_else(|| "Somebody".to_owned(), |a| a.name.clone().unwrap_or_else(|| show(&a.account)));
    let short = |sha: &str| sha.chars().take(7).collect::<String>();
    match &e.signal.facts {
        Facts::Push(p) => format!(
            "{who} pushed {} commit{} to {}",
            p.commits.len(),
            if p.commits.len() == 1 { "" } else { "s" },
            p.branch
        ),
        Facts::Tag(t) => format!("Tag {} {}", t.name, if t.removed { "was removed" } else { "was made" }),
        Facts::Change(c) => format!("Change #{} {}: {}", c.number, c.action.replace('_', " "), c.title),
        Facts::Review(r) => format!(
            "{} {} change #{}",
            r.reviewer.as_ref().map_or_else(|| "Somebody".into(), |a| show(&a.account)),
            match r.verdict {
                ReviewVerdict::Approved => "approved",
                ReviewVerdict::ChangesRequested => "asked for changes in",
                ReviewVerdict::Commented => "commented on",
                ReviewVerdict::Dismissed => "had a review set aside on",
            },
            r.number
        ),
        Facts::BranchRule(b) => {
            format!("Protection of {} was {}", b.pattern, if b.removed { "removed" } else { "set" })
        }
        Facts::Check(c) => {
            format!("Check {} on {}: {}", c.name, short(&c.commit), format!("{:?}", c.conclusion).to_lowercase())
        }
        Facts::TestRun(t) => format!("Suite {}: {} of {} passed", t.suite, t.passed, t.tests),
        Facts::Coverage(c) => format!("Coverage: {} of {} lines", c.lines_covered, c.lines_total),
        Facts::Scan(s) => format!("{} ({}) found {}", s.tool, s.scan.name(), s.levels.total()),
        Facts::Sbom(s) => format!("Bill of materials with {} components", s.components),
        Facts::Alert(a) => format!("Alert #{} {}: {}", a.number, a.action, a.title),
        Facts::Build(b) => {
            format!("Workflow {} on {}: {}", b.name, short(&b.commit), format!("{:?}", b.conclusion).to_lowercase())
        }
        Facts::Manifest(m) => format!("{who} cut {} at {}", m.version, short(&m.commit)),
        Facts::Ticket(t) => format!("{} {}: {}", t.key, t.status, t.title),
        Facts::Approval(a) => format!(
            "{} said {} ({}{})",
            a.approver.as_ref().map_or_else(|| "Somebody".into(), |p| show(&p.account)),
            format!("{:?}", a.verdict).to_lowercase(),
            a.meaning,
            if a.environment.is_empty() { String::new() } else { format!(", {}", a.environment) }
        ),
        Facts::Deployment(d) => format!("Deployment to {} {}", d.environment, format!("{:?}", d.state).to_lowercase()),
        Facts::Validation(v) => {
            format!("{} in {} {}", v.name, v.environment, if v.passed { "held" } else { "did not hold" })
        }
        Facts::RollbackTarget(r) => format!("Rollback target: {}", r.version),
        Facts::Unread { name, .. } => format!("{name} was kept and could not be read"),
    }
}

fn proof_of(tx: &Tx<'_>, head: &LogHead, index: u64) -> Result<Proof, StoreError> {
    let receipt = crate::prove::receipt_in(tx, head, index)?;
    Ok(Proof { index, leaf: receipt.leaf, hashes: receipt.proof })
}

fn no_proof(index: u64) -> Proof {
    Proof { index, leaf: String::new(), hashes: Vec::new() }
}

/// The release's own evidence, and what its verdicts rest on besides: branch rules and alerts of its repositories.
fn evidence_rows(
    tx: &Tx<'_>,
    judged: &Judged,
    head: &LogHead,
    show: &dyn Fn(&str) -> String,
    proofs: bool,
) -> Result<Vec<EvidenceRow>, StoreError> {
    let seen = &judged.seen;
    let mut rows = Vec::with_capacity(seen.evidence.len());
    for (i, (stored, evidence)) in seen.signals.iter().zip(&seen.evidence).enumerate() {
        rows.push(EvidenceRow {
            rule: Some(evidence.rule),
            marks: look::marks(judged, i),
            ..evidence_row(tx, head, show, proofs, stored, evidence)?
        });
    }
    let cited: BTreeSet<&EvidenceId> =
        judged.evaluation.requirements.iter().flat_map(|r| &r.rows).flat_map(|row| &row.inputs).collect();
    let own: BTreeSet<u64> = seen.evidence.iter().map(|e| e.log_index).collect();
    for evidence in seen.context.iter().filter(|e| cited.contains(&e.id) && !own.contains(&e.log_index)) {
        let stored = signals::get(tx, evidence.log_index)?
            .ok_or_else(|| StoreError::Damaged(format!("signal {} is not there", evidence.log_index)))?;
        rows.push(evidence_row(tx, head, show, proofs, &stored, evidence)?);
    }
    Ok(rows)
}

fn evidence_row(
    tx: &Tx<'_>,
    head: &LogHead,
    show: &dyn Fn(&str) -> String,
    proofs: bool,
    s: &StoredSignal,
    e: &Evidence,
) -> Result<EvidenceRow, StoreError> {
    let actor = e.signal.actor.as_ref();
    Ok(EvidenceRow {
        id: e.id.clone(),
        kind: e.signal.facts.kind().into(),
        name: s.name.clone(),
        source: e.signal.source.clone(),
        occurred_at: e.signal.occurred_at,
        received_at: e.received,
        actor: actor.map_or_else(String::new, |a| a.name.clone().unwrap_or_else(|| show(&a.account))),
        rule: None,
        sha256: hex(&s.body),
        media: s.media.clone(),
        salt: s.salt.as_deref().map(hex),
        normalised: if proofs { signals::normalised(tx, s.log_index)?.unwrap_or_default() } else { String::new() },
        marks: Vec::new(),
        proof: if proofs { proof_of(tx, head, s.log_index)? } else { no_proof(s.log_index) },
    })
}

fn decision_rows(
    engine: &Arc<Engine>,
    tx: &Tx<'_>,
    stored: &StoredRelease,
    head: &LogHead,
    show: &dyn Fn(&str) -> String,
    proofs: bool,
) -> Result<Vec<DecisionRow>, StoreError> {
    decisions::of_release(tx, stored.release.id.as_str())?
        .into_iter()
        .map(|d| {
            let at = crate::certify::decided_at(&d);
            let mut row = DecisionRow {
                id: d.id,
                kind: d.kind,
                result: d.result,
                by: show(&d.actor),
                at,
                world_digest: hex(&d.world),
                world: String::new(),
                evaluation: String::new(),
                entries: Vec::new(),
            };
            if proofs {
                let world = crate::accept::body_of(tx, &engine.blobs, &d.world)?.unwrap_or_default();
                row.world = String::from_utf8(world).unwrap_or_default();
                let frozen: Option<crate::certify::FrozenWorld> = serde_json::from_str(&row.world).ok();
                if let Some(digest) = frozen.and_then(|w| certrail_ledger::unhex(&w.evaluation)) {
                    let bytes = crate::accept::body_of(tx, &engine.blobs, &digest)?.unwrap_or_default();
                    row.evaluation = String::from_utf8(bytes).unwrap_or_default();
                }
                let entries: Vec<(u64, serde_json::Value)> = serde_json::from_str(&d.envelope).unwrap_or_default();
                for (index, envelope) in entries {
                    row.entries.push(DecisionEntry { envelope, proof: proof_of(tx, head, index)? });
                }
            }
            Ok(row)
        })
        .collect()
}

/// The program and rules that make a dossier of ours.
pub(crate) fn tool() -> String {
    format!("certrail {}, {}", env!("CARGO_PKG_VERSION"), certrail_criteria::EVALUATOR)
}

fn integrity(
    engine: &Arc<Engine>,
    tx: &Tx<'_>,
    stored: &StoredRelease,
    head: &LogHead,
    decisions: &[DecisionRow],
    proofs: bool,
) -> Result<Integrity, StoreError> {
    let mut earlier = Vec::new();
    if proofs {
        for index in decisions.iter().flat_map(|d| d.entries.iter()).map(|e| e.proof.index) {
            let Some((size, checkpoint)) = log::checkpoint_covering(tx, index + 1)? else { continue };
            let consistency =
                tree::consistency_proof(&head.tiles(tx), size, head.size())?.iter().map(|h| hex(h)).collect();
            let known = earlier.iter().any(|r: &LogRef| r.checkpoint == checkpoint);
            if !known && size < head.size() {
                earlier.push(LogRef { checkpoint, consistency });
            }
        }
    }
    let unbound = bindings::unbound_count(tx)?;
    let mut limits = vec![
        "Inclusion is proved for each record listed. That nothing was left out is provable with the full log and the label key.".to_owned(),
        "Times of sources are theirs; times of receipt are ours and never run backwards.".to_owned(),
    ];
    if unbound > 0 {
        limits.push(format!("{unbound} signals were bound to no release when this was made."));
    }
    Ok(Integrity {
        origin: engine.keys.origin().to_owned(),
        log_key: engine.keys.log.verifier().vkey(),
        certifier_key: hex(engine.keys.certifier.verifier().spki()),
        dossier_key: hex(engine.keys.dossier.verifier().spki()),
        keys_signature: hex(&engine.keys.log.sign(&vouching(
            engine.keys.origin(),
            engine.keys.certifier.verifier(),
            engine.keys.dossier.verifier(),
        ))),
        checkpoint: head.checkpoint.clone(),
        earlier,
        label_key: if proofs { hex(&stored.label_key) } else { String::new() },
        tool: tool(),
        limits,
    })
}
