//! in-toto attestations: statements v0.1 and v1, DSSE envelopes v1, Sigstore bundles v0.1 to v0.3, the older in-toto
//! links and layouts, and the provenance that Google Cloud Build prints. One, a list, or JSON lines.
//!
//! Signatures are checked against the keys and roots of the operator; what is not checked says so. Predicates with a
//! meaning of their own (vulnerability scans) are read as what they are.

use std::collections::BTreeMap;

use certrail_domain::{
    Facts,
    facts::{Attestation, AttestedSubject, Verified},
};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::vulns;
use crate::{
    Hints, Sink, Validity,
    out::notes::Notes,
    prelude::*,
    trust::{Signature, Trust},
};

pub(crate) static STATEMENT: Definition = Definition {
    name: "in-toto",
    title: "in-toto statement",
    family: Family::Supply,
    standard: "in-toto attestation statement v0.1 and v1; SLSA provenance v0.2 and v1, VSA, test-result, vulns",
    looks: &[
        Looks::Json(&["_type~in-toto.io/statement", "predicateType"]),
        Looks::Json(&["predicateType", "predicate:{}"]),
        Looks::Json(&["invocation", "scanner", "metadata.scanFinishedOn"]),
        Looks::Json(&["scanner.result", "metadata.scanFinishedOn"]),
    ],
    blank: None,
    read: read_statement,
};

pub(crate) static DSSE: Definition = Definition {
    name: "dsse",
    title: "DSSE envelope",
    family: Family::Supply,
    standard: "DSSE v1 with an in-toto statement",
    looks: &[
        Looks::Json(&["payloadType", "payload", "signatures"]),
        Looks::Json(&["[].payloadType", "[].payload", "[].signatures"]),
    ],
    blank: None,
    read: read_dsse,
};

pub(crate) static BUNDLE: Definition = Definition {
    name: "sigstore-bundle",
    title: "Sigstore bundle",
    family: Family::Supply,
    standard: "Sigstore bundle v0.1 to v0.3",
    looks: &[Looks::Json(&["mediaType~sigstore.bundle"]), Looks::Json(&["verificationMaterial", "dsseEnvelope"])],
    blank: None,
    read: read_bundle,
};

pub(crate) static LINK: Definition = Definition {
    name: "in-toto-link",
    title: "in-toto link or layout",
    family: Family::Supply,
    standard: "in-toto specification 0.9 and 1.0, metablock",
    looks: &[Looks::Json(&["signed._type", "signatures"])],
    blank: None,
    read: read_link,
};

pub(crate) static GCB: Definition = Definition {
    name: "gcb-provenance",
    title: "Cloud Build provenance",
    family: Family::Supply,
    standard: "gcloud artifacts docker images describe --show-provenance",
    looks: &[Looks::Json(&["provenance_summary.provenance"])],
    blank: None,
    read: read_gcb,
};

/// A statement, or a link or layout of the older specification.
#[derive(Deserialize)]
pub(super) struct Statement<'a> {
    #[serde(borrow, default, rename = "_type")]
    kind: Text<'a>,
    #[serde(borrow, default, rename = "predicateType")]
    pub(super) predicate_type: Text<'a>,
    #[serde(borrow, default)]
    subject: Few<Subject<'a>>,
    #[serde(default)]
    predicate: Option<Box<RawValue>>,
    // A link of the older specification.
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    products: Option<Products<'a>>,
    // A bare predicate of a vulnerability scan.
    #[serde(default)]
    scanner: Option<Box<RawValue>>,
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    uri: Text<'a>,
    #[serde(borrow, default)]
    digest: Maybe<Digests<'a>>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Digests<'a>(#[serde(borrow)] BTreeMap<std::borrow::Cow<'a, str>, Text<'a>>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Products<'a>(#[serde(borrow)] BTreeMap<std::borrow::Cow<'a, str>, Maybe<Digests<'a>>>);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, rename = "payloadType")]
    payload_type: Text<'a>,
    #[serde(borrow, default)]
    payload: Text<'a>,
    #[serde(borrow, default)]
    signatures: Few<RawSignature<'a>>,
}

#[derive(Deserialize)]
struct RawSignature<'a> {
    #[serde(borrow, default)]
    sig: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    #[serde(borrow, default)]
    media_type: Text<'a>,
    #[serde(borrow, default)]
    dsse_envelope: Maybe<Envelope<'a>>,
    #[serde(borrow, default)]
    message_signature: Maybe<MessageSignature<'a>>,
    #[serde(default)]
    verification_material: Maybe<Material>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageSignature<'a> {
    #[serde(borrow, default)]
    message_digest: Maybe<MessageDigest<'a>>,
}

