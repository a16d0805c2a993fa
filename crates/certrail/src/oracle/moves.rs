//! What people do in a story, and how stories are made: honest work of several changes, and for the others a few moves of
//! somebody who cheats, or makes a mistake.

/// Somebody in the story, by number.
pub(super) type Who = usize;
/// A branch of the story, by number.
pub(super) type Branch = usize;

/// How a change comes to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Merge,
    Squash,
    Rebase,
}

/// What somebody pushes beside a merge they made by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    Before,
    After,
}

/// Where a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Main,
    Other(Branch),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Yes,
    No,
    Comment,
}

/// One thing that somebody does. What cannot be done (no such change, not open) is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Pushes commits to a branch; those of another author, or with one, where they are given.
    Push { by: Who, branch: Branch, commits: usize, author: Option<Who>, with: Option<Who> },
    /// Replaces the last commit of a branch by force.
    Amend { by: Who, branch: Branch },
    /// Opens a change of a branch.
    Open { by: Who, branch: Branch, to: To, fork: bool },
    /// The change goes to another branch.
    Retarget { by: Who, branch: Branch, to: To },
    /// Reviews its head, or the one before.
    Review { by: Who, branch: Branch, say: Say, old: bool },
    /// Sets aside what somebody said of it.
    SetAside { by: Who, branch: Branch, of: Who },
    /// Brings the branch up to date with the target, by the button.
    Update { by: Who, branch: Branch },
    /// Merges another branch, or main, into a branch by hand, and pushes that.
    MergeIn { by: Who, branch: Branch, other: Option<Branch> },
    /// Merges the change by the button.
    Land { by: Who, branch: Branch, how: How },
    /// Two changes land together.
    Queue { by: Who, first: Branch, second: Branch, how: How },
    /// Merges the change by hand, with something beside it.
    LandByHand { by: Who, branch: Branch, forward: bool, beside: Beside },
    /// Pushes a commit to main.
    PushMain { by: Who },
    /// Merges what a branch was before it was replaced into main by hand.
    PushOldHead { by: Who, branch: Branch },
    /// Closes the change.
    Close { branch: Branch },
    /// All protection is switched off, or on again.
    Switch { on: bool },
    /// How many reviews main requires; none: the rule is removed.
    Protect { reviews: Option<u64> },
}

/// A story from the first push to the cut.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) seed: u64,
    /// Nobody in it does what they should not.
    pub(super) honest: bool,
    pub(super) moves: Vec<Move>,
    /// Deliveries come late and out of order, and some twice.
    pub(super) shuffled: bool,
    /// A checkout tells the range when the release is cut.
    pub(super) checkout: bool,
}

/// Those who may write.
pub(super) const MEMBERS: usize = 4;
/// Somebody who may not.
pub(super) const GUEST: Who = 4;
/// A program.
pub(super) const BOT: Who = 5;
pub(super) const PEOPLE: [&str; 6] = ["dana", "eve", "tom", "ben", "guest9", "renovate[bot]"];

/// A small generator (xorshift), so that a failure names its seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            dice.below(2);
        }
        dice
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n.max(1) as u64) as usize
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn other_than(&mut self, not: &[Who]) -> Who {
        loop {
            let who = self.below(MEMBERS);
            if !not.contains(&who) {
                return who;
            }
        }
    }

    fn how(&mut self) -> How {
        [How::Merge, How::Squash, How::Rebase][self.below(3)]
    }
}

/// The story of a seed: every other one is honest.
pub(super) fn story(seed: u64) -> Story {
    let mut dice = Dice::new(seed);
    let honest = seed.is_multiple_of(2);
    let lines: Vec<Vec<Move>> = (0..1 + dice.below(3)).map(|branch| honest_change(&mut dice, branch)).collect();
    let mut moves = interleaved(&mut dice, lines);
    if dice.one_in(4) {
        queue_two(&mut moves);
    }
    if !honest {
        for _ in 0..1 + dice.below(3) {
            spoil(&mut dice, &mut moves);
        }
    }
    Story { seed, honest, moves, shuffled: dice.one_in(2), checkout: dice.one_in(2) }
}

/// A change as people make it who do what they should.
fn honest_change(dice: &mut Dice, branch: Branch) -> Vec<Move> {
    let by = if dice.one_in(8) { BOT } else { dice.below(MEMBERS) };
    let fork = by != BOT && dice.one_in(8);
    let mut wrote = vec![by];
    let mut moves = Vec::new();
    let work = |dice: &mut Dice, wrote: &mut Vec<Who>, moves: &mut Vec<Move>| {
        let by =
            if by != BOT && !fork && wrote.len() < 2 && dice.one_in(5) { dice.other_than(wrote) } else { wrote[0] };
        let with = (by != BOT && wrote.len() < 2 && dice.one_in(8)).then(|| dice.other_than(wrote));
        wrote.extend([Some(by), with].into_iter().flatten());
        moves.push(Move::Push { by, branch, commits: 1 + dice.below(3), author: None, with });
    };
    work(dice, &mut wrote, &mut moves);
    if dice.one_in(3) {
        work(dice, &mut wrote, &mut moves);
    }
    moves.push(Move::Open { by, branch, to: To::Main, fork });
    for _ in 0..dice.below(3) {
        match dice.below(6) {
            0 => moves.push(Move::Amend { by, branch }),
            1 if !fork => moves.push(Move::Update { by: dice.below(MEMBERS), branch }),
            2 if !fork && by != BOT => moves.push(Move::MergeIn { by, branch, other: None }),
            3 => moves.push(Move::Review { by: dice.other_than(&wrote), branch, say: Say::Comment, old: false }),
            4 => {
                let no = dice.other_than(&wrote);
                moves.push(Move::Review { by: no, branch, say: Say::No, old: false });
                work(dice, &mut wrote, &mut moves);
                if wrote.contains(&no) {
                    // They helped out: what they said they take back, and somebody else says yes.
                    moves.push(Move::SetAside { by: no, branch, of: no });
                } else {
                    moves.push(Move::Review { by: no, branch, say: Say::Yes, old: false });
                }
            }
            _ => work(dice, &mut wrote, &mut moves),
        }
    }
    let approver = dice.other_than(&wrote);
    moves.push(Move::Review { by: approver, branch, say: Say::Yes, old: false });
    if dice.one_in(6) {
        moves.push(Move::Review {
            by: GUEST,
            branch,
            say: if dice.one_in(2) { Say::Yes } else { Say::No },
            old: false,
        });
    }
    let merger = if dice.one_in(2) { approver } else { dice.below(MEMBERS) };
    moves.push(Move::Land { by: merger, branch, how: dice.how() });
    moves
}

