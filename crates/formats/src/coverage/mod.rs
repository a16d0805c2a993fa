//! Reports of code that tests ran through.

pub(crate) mod clover;
pub(crate) mod cobertura;
pub(crate) mod coveragepy;
pub(crate) mod go_cover;
pub(crate) mod jacoco;
pub(crate) mod lcov;
pub(crate) mod llvm_cov;
pub(crate) mod opencover;
