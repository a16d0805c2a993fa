//! Whole-system tests: the built program, as its users run it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

mod browser;
mod change;
mod command;
mod crash;
mod damage;
mod demo;
mod loss;
mod operator;
mod repository;
mod serving;
mod spool;
