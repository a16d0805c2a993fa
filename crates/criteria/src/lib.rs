//! Facts of a release in, an evaluation out.
//!
//! A pure function: same [`Input`], same criteria, same bytes. No I/O, no clock, no randomness;
//! every collection has an order. One file per rule under `rules/`; criteria sets are YAML under
//! `sets/`, frameworks under `frameworks/`, both embedded.
//!
//! Entry points: [`Criteria::parse`] and [`evaluate`].

mod clock;
mod evaluate;
mod findings;
mod frameworks;
mod input;
mod predicate;
mod rules;
mod set;
mod weaker;
mod world;

pub use clock::Clock;
pub use evaluate::{EVALUATOR, Evaluated, evaluate};
pub use findings::{
    InScan, Incomplete, OpenFinding, OpenFindings, Tracked, TrackedFinding, closes, is_for, open_findings,
};
pub use frameworks::{Control, Framework, frameworks};
pub use input::{Certification, Evidence, Identities, Input, Receipt, Refusal, Twin, stood_certified};
pub use predicate::PredicateError;
pub use rules::{APPROVAL_DAYS, Approved, Rule, approval_for};
pub use set::{Criteria, CriteriaError, Requirement, STANDARD};
pub use weaker::{own_environment, weaker};
pub use world::{ChangeView, World, spans};
