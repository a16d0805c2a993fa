//! A report file arrives: read it, take it in, say what was parsed and which requirements it met. An archive is taken
//! in whole, and each report in it beside it.

use std::{collections::BTreeMap, sync::Arc};

use certrail_domain::{
    Action, Actor, EvidenceId, EvidencePart, Extent, Facts, HowKnown, Key, Problem, ProblemKind, RequirementResult,
    Signal, Time, Verdict,
    facts::{Archive, BandPolicy, Packed, ScanKind},
    normal_version,
};
use certrail_formats::{ArchiveKind, Format, Hints, NotRead, Validity, unpack};
use certrail_store::{StoreError, tables::releases};
use serde::{Deserialize, Serialize};

use crate::{
    Caller,
    accept::{Ack, Incoming, accept},
    access::{On, allow},
    deliver_webhook::empty_body,
    engine::{Engine, LogHead, internal},
    inputs, jobs,
    judge::{Judged, judge},
    track::{Gathered, VexSender},
};

/// A report file with what its sender says about it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// The product.
    pub product: String,
    /// The file's name.
    #[serde(default)]
    pub name: String,
    /// The release it is about.
    #[serde(default)]
    pub release: Option<String>,
    /// The commit it is about.
    #[serde(default)]
    pub commit: Option<String>,
    /// The artefacts it is about, `sha256:…`.
    #[serde(default)]
    pub digest: Vec<String>,
    /// The format it must have.
    #[serde(default)]
    pub r#type: Option<String>,
    /// What it is for: the suite of a test report, the kind of a scan.
    #[serde(default, rename = "for")]
    pub purpose: Option<String>,
    /// The date of the scanner's database of vulnerabilities, where the report does not tell it, RFC 3339.
    #[serde(default)]
    pub database_date: Option<Time>,
    /// The part of the product a scan answers for: only a scan of the same part says that a finding is gone. The name of the
    /// file where neither the sender nor the report tells.
    #[serde(default)]
    pub scope: Option<String>,
    /// When it was made, RFC 3339.
    #[serde(default)]
    pub occurred_at: Option<Time>,
    /// Which set of reports it belongs to.
    #[serde(default)]
    pub part: EvidencePart,
}

/// The version of all readers together: it changes when the same bytes could give other facts or findings.
pub(crate) const READERS: u32 = 3;

/// A requirement that stands differently, or is touched, after the file was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetRequirement {
    /// `payments-api/2.4.1`.
    pub release: String,
    /// The requirement's id.
    pub requirement: String,
    /// How it stands now.
    pub verdict: Verdict,
    /// Why, one sentence.
    pub sentence: String,
}

impl MetRequirement {
    /// The requirements of an evaluation that rest on a piece of evidence.
    fn of(judged: &Judged, release: &str, evidence: &EvidenceId) -> Vec<Self> {
        let rests = |r: &&RequirementResult| r.rows.iter().any(|row| row.inputs.contains(evidence));
        let met = judged.evaluation.requirements.iter().filter(rests).map(|r| Self {
            release: release.to_owned(),
            requirement: r.id.clone(),
            verdict: r.verdict,
            sentence: r.sentence.clone(),
        });
        met.collect()
    }
}

/// What the sender of a report gets back.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceReceipt {
    /// Where it ended up.
    #[serde(flatten)]
    pub ack: Ack,
    /// The file's name, as given.
    pub name: String,
    /// The format it was read as; `unread` where none fits.
    pub r#type: String,
    /// Whether it obeys its standard: `yes`, `no`, `unknown`.
    pub valid: &'static str,
    /// Why it does not: the first reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Counts by name.
    pub parsed: BTreeMap<&'static str, u64>,
    /// The requirements that rest on it now.
    pub met: Vec<MetRequirement>,
    /// The reports that were in it, where it is an archive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<EvidenceReceipt>,
}

