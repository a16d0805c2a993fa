//! The value. Member order is the order in the file; changes within `/1` only add members.

use certrail_domain::{
    BindRule, Certified, Evaluation, EvidenceId, Exception, ExceptionId, FindingDecision, HowKnown, Mark, Release,
    Summary, Time, Verdict,
    facts::{Level, Levels},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A dossier of one release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dossier {
    /// `certrail.dossier/1`.
    pub schema: String,
    /// Its number among the dossiers of the release, from 1.
    pub number: u64,
    /// When it was made.
    pub made_at: Time,
    /// The release.
    pub release: Release,
    /// `Certified`, `Certified with exceptions`, `Not certified` …
    pub standing: String,
    /// The sentence.
    pub sentence: String,
    /// The fraction as a sentence.
    pub fraction: String,
    /// The fraction.
    pub summary: Summary,
    /// At most ten lines that say what matters.
    pub lines: Vec<String>,
    /// Those among them that tell what was decided otherwise than usual: an emergency, too late, or by one person alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Section 2 and 3: what was asked for, who reviewed.
    pub changes: Vec<ChangeRow>,
    /// Section 4: how it was tested.
    pub tests: Vec<TestRow>,
    /// Section 5: security checks.
    pub security: Vec<SecurityRow>,
    /// Section 5: findings against the release before.
    #[serde(default)]
    pub findings: FindingsSection,
    /// Section 6: who allowed deployment, who signed off.
    pub approvals: Vec<ApprovalRow>,
    /// Section 7: what was deployed.
    pub deployments: Vec<DeploymentRow>,
    /// Section 7: checks after deployment.
    pub acceptance: Vec<AcceptanceRow>,
    /// Section 8: exceptions.
    pub exceptions: Vec<Exception>,
    /// Section 9: control matrix.
    pub controls: Vec<ControlRow>,
    /// The verdict per requirement and the temporal rules (section 10).
    pub evaluation: Evaluation,
    /// Section 10: order of events.
    pub events: Vec<Event>,
    /// Decisions with their frozen world.
    pub decisions: Vec<DecisionRow>,
    /// Section 11: what integrity rests on.
    pub integrity: Integrity,
    /// Annex A: the evidence, each with its proof.
    pub evidence: Vec<EvidenceRow>,
}

impl Dossier {
    /// The name and version of this shape.
    pub const SCHEMA: &'static str = "certrail.dossier/1";
}

/// A change of the release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeRow {
    /// `change:acme/pay#12`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where a person reads it.
    pub url: Option<String>,
    /// Work items it names.
    pub tickets: Vec<String>,
    /// Who authorised them.
    pub authorised_by: Vec<String>,
    /// Everybody who wrote any of it.
    pub authors: Vec<String>,
    /// Who approved, of which version, when: one sentence each.
    pub reviews: Vec<String>,
    /// The version to be reviewed.
    pub head: Option<String>,
    /// When it was merged.
    pub merged_at: Option<Time>,
    /// How its review stands.
    pub review: Verdict,
    /// Why, one sentence.
    pub review_sentence: String,
}

/// A test or coverage report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestRow {
    /// The suite.
    pub suite: String,
    /// What it ran on.
    pub ran_on: String,
    /// Its counts, as a sentence.
    pub result: String,
    /// When.
    pub at: Time,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A scan or bill of materials.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityRow {
    /// The kind.
    pub kind: String,
    /// Tool and version.
    pub tool: String,
    /// The date of its database.
    pub database_at: Option<Time>,
    /// Its database in words: its date, a service asked each time, or that nothing is told.
    #[serde(default)]
    pub database: String,
    /// What it looked at.
    pub looked_at: String,
    /// How much it looked at, in words.
    #[serde(default)]
    pub saw: String,
    /// Why it proves nothing, if it does not.
    #[serde(default)]
    pub doubt: String,
    /// What it found.
    pub found: String,
    /// When.
    pub at: Time,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A finding of a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingLine {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How grave.
    pub level: Level,
    /// When it was detected, or detected again after a fix.
    pub detected: Time,
    /// By when it has to be gone.
    pub due: Option<Time>,
    /// Why then: the clock that ends first, with what started it.
    pub clock: String,
    /// The decision that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<ExceptionId>,
}

/// Findings that stand alike.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingGroup {
    /// `new`, `carried`, `decided`, `fixed`, `not_looked_at`, `left_out`.
    pub name: String,
    /// How many.
    pub total: u64,
    /// By level.
    pub levels: Levels,
    /// The gravest, at most [`FindingGroup::MOST`].
    pub findings: Vec<FindingLine>,
}

impl FindingGroup {
    /// Findings listed one by one.
    pub const MOST: usize = 500;

    /// What people call the group.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.name.as_str() {
            "new" => "New",
            "carried" => "Carried over",
            "decided" => "Decided",
            "fixed" => "Fixed",
            "left_out" => "Left out by the reports",
            _ => "Not looked at again",
        }
    }
}

/// The findings of a release against the release before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FindingsSection {
    /// The version it is compared with.
    pub previous: Option<String>,
    /// Why it could not be compared with the version before, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
    /// At least one complete scan of this release is there.
    pub scanned: bool,
    /// Scans that were still being taken in: what they found is not among these.
    #[serde(default)]
    pub incomplete: u64,
    /// Scans that could not be taken in: what they found is not among these either.
    #[serde(default)]
    pub given_up: u64,
    /// Open by level; decided ones are left out.
    pub levels: Levels,
    /// Empty groups are left out.
    pub groups: Vec<FindingGroup>,
    /// The decisions that cover findings of this release.
    pub decisions: Vec<FindingDecision>,
}

