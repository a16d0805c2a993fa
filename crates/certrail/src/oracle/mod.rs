//! The oracle: seeded stories of people, forges and pipelines, some honest and some not. A small world knows what really
//! happened, by rules of its own (`truth.rs`, in words in `docs/explanation/oracle.md`); the product hears only what would be
//! delivered, in any order. What it says is compared with what is true: a false pass fails the build, a false alarm is counted.
//!
//! `scripts/oracle` plays new seeds; those here are fixed. What differs is shrunk to the shortest story that still does.

mod deliveries;
mod forge;
mod gates;
mod moves;
mod play;
mod product;
mod shrink;
mod stories;
mod truth;

use std::{collections::BTreeMap, sync::Mutex};

use moves::Story;
use play::{Difference, Played};
use product::Product;

/// What many stories came to.
#[derive(Default)]
struct Tally {
    stories: u64,
    judged: u64,
    honest_judged: u64,
    false_passes: Vec<(Story, Difference)>,
    /// False alarms of honest stories, by what the product said.
    alarms: BTreeMap<String, (u64, Story)>,
}

impl Tally {
    fn add(&mut self, story: &Story, played: &Played) {
        self.stories += 1;
        self.judged += played.judged;
        if story.honest {
            self.honest_judged += played.judged;
        }
        for difference in &played.differences {
            if difference.false_pass {
                self.false_passes.push((story.clone(), difference.clone()));
            } else if story.honest {
                let known = self.alarms.entry(difference.cause()).or_insert_with(|| (0, story.clone()));
                known.0 += 1;
            }
        }
    }

    fn alarms(&self) -> u64 {
        self.alarms.values().map(|(n, _)| n).sum()
    }
}

/// Plays stories on two products beside each other, until the seeds are used up: `make` makes a product, `tell` plays the story of
/// a seed on it. Every so often a product is looked over and gives way to a new one.
fn play_all(
    seeds: impl Iterator<Item = u64> + Send,
    make: impl AsyncFn() -> Product + Sync,
    tell: impl AsyncFn(u64, &mut Product) + Sync,
) {
    let seeds = Mutex::new(seeds);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let mut product: Option<Product> = None;
                let mut told = 0_u64;
                while let Some(seed) = { seeds.lock().expect("not poisoned").next() } {
                    // A log of thousands of stories is not what any of them is about.
                    if told.is_multiple_of(50) {
                        if let Some(full) = &product {
                            full.is_sound();
                        }
                        product = Some(runtime.block_on(make()));
                    }
                    told += 1;
                    runtime.block_on(tell(seed, product.as_mut().expect("made above")));
                }
            });
        }
    });
}

/// How many stories, and from which seed on: fixed here, told by `scripts/oracle`.
fn asked(usual: u64) -> (u64, u64) {
    let number = |name: &str, usual: u64| std::env::var(name).ok().map_or(usual, |v| v.parse().expect("a number"));
    (number("ORACLE_FROM", 1), number("ORACLE_STORIES", usual))
}

#[test]
fn no_story_talks_a_gate_open() {
    let (from, stories) = asked(1_000);
    let tally = Mutex::new(Tally::default());
    play_all(from..from + stories, Product::new, async |seed, on| {
        let story = moves::story(seed);
        let played = play::play(on, &story).await;
        tally.lock().expect("not poisoned").add(&story, &played);
    });
    let tally = tally.into_inner().expect("not poisoned");
    report(&tally);
    for (story, difference) in &tally.false_passes {
        eprintln!("false pass  seed {}: {}", story.seed, difference.cause());
    }
    if let Some((story, difference)) = tally.false_passes.first() {
        let short = shrink::shortest(story, |d| d.false_pass && d.requirement == difference.requirement);
        panic!("{} false passes; the first, shrunk:\n{}", tally.false_passes.len(), shrink::as_code(&short));
    }
    let rate = tally.alarms() as f64 / tally.honest_judged.max(1) as f64;
    assert!(rate <= 0.005, "false alarms in {:.2} % of what was judged in honest stories", rate * 100.0);
}

fn report(tally: &Tally) {
    eprintln!(
        "oracle    {} stories, {} verdicts compared ({} in honest stories): {} false passes, {} false alarms",
        tally.stories,
        tally.judged,
        tally.honest_judged,
        tally.false_passes.len(),
        tally.alarms(),
    );
    for (cause, (n, story)) in &tally.alarms {
        let short = shrink::shortest(story, |d| !d.false_pass && d.cause() == *cause);
        eprintln!("alarm     {n} × {cause}; the shortest:\n{}", shrink::as_code(&short));
    }
}