/// Takes a report; [`follow_evidence`] completes its receipt. Bytes of no known format are kept, marked unread, and the receipt says so. An archive is taken first, then the
/// reports in it one by one: a crash in between leaves what can be sent again under the same key.
///
/// `key` names the delivery: sent again under the same one, it is answered with what it became. Without one each sending is
/// an entry of its own, which says what it repeats.
///
/// # Errors
/// A role that may not, an unknown product, a malformed name, a format other than demanded, a failed commit.
pub async fn add_evidence(
    engine: &Arc<Engine>,
    caller: &Caller,
    file: EvidenceFile,
    bytes: Vec<u8>,
    key: Option<String>,
) -> Result<(EvidenceReceipt, Arc<LogHead>), Problem> {
    allow(caller, Action::Record, On::Product(&file.product))?;
    if bytes.is_empty() {
        return Err(empty_body("The file was not recorded."));
    }
    let named = named_keys(engine, &file)?;
    let policy = inputs::product(engine, &file.product)?.severity;
    let wanted = file.r#type.as_deref().map(|t| Format::from_name(t).ok_or_else(|| bad_type(t))).transpose()?;
    let Some(kind) = ArchiveKind::of(&bytes) else {
        let (read, bytes) = read_report(engine, &file, policy, wanted, bytes).await?;
        return take(engine, caller, &file, (read, bytes), Sent { named, key, part_of: None }, policy).await;
    };
    let mut archive = Archive { format: kind.name().to_owned(), members: Vec::new(), total: 0 };
    let (mut parts, mut warnings) = (Vec::new(), Vec::new());
    let (unpacked, bytes) = unpack_all(&file, bytes).await?;
    match unpacked {
        Ok(files) => {
            let mut paths: BTreeMap<String, u32> = BTreeMap::new();
            for (path, content) in files {
                // Each answers for itself: by its path in the archive, numbered where that comes again.
                let again = paths.entry(path.clone()).and_modify(|n| *n += 1).or_insert(1);
                let number = if *again > 1 { format!("#{again}") } else { String::new() };
                let around = file.scope.as_deref().filter(|s| !s.trim().is_empty()).unwrap_or(&file.name);
                let scope = Some(format!("{around}/{path}{number}"));
                let inner = EvidenceFile { name: path.clone(), scope, ..file.clone() };
                let (read, content) = match read_report(engine, &inner, policy, wanted, content).await {
                    Ok(read) => read,
                    // Of another format than demanded: an archive holds what it holds.
                    Err(problem) if problem.kind == ProblemKind::BadInput => {
                        archive.add(Packed { path, format: None, why: Some(problem.why) });
                        continue;
                    }
                    Err(problem) => return Err(problem),
                };
                let packed = match &read.facts {
                    Facts::Unread { why, .. } => Packed { path, format: None, why: Some(why.clone()) },
                    _ => Packed { path, format: Some(read.r#type.clone()), why: None },
                };
                if packed.format.is_some() {
                    parts.push((inner, read, content));
                }
                archive.add(packed);
            }
        }
        Err(e) => warnings.push(format!("It is kept and could not be unpacked: {}", e.why)),
    }
    if parts.is_empty() && warnings.is_empty() {
        warnings.push("No file in it was recognised as a report.".to_owned());
    }
    let read = Read {
        findings: Gathered::new(&file.product, 0),
        parsed: BTreeMap::from([("files", archive.total), ("reports", parts.len() as u64)]),
        facts: Facts::Archive(archive),
        r#type: kind.name().to_owned(),
        valid: Validity::Unknown.name(),
        faults: Vec::new(),
        warnings,
    };
    // The delivery first: its parts name its entry.
    let sent = Sent { named: named.clone(), key: key.clone(), part_of: None };
    let (mut receipt, mut head) = take(engine, caller, &file, (read, bytes), sent, policy).await?;
    for (inner, read, content) in parts {
        let key = key.as_ref().map(|key| format!("{key}/{}", inner.scope.as_deref().unwrap_or_default()));
        let sent = Sent { named: named.clone(), key, part_of: Some(receipt.ack.index) };
        let (member, newer) = take(engine, caller, &inner, (read, content), sent, policy).await?;
        receipt.members.push(member);
        head = newer;
    }
    Ok((receipt, head))
}

/// Waits until what was sent is taken in, and completes its receipt: what is not known of it yet, and what rests on it now. Nothing
/// of it is held meanwhile.
///
/// # Errors
/// When the store fails.
pub async fn follow_evidence(
    engine: &Arc<Engine>,
    product: &str,
    wants_met: bool,
    receipt: &mut EvidenceReceipt,
) -> Result<(), Problem> {
    let own = std::iter::once(&mut receipt.ack);
    let mut acks: Vec<&mut Ack> = own.chain(receipt.members.iter_mut().map(|member| &mut member.ack)).collect();
    let entries: Vec<u64> = acks.iter().map(|ack| ack.index).collect();
    let open = jobs::not_taken_in(engine, product, &entries).await?;
    for (ack, open) in acks.iter_mut().zip(open) {
        ack.warnings.extend(open.map(str::to_owned));
    }
    if wants_met { say_what_is_met(engine, receipt).await } else { Ok(()) }
}

/// Judges each release that the reports of a delivery are bound to once, however many there are, and says what rests on
/// them.
async fn say_what_is_met(engine: &Arc<Engine>, receipt: &mut EvidenceReceipt) -> Result<(), Problem> {
    let acks: Vec<Ack> = std::iter::once(&*receipt).chain(&receipt.members).map(|r| r.ack.clone()).collect();
    let mut met = met_by(engine, acks).await?.into_iter();
    let receipts = std::iter::once(&mut receipt.met).chain(receipt.members.iter_mut().map(|r| &mut r.met));
    receipts.for_each(|own| *own = met.next().unwrap_or_default());
    Ok(())
}

/// How something was sent.
struct Sent {
    /// What it is about, as its sender says.
    named: Vec<Key>,
    key: Option<String>,
    /// The entry of the archive it was in.
    part_of: Option<u64>,
}

/// What a report was read as.
struct Read {
    facts: Facts,
    findings: Gathered,
    r#type: String,
    valid: &'static str,
    faults: Vec<String>,
    parsed: BTreeMap<&'static str, u64>,
    warnings: Vec<String>,
}

/// A thread that must not wait for anybody reads it: large reports take seconds.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|e| internal(&StoreError::Damaged(e.to_string())))
}

/// Unpacks, within the limits of an archive.
async fn unpack_all(
    file: &EvidenceFile,
    bytes: Vec<u8>,
) -> Result<(Result<Vec<(String, Vec<u8>)>, NotRead>, Vec<u8>), Problem> {
    let name = file.name.clone();
    beside(move || {
        let mut files = Vec::new();
        let outcome = unpack(&name, &bytes, &mut |path, content| files.push((path, content)));
        (outcome.map(|()| files), bytes)
    })
    .await
}

/// Reads a report; bytes of no known format are read as unread.
async fn read_report(
    engine: &Engine,
    file: &EvidenceFile,
    policy: BandPolicy,
    wanted: Option<Format>,
    bytes: Vec<u8>,
) -> Result<(Read, Vec<u8>), Problem> {
    let scan = file.purpose.as_deref().and_then(ScanKind::told);
    let suite = file.purpose.clone().filter(|_| scan.is_none());
    let hints = Hints { suite, scan, database_at: file.database_date, policy, trust: engine.trusted() };
    let (product, hold) = (file.product.clone(), engine.pieces().at_once);
    let (reading, findings, bytes) = beside(move || {
        let mut findings = Gathered::new(&product, hold);
        let reading = certrail_formats::read(&bytes, wanted, &hints, &mut |seen| findings.take(seen));
        (reading, findings, bytes)
    })
    .await?;
    let name = file.name.chars().take(200).collect::<String>();
    let read = match reading {
        Ok(r) => Read {
            findings,
            facts: r.facts,
            r#type: r.format.name().to_owned(),
            valid: r.valid.name(),
            faults: r.faults,
            parsed: r.counts,
            warnings: r.warnings,
        },
        Err(e) if wanted.is_some() => {
            let looks = e.looks_like.map_or("Leave out --type to keep it unread.".to_owned(), |l| {
                format!("Send it with --type {l}, or without --type.")
            });
            let what = format!("{name} was not recorded.");
            return Err(Problem::new(ProblemKind::BadInput, "other-format", what, e.why, looks));
        }
        Err(e) => Read {
            findings: Gathered::new(&file.product, 0),
            warnings: vec![format!("It is kept and could not be read: {}", e.why)],
            facts: Facts::Unread { name, why: e.why },
            r#type: "unread".to_owned(),
            valid: Validity::Unknown.name(),
            faults: Vec::new(),
            parsed: BTreeMap::new(),
        },
    };
    Ok((read, bytes))
}

/// Takes in what was read.
async fn take(
    engine: &Arc<Engine>,
    caller: &Caller,
    file: &EvidenceFile,
    (read, bytes): (Read, Vec<u8>),
    Sent { named, key, part_of }: Sent,
    policy: BandPolicy,
) -> Result<(EvidenceReceipt, Arc<LogHead>), Problem> {
    let Read { mut facts, findings, r#type, valid, faults, parsed, mut warnings } = read;
    let source = caller.source(&file.product);
    let repositories = caller.scope.repositories.clone();
    let findings = match &mut facts {
        Facts::Scan(scan) => {
            scan.product = Some(file.product.clone());
            scan.scope = scope_of(file.scope.as_deref(), &file.name, scan.scope.as_deref());
            if let Extent::Only(_) = repositories {
                // What another repository's scans found is nothing they could say is gone.
                scan.scope = scan.scope.take().map(|scope| format!("{} {scope}", repositories.shown()));
            }
            if scan.scope.is_none() {
                warnings
                    .push("It has neither a name nor a scope, so it closes nothing; send it with --scope.".to_owned());
            }
            scan.all = findings.all().map_err(|e| internal(&e))?;
            Some(findings.prepare(scan, (&source, &named), file.occurred_at, policy).map_err(|e| internal(&e))?)
        }
        _ => None,
    };
    let signal = Signal {
        source,
        name: file.name.chars().take(200).collect(),
        known: HowKnown::Reported,
        reach: caller.scope.products.clone(),
        repositories,
        occurred_at: file.occurred_at,
        actor: Some(Actor { name: Some(caller.name.clone()), ..caller.actor() }),
        fact: None,
        part: file.part.clone(),
        facts,
        named,
        warnings,
    };
    let incoming = Incoming {
        connector: caller.connector().into(),
        delivery: caller.delivery(key.as_deref())?,
        media: media_of(&bytes).into(),
        auth_how: caller.how.clone(),
        auth_key: caller.key.clone(),
        mapper: format!("{type}@{READERS}"),
        body: bytes,
        signal: Arc::new(signal),
        part_of,
        findings,
        vex: Some(VexSender { product: file.product.clone(), account: caller.account() }),
    };
    let ready = incoming.ready(engine)?;
    let (ack, head) = engine.write(move |batch| accept(batch, &ready)).await?;
    let name = file.name.chars().take(200).collect();
    let (met, members) = (Vec::new(), Vec::new());
    Ok((EvidenceReceipt { ack, name, r#type, valid, faults, parsed, met, members }, head))
}

/// The longest scope, in characters; a longer one ends in a digest of the whole.
const LONGEST_SCOPE: usize = 200;

/// The part of the product a scan answers for: as its sender says; else the name of its file, with what the report says.
fn scope_of(told: Option<&str>, name: &str, reported: Option<&str>) -> Option<String> {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    let scope = told.and_then(some).or_else(|| {
        let parts: Vec<String> = [some(name), reported.and_then(some)].into_iter().flatten().collect();
        some(&parts.join(" "))
    })?;
    if scope.chars().count() <= LONGEST_SCOPE {
        return Some(scope);
    }
    let digest = certrail_ledger::hex(&certrail_ledger::sha256(scope.as_bytes()));
    Some(format!("{}…{}", scope.chars().take(LONGEST_SCOPE - 40).collect::<String>(), &digest[..32]))
}

/// The media type by the first byte that is no blank.
fn media_of(bytes: &[u8]) -> &'static str {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match text.iter().find(|b| !b.is_ascii_whitespace()) {
        _ if ArchiveKind::of(bytes).is_some() => "application/octet-stream",
        Some(b'<') => "application/xml",
        Some(b'{' | b'[') => "application/json",
        Some(b) if b.is_ascii_graphic() && !bytes[..bytes.len().min(1_024)].contains(&0) => "text/plain",
        _ => "application/octet-stream",
    }
}

fn bad_type(given: &str) -> Problem {
    Problem::new(
        ProblemKind::BadInput,
        "no-such-format",
        "The file was not recorded.",
        format!("There is no format `{}`.", given.chars().take(40).collect::<String>()),
        "`certrail evidence formats` lists them; or leave out --type.",
    )
}

/// The keys a sender names, checked.
pub(crate) fn named_keys(engine: &Engine, file: &EvidenceFile) -> Result<Vec<Key>, Problem> {
    let part = &file.part;
    let optional = [
        ("--release", &file.release),
        ("--commit", &file.commit),
        ("--for", &file.purpose),
        ("--type", &file.r#type),
        ("--scope", &file.scope),
        ("run", &part.run),
        ("job", &part.job),
        ("step", &part.step),
        ("shard", &part.shard),
    ];
    inputs::required(&file.product, "--product")?;
    for (flag, value) in optional.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?))) {
        inputs::required(value, flag)?;
    }
    inputs::product(engine, &file.product)?;
    if file.database_date.is_some_and(|date| date > engine.now().plus(Time::DAY)) {
        return Err(Problem::new(
            ProblemKind::BadInput,
            "bad-database-date",
            "The file was not recorded.",
            "The database of the scanner would be from the future.",
            "Give the date of the database as the scanner tells it.",
        ));
    }
    let mut keys = Vec::new();
    if let Some(commit) = &file.commit {
        inputs::commit(commit)?;
        keys.push(Key::commit(commit));
    }
    for digest in &file.digest {
        inputs::digest(digest)?;
        keys.push(Key::digest(digest));
    }
    if let Some(version) = &file.release {
        // It may be cut later; until then the evidence waits in the unbound queue under its name.
        keys.push(Key::release(&file.product, normal_version(version)));
    }
    if keys.is_empty() {
        let fix = "Add one of --release, --commit or --digest.";
        return Err(inputs::refuse("no-subject", "It names no release, commit or artefact.", fix));
    }
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// The requirements that rest on each of some pieces of evidence, in every release it is bound to. Each release is judged
/// once, on a thread that must not wait for anybody.
pub(crate) async fn met_by(engine: &Arc<Engine>, acks: Vec<Ack>) -> Result<Vec<Vec<MetRequirement>>, Problem> {
    let own = engine.clone();
    let judge_all = move || {
        let engine = own;
        let mut judged: BTreeMap<String, Option<Arc<Judged>>> = BTreeMap::new();
        let mut all = Vec::with_capacity(acks.len());
        for ack in acks {
            let mut met = Vec::new();
            for placed in &ack.bound {
                if !judged.contains_key(&placed.release) {
                    let Some((product, version)) = placed.release.split_once('/') else { continue };
                    let stored = engine.read(|tx| releases::by_version(tx, product, version))?;
                    judged.insert(placed.release.clone(), stored.map(|s| judge(&engine, &s)).transpose()?);
                }
                if let Some(Some(judged)) = judged.get(&placed.release) {
                    met.extend(MetRequirement::of(judged, &placed.release, &ack.id));
                }
            }
            all.push(met);
        }
        Ok(all)
    };
    engine.answer(judge_all).await
}
