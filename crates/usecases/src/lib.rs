//! What the system does, one file per thing. The only crate that knows all the others.
//!
//! A use case reads and writes through [`Engine`]; leaves compute. Nothing is acknowledged before it
//! is committed: [`Engine::write`] resolves after the commit that holds body, signal, bindings,
//! log entry and signed checkpoint.

mod accept;
mod accept_reported;
mod access;
mod add_evidence;
mod as_seen;
mod ask_gate;
mod asked_last;
mod begin_epoch;
mod bind;
mod bind_by_hand;
mod certify;
mod change_settings;
mod clock_era;
mod connectors;
mod criteria_sets;
mod decide_finding;
mod decision;
mod declare_emergency;
mod deliver_webhook;
mod dossiers;
mod doubts;
mod engine;
mod finding_effect;
mod finding_queue;
mod fsck;
mod grant_exception;
mod held;
mod inputs;
mod jobs;
mod judge;
mod listed;
mod look;
mod look_back;
mod look_findings;
mod make_dossier;
mod outgoing;
mod people;
mod products;
mod prove;
mod record_fact;
mod reject;
mod release_findings;
mod separation;
mod sign_in;
mod state_baseline;
mod tag_elsewhere;
mod tokens;
mod track;
mod trust;
mod verify_dossier;

pub use accept::{Ack, Placed};
pub use accept_reported::{NewAcceptance, decide_acceptance, request_acceptance};
pub use access::{Caller, On, allow};
pub use add_evidence::{EvidenceFile, EvidenceReceipt, MetRequirement, add_evidence, follow_evidence};
pub use ask_gate::{Gate, GateAnswer, ask_gate};
pub use asked_last::judge_asked_last;
pub use begin_epoch::{EpochBegan, begin_epoch};
pub use bind_by_hand::bind_by_hand;
pub use certify::{CertifyReceipt, NewCertification, certify};
pub use certrail_dossier as dossier;
pub use certrail_formats::{Trusted, TrustedKey, TrustedRoot};
pub use certrail_sources::git::LONGEST_COMMIT;
pub use change_settings::{SettingsRequest, apply_due_settings, decide_settings, settings_changes};
pub use clock_era::{ClockEra, begin_clock_era};
pub use connectors::{
    ConnectorInput, NewSecret, add_connector_secret, end_connector, first_connector, list_connectors, note_secrets,
    put_connector,
};
pub use decide_finding::{
    NewFindingDecision, NewTriage, Within, decide_finding_decisions, end_decisions, request_finding_decisions,
    triage_findings,
};
pub use decision::FrozenWorld;
pub use declare_emergency::{NewEmergency, declare_emergency};
pub use deliver_webhook::{Delivery, deliver_webhook, expect_webhook, is_heard};
pub use dossiers::{DossierCard, Face, FileCard, dossier_file, find_dossier, list_dossiers};
pub use engine::{
    Batch, Clock, ClockDoubt, Engine, Fault, GuardFile, Keys, LastSigned, LogHead, Loss, Pieces, blocking, system_clock,
};
pub use finding_effect::{Effect, ReleaseEffect, finding_effect};
pub use finding_queue::{Ending, FindingQueue, InRelease, QueueItem, finding_queue};
pub use fsck::{FsckReport, FsckStage, fsck, fsck_folder};
pub use grant_exception::{NewException, decide_exception, request_exception};
pub use jobs::{ScanOnItsWay, do_jobs, scans_on_their_way, wait_for_ranges};
pub use judge::{Judged, evaluation_at, judge, judge_at};
pub use listed::{DamagedRow, Listed};
pub use look::{
    EvidenceView, LogLine, ProductView, ReleaseCard, ReleaseView, UnboundView, evidence_file, evidence_view,
    find_release, known_product, list_products, list_releases, log_entries, names_of_products, product_view,
    recent_release_view, release_view, unbound_queue,
};
pub use look_back::{NewLookBack, look_back};
pub use look_findings::{
    FindingCard, FindingCounts, FindingStep, FindingView, FindingsWanted, SeenBy, count_findings, finding_view,
    list_findings, shelves, unknown as unknown_finding,
};
pub use make_dossier::{Renderer, make_dossier};
pub use outgoing::OutgoingFile;
pub use people::{NewPerson, end_person, list_people, names_of_people, put_person, scope_of_products};
pub use products::{Put, bring_criteria, put_criteria, put_product};
pub use prove::{consistency, receipt, tile_bytes};
pub use record_fact::{
    ChangeInput, CommitInput, FactInput, ManifestInput, ProtectionInput, ReviewInput, Sending, Told, record_fact,
};
pub use reject::{NewRejection, reject};
pub use release_findings::release_findings;
pub use sign_in::{
    Arrived, invite, is_set_up, keep_last_used, open_session, recover, redeem_link, redeem_setup, session_for,
    setup_link, sign_in,
};
pub use state_baseline::{NewBaseline, decide_baseline, state_baseline};
pub use tokens::{NewToken, Session, TokenView, create_token, list_tokens, revoke_token};
pub use trust::{note_trust, trusted_signers};
pub use verify_dossier::{Check, Verification, verify_dossier};

pub use certrail_criteria::{Framework, frameworks};
pub use certrail_ledger::receipt::Receipt as LogReceipt;
pub use certrail_store::{
    Backup, backup,
    tables::{
        findings::Shelf,
        people::{Person, Token, TokenKind},
    },
};

pub(crate) use engine::{leaves as engine_leaves, lives as engine_lives};