/// Several lines of work beside each other, each in its own order.
fn interleaved(dice: &mut Dice, lines: Vec<Vec<Move>>) -> Vec<Move> {
    let mut lines: Vec<_> = lines.into_iter().map(|line| line.into_iter().peekable()).collect();
    let mut moves = Vec::new();
    while lines.iter_mut().any(|line| line.peek().is_some()) {
        let n = dice.below(lines.len());
        moves.extend(lines[n].next());
    }
    moves
}

/// The last two changes land together.
fn queue_two(moves: &mut Vec<Move>) {
    let landing = |m: &Move| matches!(m, Move::Land { .. });
    let Some(last) = moves.iter().rposition(landing) else { return };
    let Some(before) = moves[..last].iter().rposition(landing) else { return };
    if let (Move::Land { by, branch: first, how }, Move::Land { branch: second, .. }) = (moves[before], moves[last]) {
        moves[last] = Move::Queue { by, first, second, how };
        moves.remove(before);
    }
}

/// Somebody does what they should not, or something is left out.
fn spoil(dice: &mut Dice, moves: &mut Vec<Move>) {
    let at = dice.below(moves.len().max(1));
    let anybody = |dice: &mut Dice| dice.below(PEOPLE.len());
    let branch = dice.below(3);
    let by = anybody(dice);
    match dice.below(17) {
        0 if !moves.is_empty() => {
            moves.remove(at);
        }
        1 if !moves.is_empty() => {
            let other = dice.below(moves.len());
            moves.swap(at, other);
        }
        2 => moves.insert(at, Move::PushMain { by: dice.below(MEMBERS) }),
        3 => moves.insert(at, Move::PushOldHead { by: dice.below(MEMBERS), branch }),
        4 => {
            let beside = [Beside::Nothing, Beside::Before, Beside::After][dice.below(3)];
            replace_landing(dice, moves, |by, branch, forward| Move::LandByHand { by, branch, forward, beside });
        }
        5 => moves.insert(at, Move::Review { by, branch, say: Say::Yes, old: dice.one_in(2) }),
        6 => moves.insert(at, Move::Review { by, branch, say: Say::No, old: false }),
        7 => moves.insert(at, Move::SetAside { by: dice.below(MEMBERS), branch, of: anybody(dice) }),
        8 => moves.insert(at, Move::Update { by: dice.below(MEMBERS), branch }),
        9 => {
            let other = dice.below(3);
            moves.insert(at, Move::MergeIn { by: dice.below(MEMBERS), branch, other: Some(other) });
        }
        10 => moves.insert(at, Move::Amend { by: dice.below(MEMBERS), branch }),
        11 => {
            let author = dice.one_in(2).then(|| anybody(dice));
            moves.insert(
                at,
                Move::Push { by: dice.below(MEMBERS), branch, commits: 1 + dice.below(2), author, with: None },
            );
        }
        12 => moves.insert(at, Move::Retarget { by: dice.below(MEMBERS), branch, to: To::Main }),
        13 => {
            let to = To::Other(dice.below(3));
            moves.insert(at, Move::Open { by: dice.below(MEMBERS), branch, to, fork: dice.one_in(6) });
        }
        14 if dice.one_in(3) => moves.insert(at, Move::Close { branch }),
        15 => moves.insert(at, Move::Switch { on: dice.one_in(2) }),
        14 => moves.insert(at, Move::Protect { reviews: [None, Some(0), Some(1)][dice.below(3)] }),
        _ => {
            // Somebody else does it.
            if let Some(some) = moves.get_mut(at) {
                by_another(some, by);
            }
        }
    }
}

fn replace_landing(dice: &mut Dice, moves: &mut [Move], with: impl Fn(Who, Branch, bool) -> Move) {
    let landings: Vec<usize> = (0..moves.len()).filter(|n| matches!(moves[*n], Move::Land { .. })).collect();
    if let Some(n) = landings.get(dice.below(landings.len().max(1)))
        && let Move::Land { by, branch, .. } = moves[*n]
    {
        moves[*n] = with(by, branch, dice.one_in(2));
    }
}

fn by_another(some: &mut Move, who: Who) {
    match some {
        Move::Push { by, .. }
        | Move::Amend { by, .. }
        | Move::Update { by, .. }
        | Move::MergeIn { by, .. }
        | Move::Land { by, .. }
        | Move::Queue { by, .. }
        | Move::LandByHand { by, .. }
        | Move::PushMain { by }
        | Move::PushOldHead { by, .. }
            if who < MEMBERS =>
        {
            *by = who;
        }
        Move::Open { by, .. } | Move::Review { by, .. } | Move::SetAside { by, .. } => *by = who,
        _ => {}
    }
}
