//! Findings over time: what a scan sees is detected, seen again, reopened or fixed (ADR 10).
//!
//! [`Prepared`] does outside the commit what can be done there; [`arrived`] and [`bound_again`] run inside it.

mod apply;
mod prepare;

pub(crate) use apply::{MOVED, arrived, bound_again};
pub(crate) use prepare::{Gathered, Prepared};
