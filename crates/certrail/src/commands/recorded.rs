//! What whoever told something is told of it: where it belongs, what struck us, and what rests on it.

use serde_json::Value;

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or("?")
}

/// Where an acknowledged signal belongs, and what struck us about it.
pub(super) fn say_where(ack: &Value) {
    for bound in ack["bound"].as_array().into_iter().flatten() {
        println!("  bound to {}: {}", text(bound, "release"), text(bound, "why"));
    }
    if let Some(reason) = ack["unbound"].as_str() {
        println!("  not bound yet: {reason}");
    }
    for warning in ack["warnings"].as_array().into_iter().flatten() {
        println!("  note: {}", warning.as_str().unwrap_or_default());
    }
}

/// Where a fact belongs, and the requirements that rest on it.
pub(super) fn say(answer: &Value) {
    say_where(&answer["ack"]);
    for met in answer["met"].as_array().into_iter().flatten() {
        println!("{}", line(met));
    }
}

/// How a requirement stands that rests on what was told.
pub(super) fn line(met: &Value) -> String {
    format!("  {} {}: {}", text(met, "verdict"), text(met, "requirement"), text(met, "sentence"))
}
