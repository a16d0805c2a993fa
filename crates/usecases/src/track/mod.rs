//! Findings over time: what a scan sees is detected, seen again, reopened or fixed; what people decide about them (ADR 10, 11).
//!
//! [`Prepared`] does outside the commit what can be done there; [`arrived`] and [`bound_again`] run inside it, [`alert`]
//! follows the alerts of a forge, [`propose`] asks for what a VEX document says. [`stand`] moves a finding to where decisions in force put it, [`Dues`] says when it is due.

mod alerts;
mod apply;
mod due;
mod prepare;
mod standing;
mod vex;

pub(crate) use alerts::{AlertEvent, alert, seen as seen_by_alert};
pub(crate) use apply::{MOVED, arrived, bound_again, graded, order};
pub(crate) use due::{Dues, Running, assessed_at, due_again};
pub(crate) use prepare::{Gathered, Prepared, Ready, key, key_in};
pub(crate) use standing::{Covering, stand};
pub(crate) use vex::{VexSender, propose};