#[derive(Deserialize)]
struct MessageDigest<'a> {
    #[serde(borrow, default)]
    digest: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(default)]
    tlog_entries: Counted,
    #[serde(default)]
    certificate: Option<IgnoredAny>,
    #[serde(default)]
    x509_certificate_chain: Option<IgnoredAny>,
}

impl Material {
    /// Signed by a key that a certificate vouches for, rather than by one both sides know.
    const fn is_certified(&self) -> bool {
        self.certificate.is_some() || self.x509_certificate_chain.is_some()
    }
}

#[derive(Deserialize)]
struct Metablock<'a> {
    #[serde(borrow, default)]
    signed: Maybe<Statement<'a>>,
    #[serde(default)]
    signatures: Counted,
}

#[derive(Deserialize)]
struct Described<'a> {
    #[serde(borrow, default)]
    image_summary: Maybe<ImageSummary<'a>>,
    #[serde(borrow, default)]
    provenance_summary: Maybe<ProvenanceSummary<'a>>,
}

#[derive(Deserialize)]
struct ImageSummary<'a> {
    #[serde(borrow, default)]
    digest: Text<'a>,
}

#[derive(Deserialize)]
struct ProvenanceSummary<'a> {
    #[serde(borrow, default)]
    provenance: Few<Provenance<'a>>,
}

#[derive(Deserialize)]
struct Provenance<'a> {
    #[serde(borrow, default)]
    envelope: Maybe<Envelope<'a>>,
}

/// Attestations of one file; the first tells the facts, all tell subjects.
struct Collected<'c> {
    context: Context<'c>,
    first: Option<Attestation>,
    /// The worst outcome of checking signatures.
    verified: Option<Verified>,
    /// A vulnerability scan that was attested.
    scan: Option<Reading>,
    subjects: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
    faults: Notes,
    warnings: Notes,
    refused: Option<NotRead>,
}

impl<'c> Collected<'c> {
    fn new(context: Context<'c>) -> Self {
        Self {
            context,
            first: None,
            verified: None,
            scan: None,
            subjects: Vec::new(),
            counts: BTreeMap::new(),
            faults: Notes::default(),
            warnings: Notes::default(),
            refused: None,
        }
    }

    fn count(&mut self, name: &'static str, n: u64) {
        *self.counts.entry(name).or_default() += n;
    }

