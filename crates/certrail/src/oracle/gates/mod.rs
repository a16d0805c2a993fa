//! Stories of a release between its cut and production: evidence, signatures, exceptions, decisions, deployments, roles, and
//! time that passes. What gates and people's buttons answer is compared with what is true.

mod moves;
mod play;
mod stories;
mod world;

use std::{collections::BTreeMap, sync::Mutex};

use moves::Story;
use play::{Difference, Played};

use super::{asked, play_all, product::Product};

/// A product with the criteria of these stories.
async fn product() -> Product {
    let product = Product::new().await;
    product.judges_by(play::CRITERIA).await;
    product
}

/// What many stories came to.
#[derive(Default)]
struct Tally {
    stories: u64,
    judged: u64,
    opened: u64,
    honest_judged: u64,
    false_passes: Vec<(Story, Difference)>,
    alarms: BTreeMap<String, (u64, Story)>,
}

impl Tally {
    fn add(&mut self, story: &Story, played: &Played) {
        self.stories += 1;
        self.judged += played.judged;
        self.opened += played.opened;
        self.honest_judged += if story.honest { played.judged } else { 0 };
        for difference in &played.differences {
            if difference.false_pass {
                self.false_passes.push((story.clone(), difference.clone()));
            } else {
                // What a story that is not honest is wrongly refused is looked at, too, and not counted.
                let cause =
                    if story.honest { cause(difference) } else { format!("(not honest) {}", cause(difference)) };
                self.alarms.entry(cause).or_insert_with(|| (0, story.clone())).0 += 1;
            }
        }
    }
}

/// What a difference says, without the names of its story.
fn cause(difference: &Difference) -> String {
    let plain = |word: &str| !word.bytes().any(|b| b.is_ascii_digit());
    let words: Vec<&str> = difference.says.split(' ').filter(|word| plain(word)).collect();
    words.join(" ").chars().take(300).collect()
}

/// Leaves out moves as long as what is left still differs as `wanted`.
fn shortest(story: &Story, wanted: impl Fn(&Difference) -> bool) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut on = runtime.block_on(product());
    let mut short = story.clone();
    let mut n = short.moves.len();
    while n > 0 {
        n -= 1;
        let mut less = short.clone();
        less.moves.remove(n);
        if runtime.block_on(play::play(&mut on, &less)).differences.iter().any(&wanted) {
            n = n.min(less.moves.len());
            short = less;
        }
    }
    short
}

fn as_code(story: &Story) -> String {
    let moves: Vec<String> = story.moves.iter().map(|m| format!("    {m:?},\n")).collect();
    format!("seed {}: [\n{}]", story.seed, moves.concat())
}

#[test]
fn no_story_of_a_way_out_talks_a_gate_open() {
    let (from, stories) = asked(600);
    let tally = Mutex::new(Tally::default());
    play_all(from..from + stories, product, async |seed, on| {
        let story = moves::story(seed);
        let played = play::play(on, &story).await;
        tally.lock().expect("not poisoned").add(&story, &played);
    });
    let tally = tally.into_inner().expect("not poisoned");
    let counted = tally.alarms.iter().filter(|(cause, _)| !cause.starts_with('('));
    let alarms: u64 = counted.map(|(_, (n, _))| n).sum();
    eprintln!(
        "way out   {} stories, {} answers compared ({} in honest stories), {} open gates: {} false passes, {alarms} false alarms",
        tally.stories,
        tally.judged,
        tally.honest_judged,
        tally.opened,
        tally.false_passes.len(),
    );
    for (said, (n, story)) in &tally.alarms {
        let honest = story.honest;
        let short = shortest(story, |d| !d.false_pass && said.ends_with(&cause(d)));
        eprintln!("{}     {n} × {said}; the shortest:\n{}", if honest { "alarm" } else { "other" }, as_code(&short));
    }
    for (story, difference) in &tally.false_passes {
        eprintln!("false pass  seed {}: {}", story.seed, cause(difference));
    }
    if let Some((story, first)) = tally.false_passes.first() {
        let what = first.says.split(':').next().unwrap_or_default().to_owned();
        let short = shortest(story, |d| d.false_pass && d.says.starts_with(&what));
        panic!("{} false passes; the first, shrunk:\n{}", tally.false_passes.len(), as_code(&short));
    }
    let rate = alarms as f64 / tally.honest_judged.max(1) as f64;
    assert!(rate <= 0.005, "false alarms in {:.2} % of what was judged in honest stories", rate * 100.0);
}
