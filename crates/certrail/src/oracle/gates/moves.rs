//! What happens to a release between its cut and production, and how stories of it are made: honest ones, and those in which
//! somebody cheats or something goes wrong.

use super::super::moves::Dice;

/// Somebody in the story, by number.
pub(super) type Who = usize;
/// An artefact, by number. Those of another build have high ones.
pub(super) type Artefact = usize;

/// Wrote the commit, and is a release manager besides.
pub(super) const DANA: Who = 0;
pub(super) const ANNA: Who = 1;
pub(super) const PRIYA: Who = 2;
pub(super) const BEN: Who = 3;
pub(super) const PEOPLE: [&str; 4] = ["dana", "anna", "priya", "ben"];

/// What somebody may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hat {
    Viewer,
    Manager,
    Approver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Yes,
    No,
    Back,
}

/// Where something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Production,
    /// Another region of production.
    Eu,
    Staging,
}

impl Place {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Eu => "prod-eu",
            Self::Staging => "staging",
        }
    }

    fn any(dice: &mut Dice) -> Self {
        [Self::Production, Self::Eu, Self::Staging][dice.below(3)]
    }
}

/// A requirement that somebody may ask an exception to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Tests,
    Coverage,
    Sast,
    Sbom,
    SignOff,
}

impl Of {
    const ALL: [Self; 5] = [Self::Tests, Self::Coverage, Self::Sast, Self::Sbom, Self::SignOff];

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Coverage => "coverage",
            Self::Sast => "sast",
            Self::Sbom => "sbom",
            Self::SignOff => "sign-off",
        }
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// An artefact joins the release.
    Build { artefact: Artefact },
    /// The suite ran, on the commit of the release or on another.
    Test { ok: bool, empty: bool, here: bool },
    /// Coverage was measured, on the commit of the release or on another.
    Coverage { enough: bool, here: bool },
    /// The source was searched so many days ago, as a whole or not.
    Sast { days: i64, whole: bool, here: bool },
    /// An artefact was.
    Sca { of: Artefact, days: i64, whole: bool },
    /// The parts of an artefact were listed.
    Sbom { of: Artefact, empty: bool },
    /// Somebody signs the build off, in a session of theirs or with a token.
    Sign { by: Who, say: Say, told: bool },
    /// Somebody says whether it may go to a region of production.
    Approve { by: Who, say: Say, told: bool, to: Place },
    /// Somebody asks for an exception; it would end in ten days.
    Ask { by: Who, of: Of },
    /// Somebody grants the one that was asked for last.
    Grant { by: Who },
    /// Somebody certifies it.
    Certify { by: Who },
    /// Somebody rejects it, or withdraws its certification.
    Against { by: Who },
    /// An artefact goes somewhere; a pipeline tells, or the forge.
    Deploy { of: Artefact, told: bool, ok: bool, to: Place },
    /// What runs on staging is looked at: the pages, or the payments.
    Check { pages: bool, ok: bool },
    /// The gate of a place is asked.
    Gate { to: Place },
    /// The tag of the release is put at its commit, or at another one.
    Tag { here: bool },
    /// Time passes.
    Wait { days: i64 },
    /// An admin gives somebody another role.
    Wear { who: Who, hat: Hat },
}

/// A story of a seed: every other one is honest.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) honest: bool,
    pub(super) moves: Vec<Move>,
}

pub(super) fn story(seed: u64) -> Story {
    let mut dice = Dice::new(seed ^ 0x0dd_ba11);
    let honest = seed.is_multiple_of(2);
    let mut moves = honest_release(&mut dice);
    if !honest {
        for _ in 0..1 + dice.below(4) {
            spoil(&mut dice, &mut moves);
        }
        moves.push(Move::Gate { to: Place::any(&mut dice) });
        moves.push(Move::Gate { to: Place::Production });
    }
    Story { seed, honest, moves }
}