    /// An envelope, by itself or in a bundle that is certified, whose text is given.
    fn envelope(&mut self, envelope: &Envelope<'_>, certified: Option<&str>) {
        self.count("envelopes", 1);
        self.count("signatures", envelope.signatures.total);
        if envelope.signatures.total == 0 {
            self.faults.add("An envelope has no signature.");
        }
        let Some(payload) = decode(&envelope.payload) else {
            self.refused = Some(NotRead::new(None, "Its payload is not base64."));
            return;
        };
        if !envelope.payload_type.contains("in-toto") {
            self.warnings.add(format!("Its payload is `{}`, not an in-toto statement.", clip(&envelope.payload_type)));
        }
        match serde_json::from_slice::<Statement<'_>>(&payload) {
            Ok(statement) => {
                let sha256 = statement.sha256();
                let verified = self.check(certified, sha256.as_deref(), |trust| {
                    let signatures: Vec<Signature> =
                        envelope.signatures.iter().filter_map(|s| Some(Signature(decode(&s.sig)?))).collect();
                    trust.envelope(&envelope.payload_type, &payload, &signatures)
                });
                self.statement(&statement, envelope.signatures.total, verified);
            }
            Err(e) => self.refused = Some(NotRead::new(None, format!("Its payload is no statement: {e}."))),
        }
    }

    /// Whether a signature holds: of a bundle under the operator's roots, else by the operator's keys.
    fn check(
        &self,
        certified: Option<&str>,
        sha256: Option<&[u8]>,
        by_key: impl FnOnce(&Trust) -> Verified,
    ) -> Verified {
        match (&self.context.hints.trust, certified) {
            (None, _) => Verified::NotChecked { why: "No key or root was given to check it with.".to_owned() },
            (Some(trust), Some(bundle)) => trust.bundle(bundle, sha256),
            (Some(trust), None) => by_key(trust),
        }
    }

    fn statement(&mut self, statement: &Statement<'_>, signatures: u64, verified: Verified) {
        self.count("statements", 1);
        let verified = match signatures {
            0 => unsigned(),
            _ => verified,
        };
        self.keep_worst(&verified);
        let mut attestation = Attestation {
            statement_type: clip(&statement.kind),
            predicate_type: clip(&statement.predicate_type),
            subjects: Vec::new(),
            subjects_total: statement.subject.total,
            signatures,
            verified,
            by: None,
            build_type: None,
            commit: None,
            source: None,
            result: None,
            levels: Vec::new(),
            finished_at: None,
        };
        for subject in &statement.subject {
            let name = subject.name.some().or_else(|| subject.uri.some()).unwrap_or_default();
            self.subject(&mut attestation, name, subject.digest.get());
        }
        for (name, digests) in statement.products.iter().flat_map(|p| &p.0) {
            attestation.subjects_total += 1;
            self.subject(&mut attestation, name, digests.get());
        }
        self.count("subjects", attestation.subjects_total);
        let link = matches!(&*statement.kind, "link" | "layout");
        if link {
            attestation.predicate_type = clip(&statement.kind);
            attestation.build_type = statement.name.some().map(clip);
        } else if attestation.subjects_total == 0 && statement.scanner.is_none() {
            self.faults.add("It has no subject.");
        }
        if let Some(predicate) = &statement.predicate {
            self.predicate(&mut attestation, predicate.get());
        }
        let bare = statement.scanner.as_ref().map(|scanner| {
            let metadata = statement.metadata.as_ref().map_or("null", |m| m.get());
            format!("{{\"scanner\":{},\"metadata\":{metadata}}}", scanner.get())
        });
        if let Some(predicate) = bare {
            self.vulnerabilities(&attestation, &predicate);
        }
        self.first.get_or_insert(attestation);
    }

    fn keep_worst(&mut self, verified: &Verified) {
        let grave = |v: &Verified| match v {
            Verified::Yes { .. } => 0,
            Verified::NotChecked { .. } => 1,
            Verified::No { .. } => 2,
        };
        if self.verified.as_ref().is_none_or(|worst| grave(worst) < grave(verified)) {
            self.verified = Some(verified.clone());
        }
    }

    fn subject(&mut self, attestation: &mut Attestation, name: &str, digests: Option<&Digests<'_>>) {
        let Some(digests) = digests else { return };
        let sha256 =
            digests.0.get("sha256").and_then(|d| d.some()).map(|d| format!("sha256:{}", d.to_ascii_lowercase()));
        let any = || digests.0.iter().next().map(|(k, v)| format!("{}:{}", clip(k), clip(v)));
        let Some(digest) = sha256.or_else(any) else { return };
        if attestation.subjects.len() < Attestation::MAX_SUBJECTS {
            self.subjects.push(digest.clone());
            attestation.subjects.push(AttestedSubject { name: clip(name), digest: clip(&digest) });
        }
    }

    fn predicate(&mut self, attestation: &mut Attestation, text: &str) {
        let kind = attestation.predicate_type.clone();
        if kind.contains("in-toto.io/attestation/vulns") || kind.contains("cosign.sigstore.dev/attestation/vuln") {
            return self.vulnerabilities(attestation, text);
        }
        let Ok(known) = serde_json::from_str::<Known<'_>>(text) else {
            self.faults.add("Its predicate is malformed; what it states is not taken over.");
            self.warnings.add("Its predicate is malformed; what it states is not taken over.");
            return;
        };
        known.tell(attestation);
        for (name, list) in
            [("passed", &known.passed_tests), ("failed", &known.failed_tests), ("warned", &known.warned_tests)]
        {
            if list.0 > 0 {
                self.count(name, list.0);
            }
        }
    }

    fn vulnerabilities(&mut self, attestation: &Attestation, text: &str) {
        let context = Context { format: self.context.format, hints: self.context.hints, sink: &mut *self.context.sink };
        match vulns::read(text, attestation, context) {
            Ok(reading) => drop(self.scan.get_or_insert(reading)),
            Err(e) => self.refused = Some(e),
        }
    }

    fn finish(mut self) -> Result<Reading, NotRead> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if let Some(mut scan) = self.scan {
            scan.counts.extend(self.counts);
            match self.verified {
                None | Some(Verified::NotChecked { .. }) => {
                    scan.warnings.push("The signature of the attestation around it was not checked.".to_owned());
                }
                Some(Verified::Yes { by }) => {
                    scan.warnings.push(format!("The attestation around it is signed by {by}."));
                }
                Some(Verified::No { why }) => {
                    let why = format!("The signature of the attestation around it does not hold: {}", lower(&why));
                    scan.warnings.push(why.clone());
                    if let Facts::Scan(scan) = &mut scan.facts {
                        // Nobody vouches for it: it may say anything, and proves nothing.
                        scan.partial = Some(why);
                    }
                }
            }
            return Ok(scan);
        }
        let Some(mut attestation) = self.first else {
            return Err(NotRead::new(None, "It holds no statement."));
        };
        let many = self.counts.get("statements").copied().unwrap_or(0);
        if many > 1 {
            self.warnings.add(format!("It holds {many} attestations; the first is told, the subjects are of all."));
        }
        if let Some(worst) = self.verified {
            attestation.verified = worst;
        }
        match &attestation.verified {
            Verified::NotChecked { why } => self.warnings.add(format!("Its signature was not checked: {}", lower(why))),
            Verified::No { why } => self.warnings.add(format!("Its signature does not hold: {}", lower(why))),
            Verified::Yes { .. } => {}
        }
        Ok(Reading {
            format: self.context.format,
            valid: Validity::of(true, &self.faults),
            faults: self.faults.into_vec(),
            facts: Facts::Attestation(attestation),
            counts: self.counts,
            subjects: self.subjects,
            warnings: self.warnings.into_vec(),
        })
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// What predicates of provenance, verification and tests have in common, and what they do not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    // SLSA provenance v0.1, v0.2
    #[serde(borrow, default)]
    builder: Maybe<Identified<'a>>,
    #[serde(borrow, default)]
    build_type: Text<'a>,
    #[serde(borrow, default)]
    invocation: Maybe<Invocation<'a>>,
    #[serde(borrow, default)]
    metadata: Maybe<Metadata<'a>>,
    #[serde(borrow, default)]
    materials: Few<Resource<'a>>,
    // SLSA provenance v1
    #[serde(borrow, default)]
    build_definition: Maybe<BuildDefinition<'a>>,
    #[serde(borrow, default)]
    run_details: Maybe<RunDetails<'a>>,
    // VSA
    #[serde(borrow, default)]
    verifier: Maybe<Identified<'a>>,
    #[serde(borrow, default)]
    time_verified: Text<'a>,
    #[serde(borrow, default)]
    verification_result: Text<'a>,
    #[serde(borrow, default)]
    verified_levels: Few<Text<'a>>,
    // test-result
    #[serde(borrow, default)]
    result: Text<'a>,
    #[serde(default)]
    passed_tests: Counted,
    #[serde(default)]
    warned_tests: Counted,
    #[serde(default)]
    failed_tests: Counted,
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    #[serde(borrow, default)]
    config_source: Maybe<Resource<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    build_finished_on: Text<'a>,
    #[serde(borrow, default)]
    finished_on: Text<'a>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    uri: Text<'a>,
    #[serde(borrow, default)]
    digest: Maybe<Digests<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    #[serde(borrow, default)]
    build_type: Text<'a>,
    #[serde(borrow, default)]
    resolved_dependencies: Few<Resource<'a>>,
}

