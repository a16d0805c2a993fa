//! A criteria set is text from people: whatever it is, it is admitted or refused, and never a panic.
#![allow(clippy::unwrap_used, reason = "tests say what is wrong by panicking")]

use certrail_criteria::{Criteria, STANDARD};
use proptest::{prelude::*, sample::Index};

#[test]
fn hostile_sets_are_refused() {
    let bomb = format!(
        "a: &a [x,x,x,x,x,x,x,x,x]\n{}",
        (b'b'..=b'i')
            .map(|c| {
                let (own, before) = (char::from(c), char::from(c - 1));
                format!("{own}: &{own} [{}]\n", vec![format!("*{before}"); 9].join(","))
            })
            .collect::<String>()
    );
    for text in [
        String::new(),
        "[".repeat(100_000),
        "{a: ".repeat(50_000),
        bomb,
        "\0".into(),
        "name: x\nversion: '1'\nabout: x\nrequirements: []".into(),
        STANDARD.replace("kind: work-item", "kind: nothing-like-this"),
        STANDARD.replace("blocking: false", "blocking: perhaps"),
        STANDARD.replace("title: Work item", "titel: Work item"),
        STANDARD.replace("id: impact", "id: work-item"),
    ] {
        assert!(Criteria::parse(&text).is_err(), "{}", text.chars().take(80).collect::<String>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("CERTRAIL_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)))]

    #[test]
    fn mangled_sets_never_panic(changes in proptest::collection::vec((any::<Index>(), any::<char>(), 0..4_u8), 1..10)) {
        let mut text: Vec<char> = STANDARD.chars().collect();
        for (at, c, how) in changes {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            match how {
                0 => text[at] = c,
                1 => drop(text.remove(at)),
                2 => text.insert(at, c),
                _ => text.truncate(at),
            }
        }
        let _ = Criteria::parse(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_expression_is_admitted_or_refused(expression in "[a-z0-9_.()\\[\\]{}<>=!&|+*/ '\",:?-]{0,120}") {
        let set = STANDARD.replace("has(facts.impact) && facts.impact != ''", &expression.replace(['"', '\\'], ""));
        let _ = Criteria::parse(&set);
    }
}
