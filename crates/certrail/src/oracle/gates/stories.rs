//! The shortest of the stories in which the product and the truth once differed, each kept as a test of its own.

use super::{
    moves::{ANNA, BEN, Move, Of, PRIYA, Place, Say, Story, Who},
    play, product,
};

/// Plays a story: it agrees with the truth.
fn agrees(moves: &[Move]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut on = runtime.block_on(product());
    let story = Story { seed: 1, honest: false, moves: moves.to_vec() };
    let played = runtime.block_on(play::play(&mut on, &story));
    assert!(played.judged > 0);
    assert!(played.differences.is_empty(), "{:#?}", played.differences);
    on.is_sound();
}

const fn sign(by: Who, say: Say) -> Move {
    Move::Sign { by, say, told: false }
}

/// Everything that is asked before somebody certifies it, but the signature.
fn evidence(artefacts: &[usize]) -> Vec<Move> {
    let mut moves = vec![
        Move::Test { ok: true, empty: false, here: true },
        Move::Coverage { enough: true, here: true },
        Move::Sast { days: 0, whole: true, here: true },
    ];
    for of in artefacts {
        moves.extend([Move::Sca { of: *of, days: 0, whole: true }, Move::Sbom { of: *of, empty: false }]);
        moves.push(Move::Deploy { of: *of, told: false, ok: true, to: Place::Staging });
    }
    moves.push(Move::Check { pages: true, ok: true });
    moves
}

fn then(mut before: Vec<Move>, more: &[Move]) -> Vec<Move> {
    before.extend_from_slice(more);
    before
}

const CERTIFY: Move = Move::Certify { by: ANNA };
const APPROVE: Move = Move::Approve { by: PRIYA, say: Say::Yes, told: false, to: Place::Production };
const GATE: Move = Move::Gate { to: Place::Production };

/// A no stands, whatever joins the release after it.
#[test]
fn a_no_to_a_build_stands_when_another_artefact_joins() {
    let no = [sign(BEN, Say::No), Move::Build { artefact: 1 }, sign(ANNA, Say::Yes), CERTIFY, APPROVE, GATE];
    agrees(&then(evidence(&[0, 1]), &no));
    // Whoever said no says yes to what is there now.
    let back = [sign(BEN, Say::No), Move::Build { artefact: 1 }, sign(BEN, Say::Yes), CERTIFY, APPROVE, GATE];
    agrees(&then(evidence(&[0, 1]), &back));
}

/// An exception covers what the release was made of when it was granted.
#[test]
fn an_exception_covers_no_artefact_that_joined_since() {
    let listed = |of: Of, more: &[Move]| {
        let mut moves = evidence(&[0, 1]);
        moves.retain(|m| of != Of::Sbom || !matches!(m, Move::Sbom { .. }));
        moves.extend([Move::Ask { by: ANNA, of }, Move::Grant { by: PRIYA }, Move::Build { artefact: 1 }]);
        moves.extend_from_slice(more);
        agrees(&moves);
    };
    listed(Of::Sbom, &[sign(BEN, Say::Yes), CERTIFY, APPROVE, GATE]);
    listed(Of::SignOff, &[CERTIFY, APPROVE, GATE]);
}