#[derive(Deserialize)]
struct RunDetails<'a> {
    #[serde(borrow, default)]
    builder: Maybe<Identified<'a>>,
    #[serde(borrow, default)]
    metadata: Maybe<Metadata<'a>>,
}

impl Statement<'_> {
    /// The first SHA-256 it is about.
    fn sha256(&self) -> Option<Vec<u8>> {
        let digests = self.subject.iter().filter_map(|s| s.digest.get()?.0.get("sha256")?.some());
        digests.into_iter().find_map(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok())
    }
}

impl Known<'_> {
    fn tell(&self, attestation: &mut Attestation) {
        let definition = self.build_definition.get();
        let details = self.run_details.get();
        let id = |i: &Maybe<Identified<'_>>| i.get().and_then(|i| i.id.some()).map(clip);
        attestation.by =
            id(&self.builder).or_else(|| details.and_then(|d| id(&d.builder))).or_else(|| id(&self.verifier));
        let kind = self.build_type.some().or_else(|| definition.and_then(|d| d.build_type.some()));
        attestation.build_type = kind.map(clip);
        // The source is what the build was configured from, else the first material that is a commit.
        let config = self.invocation.get().and_then(|i| i.config_source.get());
        let dependencies = definition.into_iter().flat_map(|d| &d.resolved_dependencies);
        let sources = config.into_iter().chain(dependencies).chain(&self.materials);
        for source in sources {
            let digests = source.digest.get();
            let commit = digests.and_then(|d| ["gitCommit", "sha1"].iter().find_map(|k| d.0.get(*k)?.some()));
            if let Some(commit) = commit.filter(|c| c.len() == 40 && c.bytes().all(|b| b.is_ascii_hexdigit())) {
                attestation.commit = Some(commit.to_ascii_lowercase());
                attestation.source = source.uri.some().map(clip);
                break;
            }
        }
        let metadata = self.metadata.get().or_else(|| details.and_then(|d| d.metadata.get()));
        let finished = metadata.and_then(|m| m.build_finished_on.time().or_else(|| m.finished_on.time()));
        attestation.finished_at = finished.or_else(|| self.time_verified.time());
        attestation.result = self.verification_result.some().or_else(|| self.result.some()).map(clip);
        attestation.levels = self.verified_levels.iter().take(20).map(|l| clip(l)).collect();
    }
}