/// An approval or sign-off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// Who.
    pub approver: String,
    /// What the signature means.
    pub meaning: String,
    /// The environment, for a deployment.
    pub environment: String,
    /// `approved`, `rejected`, `withdrawn`.
    pub verdict: String,
    /// When.
    pub at: Time,
    /// The exact object.
    pub object: String,
    /// What they wrote.
    pub comment: String,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeploymentRow {
    /// The environment.
    pub environment: String,
    /// What was deployed.
    pub object: String,
    /// Whether that is what was released.
    pub same_object: bool,
    /// When it began.
    pub start: Time,
    /// When it succeeded.
    pub succeeded: Option<Time>,
    /// Who deployed.
    pub deployer: String,
    /// It is a production environment.
    pub production: bool,
    /// The evidence.
    pub evidence: Vec<EvidenceId>,
}

/// A check after deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceptanceRow {
    /// Where.
    pub environment: String,
    /// What was checked.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// When.
    pub at: Time,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A control of a framework, and what supports it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ControlRow {
    /// The framework.
    pub framework: String,
    /// The control's identifier.
    pub control: String,
    /// What it asks for, in our words.
    pub words: String,
    /// The requirements that serve it.
    pub requirements: Vec<String>,
    /// The worst of them.
    pub verdict: Verdict,
    /// Evidence that supports it; empty means "no evidence held".
    pub evidence: Vec<EvidenceId>,
    /// How far evidence of releases carries.
    pub strength: String,
    /// What else is needed, from elsewhere.
    pub also: String,
}

/// One moment in the order of events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Time,
    /// When we received it.
    pub received: Time,
    /// The lane: Plan, Code, Build, Test, Security, Approval, Deploy.
    pub lane: String,
    /// What happened, one sentence.
    pub what: String,
    /// Marks for people.
    pub marks: Vec<Mark>,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// An inclusion proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The entry's index.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: String,
    /// The hashes, hex, nearest sibling first.
    pub hashes: Vec<String>,
}

/// A signed statement with its entry in the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecisionEntry {
    /// The DSSE envelope.
    pub envelope: Value,
    /// Its entry.
    pub proof: Proof,
}

/// A decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecisionRow {
    /// Its id.
    pub id: String,
    /// `certification`.
    pub kind: String,
    /// `PASSED` or `FAILED`.
    pub result: String,
    /// Who decided, as shown.
    pub by: String,
    /// How that is known, as the signed statement says.
    pub known: HowKnown,
    /// When.
    pub at: Time,
    /// It had gone to production before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Whoever decided is one of the authors, in a product whose one person decides everything: when somebody else should
    /// have looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Time>,
    /// SHA-256 of the frozen world, hex.
    pub world_digest: String,
    /// The frozen world, byte for byte.
    pub world: String,
    /// The evaluation it rests on, byte for byte.
    pub evaluation: String,
    /// The signed statements.
    pub entries: Vec<DecisionEntry>,
}

impl DecisionRow {
    /// What a certification is to whoever looks back; nothing of a decision against the release.
    #[must_use]
    pub fn certified(&self) -> Option<Certified> {
        (self.kind == "certification").then_some(Certified { at: self.at, alone: self.review_due.is_some() })
    }
}

/// A signed head of the log and how it relates to the one of this dossier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogRef {
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The proof that this dossier's checkpoint extends it, hex.
    pub consistency: Vec<String>,
}

/// What integrity rests on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Integrity {
    /// The log's name.
    pub origin: String,
    /// The log's public key, C2SP form.
    pub log_key: String,
    /// The key that signs certifications: SubjectPublicKeyInfo, hex.
    pub certifier_key: String,
    /// The key that seals dossiers: SubjectPublicKeyInfo, hex.
    pub dossier_key: String,
    /// The log key's signature over the statement that vouches for both keys above and for the lives below, hex.
    pub keys_signature: String,
    /// The lives the log has had, oldest first: after a loss it goes on under a new name and key. Each with its
    /// `number`, `key`, `kept` entries and the signatures by which earlier keys `handed_over`.
    pub lives: Vec<Value>,
    /// The signed checkpoint everything here is proved against.
    pub checkpoint: String,
    /// Earlier heads, at the decisions.
    pub earlier: Vec<LogRef>,
    /// The key of this release's blinded label, hex: with it, every leaf of the release can be found in the log.
    pub label_key: String,
    /// The program that made this.
    pub tool: String,
    /// What this dossier cannot show.
    pub limits: Vec<String>,
}

/// A piece of evidence with its proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvidenceRow {
    /// Its id.
    pub id: EvidenceId,
    /// Its kind.
    pub kind: String,
    /// The name of the event or file.
    pub name: String,
    /// The source.
    pub source: String,
    /// When it happened.
    pub occurred_at: Option<Time>,
    /// When we received it.
    pub received_at: Time,
    /// Who did it.
    pub actor: String,
    /// The rule that bound it; none for what speaks of a repository as a whole.
    pub rule: Option<BindRule>,
    /// SHA-256 of the raw bytes, hex.
    pub sha256: String,
    /// Their media type.
    pub media: String,
    /// How we know it.
    pub known: HowKnown,
    /// The salts of its commitments.
    pub salts: Salts,
    /// What it says, byte for byte, people as numbers.
    pub facts: String,
    /// The people by number, byte for byte; absent where it speaks of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<String>,
    /// Marks for people.
    pub marks: Vec<Mark>,
    /// Its entry.
    pub proof: Proof,
}

/// The salts of a record's commitments, hex: each opens one of them and none of the others.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Salts {
    /// Of the raw bytes; absent once erased.
    pub body: Option<String>,
    /// Of what it says.
    pub facts: Option<String>,
    /// Of the people it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<String>,
}
