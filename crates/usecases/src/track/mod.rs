//! Findings over time: what a scan sees is detected, seen again, reopened or fixed; what people decide about them (ADR 10, 11).
//!
//! [`Prepared`] does outside the commit what can be done there; [`arrived`] and [`bound_again`] run inside it, [`alert`]
//! follows the alerts of a forge, [`propose`] asks for what a VEX document says. [`stand`] moves a finding to where decisions in force put it, [`Dues`] says when it is due.

mod alerts;
mod arrive;
mod due;
mod follow;
mod prepare;
mod reread;
mod standing;
mod tell;
mod vex;

pub(crate) use alerts::{AlertEvent, alert, seen as seen_by_alert};
pub(crate) use arrive::{are_in_line, arrived, bound_again};
pub(crate) use due::{Dues, Running, assessed_at, due_again};
pub(crate) use follow::{Following, NOT_TAKEN_IN, TAKEN_IN, graded, order, releases_of};
pub(crate) use prepare::{Gathered, Prepared, Ready, key, key_in};
pub(crate) use reread::Reread;
pub(crate) use standing::{Covering, stand};
pub(crate) use tell::{MOVED, Steps};
pub(crate) use vex::{VexSender, propose};
