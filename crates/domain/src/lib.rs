//! The nouns of certrail and their rules.
//!
//! Nothing here does I/O, reads a clock or makes a random number: times and ids come in as
//! arguments. Every other crate may depend on this one; this one depends on none of them.
//!
//! Entry points: [`Signal`] (what a source says), [`Facts`] (its normalised content, from which
//! [`Key`]s and [`Link`]s for binding follow), [`Release`], [`Evaluation`] (verdict per
//! requirement) and [`sentence`](mod@sentence) (the one way to say how ready a release is).
//!
//! Shapes that leave the process derive `serde` here rather than in mirrored structs; the
//! reasons stand in `docs/adr/0002-serde-in-domain.md`.

mod account;
mod actor;
mod binding;
mod blank;
mod clock;
mod connector;
mod course;
mod evaluation;
mod exception;
pub mod facts;
mod finding;
mod finding_decision;
mod ids;
pub mod json;
mod key;
mod known;
mod marks;
mod part;
mod people;
mod problem;
mod range_base;
mod release;
mod role;
mod scope;
pub mod sentence;
mod settings_change;
mod signal;
mod tickets;
mod time;
mod verdict;
mod version;

pub use account::{
    Home, USUAL_HOST, account_in_commit, accounts_meant, home, is_host, is_own_id, own_account, settled, shown_account,
    told_account,
};
pub use actor::{Actor, ActorKind};
pub use binding::{BindRule, Match, decide};
pub use blank::{is_blank, is_invisible, plain};
pub use clock::{Assessment, Clock, Deadline, Graded, Limits, OwnDays};
pub use connector::{Connector, RepositoryName};
pub use course::{Course, Word, tries};
pub use evaluation::{Evaluation, RequirementResult, Row, RuleOutcome, RuleResult, Snapshot, Subject, Summary};
pub use exception::{Exception, ExceptionScope, ExceptionState};
pub use facts::Facts;
pub use finding::{Finding, FindingMove, FindingState};
pub use finding_decision::{Claim, FindingDecision, Justification, Reach};
pub use ids::{DecisionId, EvidenceId, ExceptionId, FindingId, PersonId, ReleaseId, SettingsChangeId, TokenId};
pub use key::{Key, Link};
pub use known::{HAVE_TO_BE_OBSERVED, HowKnown, RetentionClass};
pub use marks::Mark;
pub use part::{EvidencePart, FactId};
pub use people::Mentioned;
pub use problem::{Problem, ProblemKind};
pub use range_base::{BaseKind, Baseline, RangeBase};
pub use release::{
    AcceptedReport, Certified, DecidedAgainst, Emergency, EmergencyReason, FormerProduction, LookedBack, Product,
    Release, ReleaseState, ReleaseType,
};
pub use role::{Action, Role};
pub use scope::{Audience, Extent, Scope};
pub use settings_change::{ChangedSettings, SettingsChange, SettingsState};
pub use signal::Signal;
pub use tickets::ticket_keys;
pub use time::{Interval, Time, TimeError, Truth};
pub use verdict::{Cause, Verdict};
pub use version::{is_prerelease, is_version, line_of, normal_version, version_cmp, version_of_tag};
