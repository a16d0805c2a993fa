//! Reports of tests that ran.

pub(crate) mod ctrf;
pub(crate) mod cucumber;
pub(crate) mod go_test;
pub(crate) mod junit;
pub(crate) mod nunit;
pub(crate) mod robot;
pub(crate) mod tap;
pub(crate) mod trx;
pub(crate) mod xunit;
