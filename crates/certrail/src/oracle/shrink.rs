//! The shortest story that still differs in the same way.

use super::{
    moves::{Move, Story},
    play::{self, Difference},
    product::Product,
};

/// Leaves out moves as long as what is left still differs as `wanted`.
pub(super) fn shortest(story: &Story, wanted: impl Fn(&Difference) -> bool) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut product = runtime.block_on(Product::new());
    let mut differs = |story: &Story| runtime.block_on(play::play(&mut product, story)).differences.iter().any(&wanted);
    let mut short = story.clone();
    for plainer in
        [Story { shuffled: false, ..short.clone() }, Story { shuffled: false, checkout: false, ..short.clone() }]
    {
        if differs(&plainer) {
            short = plainer;
        }
    }
    let mut n = short.moves.len();
    while n > 0 {
        n -= 1;
        let mut less = short.clone();
        less.moves.remove(n);
        if differs(&less) {
            short = less;
            n = n.min(short.moves.len());
            continue;
        }
        if let Move::Push { commits, .. } = &mut short.moves[n].clone()
            && *commits > 1
        {
            let mut one = short.clone();
            if let Move::Push { commits, .. } = &mut one.moves[n] {
                *commits = 1;
            }
            if differs(&one) {
                short = one;
            }
        }
    }
    short
}

/// A story as it stands in `stories.rs`.
pub(super) fn as_code(story: &Story) -> String {
    let moves: Vec<String> = story.moves.iter().map(|m| format!("    {m:?},\n")).collect();
    format!("seed {}, shuffled {}, checkout {}: [\n{}]", story.seed, story.shuffled, story.checkout, moves.concat())
}
