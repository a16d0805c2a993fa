//! Facts about what was asked for.

use serde::{Deserialize, Serialize};

use crate::{Actor, Time};

/// A work item as it stood at one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// `PAY-123`.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Why it is wanted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Its state, in the tracker's word.
    pub status: String,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Actor>,
    /// Who authorised the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorised_by: Option<Actor>,
    /// When it was authorised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorised_at: Option<Time>,
    /// Change type in ITIL's words: standard, normal, emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_type: Option<String>,
    /// What it means for security and customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// Where a person reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
