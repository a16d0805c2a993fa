//! Our own payloads: what each becomes. And any bytes at all: no panic, and nothing is dropped.
#![allow(clippy::unwrap_used, reason = "tests say what is wrong by panicking")]

use std::{fmt::Write, path::PathBuf};

use certrail_domain::{Facts, Signal};
use certrail_sources::{Home, find};
use proptest::{prelude::*, sample::Index};
use serde_json::Value;

/// The event of each payload with its bytes; `push.tag.json` is a `push`.
fn payloads() -> Vec<(String, String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/github");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let event = name.split('.').next().unwrap().to_owned();
            (name, event, std::fs::read(&path).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn map(event: &str, body: &[u8]) -> Signal {
    let github = find("github").unwrap();
    let read = github.read(body);
    let repository = read.repository.as_ref().map(|r| r.name.as_str());
    github.map(event, &read, &Home { connector: "github", host: github.host(), repository })
}

#[test]
fn payloads_become_what_they_should() {
    let mut out = String::new();
    for (name, event, body) in payloads() {
        let signal = map(&event, &body);
        let facts = serde_json::to_string(&signal.facts).unwrap();
        let keys: Vec<String> = signal.keys().iter().map(ToString::to_string).collect();
        let actor = signal.actor.as_ref().map_or("nobody", |a| a.account.as_str());
        let when = signal.occurred_at.map_or_else(|| "no time".to_owned(), |t| t.to_string());
        writeln!(out, "{name}: {} by {actor} at {when}\n  {facts}\n  {}", signal.source, keys.join(" ")).unwrap();
    }
    insta::assert_snapshot!(out);
}

/// A hook that was left at the forge's default sends a form.
#[test]
fn what_comes_as_a_form_says_the_same() {
    let github = find("github").unwrap();
    for (name, event, body) in payloads() {
        let text = std::str::from_utf8(&body).unwrap();
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("payload", text).finish();
        assert_eq!(map(&event, form.as_bytes()), map(&event, &body), "{name}");
        assert_eq!(github.media(form.as_bytes()), "application/x-www-form-urlencoded");
        assert_eq!(github.media(&body), "application/json");
    }
    assert!(matches!(map("push", b"payload=%7B%22ref").facts, Facts::Unread { .. }));
}

/// Whatever arrives is something: facts that can be written and read again, or kept as unread with a reason.
fn is_sound(event: &str, body: &[u8]) {
    let signal = map(event, body);
    let text = serde_json::to_string(&signal).unwrap();
    let again: Signal = serde_json::from_str(&text).unwrap();
    assert_eq!(again, signal);
    let _ = (signal.keys(), signal.links());
    if let Facts::Unread { why, .. } = &signal.facts {
        assert!(!why.is_empty());
    }
}

/// Replaces, removes or doubles one member somewhere in a payload.
fn twist(value: &mut Value, way: &mut impl Iterator<Item = usize>, with: &Value) {
    let choice = way.next().unwrap_or(0);
    match value {
        Value::Object(members) if !members.is_empty() && !choice.is_multiple_of(4) => {
            let name = members.keys().nth(choice % members.len()).unwrap().clone();
            if choice % 13 == 1 {
                members.remove(&name);
            } else {
                twist(&mut members[&name], way, with);
            }
        }
        Value::Array(items) if !items.is_empty() && !choice.is_multiple_of(4) => {
            let at = choice % items.len();
            twist(&mut items[at], way, with);
        }
        other => *other = with.clone(),
    }
}

fn odd_values() -> Vec<Value> {
    let mut odd = vec![Value::Null, true.into(), (-1).into(), u64::MAX.into(), 1e300.into(), "".into()];
    odd.extend(
        ["\0", "refs/heads/", "refs/tags/", "0000000000000000000000000000000000000000", "9999-99-99T99:99:99Z"]
            .map(Value::from),
    );
    odd.extend([
        Value::from("\u{202e}".repeat(5_000)),
        Value::from("x".repeat(100_000)),
        serde_json::json!([[[[]]]]),
        serde_json::json!({}),
    ]);
    odd
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("CERTRAIL_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)))]

    #[test]
    fn mangled_payloads_never_panic(which in any::<Index>(), changes in proptest::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..12)) {
        let all = payloads();
        let (_, event, mut bytes) = all[which.index(all.len())].clone();
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        is_sound(&event, &bytes);
    }

    #[test]
    fn payloads_with_odd_members_never_panic(which in any::<Index>(), way in proptest::collection::vec(any::<usize>(), 1..6), odd in any::<Index>()) {
        let all = payloads();
        let (_, event, bytes) = &all[which.index(all.len())];
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        let values = odd_values();
        twist(&mut value, &mut way.into_iter(), &values[odd.index(values.len())]);
        is_sound(event, &serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn any_bytes_under_any_event_never_panic(event in "[a-z_]{0,30}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        is_sound(&event, &bytes);
    }
}