fn unsigned() -> Verified {
    Verified::NotChecked { why: "It carries no signature.".to_owned() }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    let standard = data_encoding::BASE64.decode(text).or_else(|_| data_encoding::BASE64_NOPAD.decode(text));
    let safe = || data_encoding::BASE64URL.decode(text).or_else(|_| data_encoding::BASE64URL_NOPAD.decode(text));
    standard.or_else(|_| safe()).ok().filter(|bytes| !bytes.is_empty())
}

fn read_statement<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut all = Collected::new(context);
    json::records(input, |statement: Statement<'de>| all.statement(&statement, 0, unsigned()))?;
    all.finish()
}

fn read_dsse<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut all = Collected::new(context);
    json::records(input, |envelope: Envelope<'de>| all.envelope(&envelope, None))?;
    all.finish()
}

fn read_bundle<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut all = Collected::new(context);
    json::records(input, |bundle: serde_json::Value| {
        // What is signed stands in it as base64, so writing it anew changes nothing that counts.
        let text = bundle.to_string();
        let Ok(bundle) = serde_json::from_str::<Bundle<'_>>(&text) else {
            all.refused = Some(NotRead::new(None, "It is no bundle."));
            return;
        };
        all.count("bundles", 1);
        let material = bundle.verification_material.get();
        all.count("tlog_entries", material.map_or(0, |m| m.tlog_entries.0));
        let certified = material.is_some_and(Material::is_certified).then_some(text.as_str());
        if let Some(envelope) = bundle.dsse_envelope.get() {
            return all.envelope(envelope, certified);
        }
        let digest =
            bundle.message_signature.get().and_then(|m| m.message_digest.get()).and_then(|d| decode(&d.digest));
        let Some(digest) = digest else {
            all.refused = Some(NotRead::new(None, "It holds neither an envelope nor the digest of a message."));
            return;
        };
        let hex = data_encoding::HEXLOWER.encode(&digest);
        let verified = all.check(certified, Some(&digest), |_| Verified::NotChecked {
            why: "It is by a key without a certificate, over an artefact that is not in it.".to_owned(),
        });
        all.keep_worst(&verified);
        all.count("signatures", 1);
        all.count("statements", 1);
        all.subjects.push(format!("sha256:{hex}"));
        all.first.get_or_insert(Attestation {
            statement_type: clip(&bundle.media_type),
            predicate_type: "message signature".to_owned(),
            subjects: vec![AttestedSubject { name: String::new(), digest: format!("sha256:{hex}") }],
            subjects_total: 1,
            signatures: 1,
            verified,
            by: None,
            build_type: None,
            commit: None,
            source: None,
            result: None,
            levels: Vec::new(),
            finished_at: None,
        });
    })?;
    all.finish()
}

fn read_link<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut all = Collected::new(context);
    json::records(input, |block: Metablock<'de>| {
        all.count("signatures", block.signatures.0);
        if let Some(signed) = block.signed.get() {
            let why = "Signatures of the form before DSSE are not checked.".to_owned();
            all.statement(signed, block.signatures.0, Verified::NotChecked { why });
        }
    })?;
    all.finish()
}

fn read_gcb<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut all = Collected::new(context);
    json::records(input, |described: Described<'de>| {
        let image = described.image_summary.get().and_then(|i| i.digest.some()).map(clip);
        for provenance in described.provenance_summary.get().into_iter().flat_map(|p| &p.provenance) {
            all.count("provenance", 1);
            if let Some(envelope) = provenance.envelope.get() {
                all.envelope(envelope, None);
            }
        }
        all.subjects.extend(image.filter(|d| d.starts_with("sha256:")));
    })?;
    all.finish()
}

/// Reads an inner report by its content.
pub(super) fn inner(text: &str, hints: &Hints, sink: &mut Sink<'_>) -> Result<Reading, NotRead> {
    crate::read(text.as_bytes(), None, hints, sink)
}
