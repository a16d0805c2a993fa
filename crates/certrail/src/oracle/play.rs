//! One story, told to the product, and where what it says differs from what is true.

use certrail_domain::Time;
use certrail_usecases::{find_release, judge};
use serde_json::{Value, json};

use super::{
    deliveries::{self, Delivery, SWITCHED},
    forge::{Forge, MAIN},
    moves::{Dice, Story},
    product::Product,
    truth,
};

/// Where the product and the truth differ.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) requirement: &'static str,
    /// The product says yes where the truth is no; else it says no where the truth is yes.
    pub(super) false_pass: bool,
    pub(super) says: String,
}

impl Difference {
    /// What it says, without the names of this story.
    pub(super) fn cause(&self) -> String {
        let word = |word: &str| match word.trim_matches(|c: char| !c.is_ascii_alphanumeric()) {
            plain if plain.len() == 7 && plain.bytes().all(|b| b.is_ascii_hexdigit()) => "COMMIT".to_owned(),
            plain if plain.parse::<u64>().is_ok() => "N".to_owned(),
            plain if super::moves::PEOPLE.contains(&plain) => "SOMEBODY".to_owned(),
            plain if plain.starts_with("work-") => "BRANCH".to_owned(),
            _ => word.to_owned(),
        };
        let words: Vec<String> = self.says.split(' ').map(word).collect();
        format!("{}: {}", self.requirement, words.join(" "))
    }
}

/// What came of a story.
#[derive(Default)]
pub(super) struct Played {
    /// How many verdicts were compared.
    pub(super) judged: u64,
    pub(super) differences: Vec<Difference>,
}

/// Tells a story to the product.
pub(super) async fn play(on: &mut Product, story: &Story) -> Played {
    let name = format!("s{}-{}", story.seed, on.now.as_micros() / Time::SECOND % 1_000_000);
    let repository = format!("acme/{name}");
    let mut forge = Forge::new(&repository, on.now, &story.moves);
    for some in &story.moves {
        forge.play(*some);
    }
    let cut = forge.heads[MAIN].clone();
    let ships = forge.between(Some(&forge.root), &cut);
    if ships.is_empty() || forge.untold {
        return Played::default();
    }
    on.begin(&name, &repository, &forge.root).await;
    forge.now = forge.now.plus(600 * Time::SECOND);
    let tag = deliveries::tag(&forge, "v1.0.0", &cut);
    forge.out.push(tag);
    let mut last = on.now;
    for (received, delivery) in in_turn(story, &forge.out) {
        last = last.max(received);
        on.sender.github(last, delivery.event, &delivery.payload).await.unwrap_or_else(|e| panic!("{story:?}: {e}"));
    }
    if story.checkout {
        last = last.plus(60 * Time::SECOND);
        let range: Vec<_> =
            ships.iter().rev().map(|id| json!({ "sha": id, "raw": forge.commits[id].object })).collect();
        let told = json!({ "kind": "release.manifest", "product": name, "version": "1.0.0", "repository": repository,
            "commit": cut, "previous": "0.9.0", "range": range });
        on.sender.call(last, &on.pipeline, "POST", "/api/v1/facts", &told).await.unwrap_or_else(|e| panic!("{e}"));
    }
    on.settled(&name).await;
    on.now = last.plus(Time::DAY);
    let stored = find_release(&on.engine, &name, "1.0.0").expect("cut");
    let judged = judge(&on.engine, &stored).expect("judged");
    let mut played = Played::default();
    let truths = [
        ("code-review", truth::all_reviewed(&forge, &ships)),
        ("protected-branch", truth::all_protected(&forge, &ships)),
    ];
    for (requirement, holds) in truths {
        let found = judged.evaluation.requirements.iter().find(|r| r.id == requirement).expect("is judged");
        played.judged += 1;
        if found.verdict.opens_gate() != holds {
            let row = found.rows.iter().find(|row| row.verdict == found.verdict);
            let says = row.map_or(&found.sentence, |row| &row.sentence).clone();
            played.differences.push(Difference { requirement, false_pass: !holds, says });
        }
    }
    played
}

/// The deliveries in the order in which they are received, with when: as they happened, or late and some of them twice. Of
/// what all protection was switched to with no push between nothing tells the order but this one: it is kept.
fn in_turn<'a>(story: &Story, out: &'a [Delivery]) -> Vec<(Time, &'a Delivery)> {
    let mut dice = Dice::new(story.seed ^ 0x5eed);
    let mut all: Vec<(Time, usize, &Delivery)> = Vec::new();
    let mut switched: Option<(&Value, i64)> = None;
    for (n, delivery) in out.iter().enumerate() {
        let late = |dice: &mut Dice| if story.shuffled { dice.below(3_600) as i64 } else { 1 };
        let mut by = late(&mut dice);
        if delivery.event == SWITCHED {
            let pushed = &delivery.payload["repository"]["pushed_at"];
            by = switched.filter(|(before, _)| *before == pushed).map_or(by, |(_, by)| by);
            switched = Some((pushed, by));
        }
        all.push((delivery.at.plus(by * Time::SECOND), n, delivery));
        if story.shuffled && dice.one_in(10) {
            all.push((delivery.at.plus(late(&mut dice) * Time::SECOND), n, delivery));
        }
    }
    all.sort_by_key(|(at, n, _)| (*at, *n));
    all.into_iter().map(|(at, _, delivery)| (at, delivery)).collect()
}
