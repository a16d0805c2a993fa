//! The shortest of the stories in which the product and the truth once differed, each kept as a test of its own.

use super::{
    moves::{Beside, How, Move, Say, Story, To, Who},
    play,
    product::Product,
};

/// Plays a story, and the same with everything late and out of order and with a checkout: they agree with the truth.
fn agrees(moves: &[Move]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut product = runtime.block_on(Product::new());
    for (shuffled, checkout) in [(false, false), (true, false), (false, true)] {
        let story = Story { seed: 1, honest: false, moves: moves.to_vec(), shuffled, checkout };
        let played = runtime.block_on(play::play(&mut product, &story));
        assert!(played.judged > 0, "nothing shipped");
        assert!(played.differences.is_empty(), "shuffled {shuffled}, checkout {checkout}: {:?}", played.differences);
    }
    product.is_sound();
}

const fn push(by: Who, branch: usize) -> Move {
    Move::Push { by, branch, commits: 1, author: None, with: None }
}

const fn open(by: Who, branch: usize) -> Move {
    Move::Open { by, branch, to: To::Main, fork: false }
}

const fn fork(by: Who, branch: usize) -> Move {
    Move::Open { by, branch, to: To::Main, fork: true }
}

const fn yes(by: Who, branch: usize) -> Move {
    Move::Review { by, branch, say: Say::Yes, old: false }
}

const fn land(by: Who, branch: usize, how: How) -> Move {
    Move::Land { by, branch, how }
}

/// A branch is brought up to date with a fork's change and then rebased: what the update lists follows nothing of the branch.
#[test]
fn an_update_tells_nothing_of_what_its_commits_follow() {
    agrees(&[
        push(1, 0),
        open(1, 0),
        push(0, 2),
        fork(0, 2),
        yes(2, 2),
        land(2, 2, How::Merge),
        Move::MergeIn { by: 1, branch: 0, other: None },
        yes(0, 0),
        land(0, 0, How::Rebase),
    ]);
    agrees(&[
        push(0, 1),
        open(0, 1),
        push(0, 0),
        open(0, 0),
        yes(1, 0),
        land(1, 0, How::Merge),
        Move::Update { by: 0, branch: 1 },
        yes(2, 1),
        land(2, 1, How::Rebase),
    ]);
}

/// Whoever updates a branch by the button is no author of what that brings, nor of what is squashed then.
#[test]
fn an_update_makes_nobody_an_author_of_what_is_squashed() {
    agrees(&[
        push(1, 1),
        fork(1, 1),
        push(2, 0),
        open(2, 0),
        yes(3, 1),
        land(2, 1, How::Squash),
        Move::Update { by: 0, branch: 0 },
        yes(0, 0),
        land(0, 0, How::Squash),
    ]);
}

/// Changes of a queue, one of them from a fork: nobody is an author of the other's.
#[test]
fn of_changes_that_land_together_each_has_its_own_authors() {
    agrees(&[
        Move::Push { by: 1, branch: 1, commits: 2, author: None, with: Some(2) },
        push(1, 0),
        open(1, 0),
        fork(1, 1),
        yes(0, 1),
        yes(0, 0),
        Move::Queue { by: 0, first: 1, second: 0, how: How::Merge },
    ]);
    agrees(&[
        push(3, 1),
        push(2, 2),
        open(2, 2),
        fork(3, 1),
        yes(2, 1),
        Move::Amend { by: 2, branch: 2 },
        yes(3, 2),
        Move::Queue { by: 2, first: 1, second: 2, how: How::Merge },
    ]);
}

/// What somebody wrote reached the change of another by hand, in a fork where nobody heard of it: they are an author of it.
#[test]
fn what_a_fork_merged_has_its_own_author() {
    agrees(&[
        push(3, 1),
        push(1, 0),
        Move::MergeIn { by: 3, branch: 1, other: Some(0) },
        fork(3, 1),
        yes(1, 1),
        land(1, 1, How::Merge),
    ]);
}

/// Somebody pushed to the branch before the change was opened, under another's name, and it was squashed: they are an author.
#[test]
fn whoever_pushed_before_there_was_a_change_wrote_some_of_it() {
    agrees(&[
        Move::Push { by: 0, branch: 1, commits: 1, author: Some(3), with: None },
        push(2, 1),
        open(2, 1),
        yes(0, 1),
        land(2, 1, How::Squash),
    ]);
    agrees(&[
        Move::Push { by: 2, branch: 1, commits: 2, author: None, with: None },
        push(2, 2),
        push(1, 1),
        open(1, 1),
        open(2, 2),
        yes(0, 2),
        land(3, 2, How::Merge),
        Move::Update { by: 3, branch: 1 },
        yes(3, 1),
        land(3, 1, How::Squash),
    ]);
}

/// What somebody pushed was replaced by force twice before anybody reviewed it: they are an author.
#[test]
fn whoever_pushed_what_was_replaced_wrote_some_of_it() {
    agrees(&[
        push(2, 0),
        Move::Amend { by: 1, branch: 0 },
        open(2, 0),
        Move::Amend { by: 2, branch: 0 },
        yes(1, 0),
        land(3, 0, How::Squash),
    ]);
    agrees(&[
        push(2, 0),
        Move::Amend { by: 1, branch: 0 },
        Move::Amend { by: 2, branch: 0 },
        open(2, 0),
        yes(1, 0),
        land(3, 0, How::Squash),
    ]);
}

/// All protection is switched on where it was on, and then off: no time is told but that of the last push.
#[test]
fn switched_off_is_off_however_it_is_dated() {
    agrees(&[
        push(2, 0),
        Move::Switch { on: true },
        Move::Switch { on: false },
        open(0, 0),
        yes(1, 0),
        land(3, 0, How::Squash),
    ]);
    // What was merged before it was switched off was merged under it.
    agrees(&[push(2, 0), open(0, 0), yes(1, 0), land(3, 0, How::Squash), Move::Switch { on: false }]);
    agrees(&[push(2, 0), open(0, 0), yes(1, 0), land(3, 0, How::Squash), Move::Protect { reviews: None }]);
}

/// One commit on top of what was merged by moving main forward, which the forge may name as what merging made.
#[test]
fn a_commit_on_top_is_no_merge() {
    agrees(&[
        push(1, 1),
        open(1, 1),
        yes(2, 1),
        Move::LandByHand { by: 3, branch: 1, forward: true, beside: Beside::After },
    ]);
    agrees(&[
        push(1, 1),
        open(1, 1),
        yes(2, 1),
        Move::LandByHand { by: 3, branch: 1, forward: true, beside: Beside::Nothing },
    ]);
}

/// A rule is removed in the instant of its last change, and heard of the other way round: it is gone.
#[test]
fn a_rule_that_is_gone_is_gone_in_whatever_order_it_is_heard() {
    agrees(&[Move::Protect { reviews: None }, push(0, 0), open(0, 0), land(3, 0, How::Merge)]);
    agrees(&[push(0, 0), Move::Protect { reviews: None }, open(0, 0), land(3, 0, How::Merge)]);
    agrees(&[Move::Switch { on: true }, Move::Switch { on: false }, push(1, 0), fork(1, 0), land(2, 0, How::Squash)]);
}