/// A release as people make it who do what they should.
fn honest_release(dice: &mut Dice) -> Vec<Move> {
    let artefacts = 1 + dice.below(2);
    let mut moves: Vec<Move> = (1..artefacts).map(|artefact| Move::Build { artefact }).collect();
    let mut evidence = vec![];
    let excused = dice.one_in(4).then(|| Of::ALL[dice.below(5)]);
    if excused != Some(Of::Tests) {
        if dice.one_in(4) {
            evidence.push(Move::Test { ok: false, empty: false, here: true });
        }
        evidence.push(Move::Test { ok: true, empty: false, here: true });
    } else if dice.one_in(2) {
        evidence.push(Move::Test { ok: false, empty: false, here: true });
    }
    if excused != Some(Of::Coverage) {
        evidence.push(Move::Coverage { enough: true, here: true });
    } else if dice.one_in(2) {
        evidence.push(Move::Coverage { enough: false, here: true });
    }
    if excused != Some(Of::Sast) {
        evidence.push(Move::Sast { days: dice.below(20) as i64, whole: true, here: true });
    }
    for of in 0..artefacts {
        evidence.push(Move::Sca { of, days: 0, whole: true });
        if excused != Some(Of::Sbom) {
            evidence.push(Move::Sbom { of, empty: false });
        }
    }
    // Runs that were sent twice, and of other commits, change nothing.
    if dice.one_in(4) {
        evidence.insert(0, Move::Test { ok: dice.one_in(2), empty: false, here: false });
    }
    if dice.one_in(3) {
        evidence.push(Move::Tag { here: true });
    }
    moves.append(&mut evidence);
    if dice.one_in(3) && excused.is_none() {
        moves.push(Move::Gate { to: Place::Staging });
    }
    moves.extend((0..artefacts).map(|of| Move::Deploy { of, told: dice.one_in(2), ok: true, to: Place::Staging }));
    if dice.one_in(4) {
        moves.push(Move::Check { pages: true, ok: false });
    }
    moves.push(Move::Check { pages: true, ok: true });
    if dice.one_in(2) {
        moves.push(Move::Check { pages: false, ok: true });
    }
    if let Some(of) = excused {
        moves.push(Move::Ask { by: ANNA, of });
        moves.push(Move::Grant { by: PRIYA });
    }
    if excused != Some(Of::SignOff) {
        let by = [ANNA, PRIYA, BEN][dice.below(3)];
        if dice.one_in(5) {
            moves.push(Move::Sign { by, say: Say::No, told: false });
        }
        moves.push(Move::Sign { by, say: Say::Yes, told: false });
    }
    moves.push(Move::Certify { by: ANNA });
    if dice.one_in(6) {
        moves.push(Move::Against { by: ANNA });
        moves.push(Move::Certify { by: ANNA });
    }
    let approver = [PRIYA, BEN][dice.below(2)];
    let to = if dice.one_in(3) { Place::Eu } else { Place::Production };
    let approve = Move::Approve { by: approver, say: Say::Yes, told: false, to };
    moves.push(approve);
    moves.push(Move::Gate { to });
    let out: Vec<Move> = (0..artefacts).map(|of| Move::Deploy { of, told: dice.one_in(2), ok: true, to }).collect();
    if dice.one_in(2) {
        if dice.one_in(4) {
            moves.push(Move::Deploy { of: 0, told: false, ok: false, to });
        }
        moves.extend(out.clone());
        if dice.one_in(2) {
            // Days later it goes out again.
            moves.push(Move::Wait { days: 8 });
            moves.extend((0..artefacts).map(|of| Move::Sca { of, days: 0, whole: true }));
            moves.push(approve);
            moves.push(Move::Gate { to });
            moves.extend(out);
        }
    }
    moves
}

/// Somebody does what they should not, or something is left out.
fn spoil(dice: &mut Dice, moves: &mut Vec<Move>) {
    let at = dice.below(moves.len().max(1));
    let who = dice.below(PEOPLE.len());
    let say = [Say::Yes, Say::No, Say::Back][dice.below(3)];
    let artefact = [0, 1, 2, 7][dice.below(4)];
    let here = !dice.one_in(3);
    let to = Place::any(dice);
    let some = match dice.below(22) {
        0 if !moves.is_empty() => {
            moves.remove(at);
            return;
        }
        1 if moves.len() > 1 => {
            let other = dice.below(moves.len());
            moves.swap(at, other);
            return;
        }
        2 => {
            for one in moves.iter_mut() {
                by_another(one, who);
            }
            return;
        }
        3 => Move::Build { artefact: 1 + dice.below(2) },
        4 => Move::Test { ok: dice.one_in(2), empty: dice.one_in(3), here },
        5 => Move::Coverage { enough: dice.one_in(2), here },
        6 => Move::Sast { days: [0, 10, 29, 31, 60][dice.below(5)], whole: !dice.one_in(3), here },
        7 => Move::Sca { of: artefact, days: [0, 2, 4][dice.below(3)], whole: !dice.one_in(3) },
        8 => Move::Sbom { of: artefact, empty: dice.one_in(2) },
        9 => Move::Sign { by: who, say, told: dice.one_in(2) },
        10 => {
            let to = if to == Place::Staging { Place::Production } else { to };
            Move::Approve { by: who, say, told: dice.one_in(2), to }
        }
        11 => Move::Ask { by: who, of: Of::ALL[dice.below(5)] },
        12 => Move::Grant { by: who },
        13 => Move::Certify { by: who },
        14 => Move::Against { by: who },
        15 | 20 => Move::Deploy { of: artefact, told: dice.one_in(2), ok: !dice.one_in(3), to },
        16 => Move::Gate { to },
        21 => Move::Check { pages: dice.one_in(2), ok: dice.one_in(2) },
        18 => Move::Tag { here: dice.one_in(3) },
        17 => Move::Wait { days: [1, 3, 6, 9, 15, 40][dice.below(6)] },
        _ => Move::Wear { who, hat: [Hat::Viewer, Hat::Manager, Hat::Approver][dice.below(3)] },
    };
    moves.insert(at, some);
}

fn by_another(some: &mut Move, who: Who) {
    match some {
        Move::Sign { by, .. } | Move::Approve { by, .. } | Move::Certify { by } | Move::Grant { by } => *by = who,
        _ => {}
    }
}
