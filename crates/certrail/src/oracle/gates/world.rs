//! What is true of a release on its way out, by rules as simple as the sentences of the criteria, written down without looking
//! at how the product works it out. In words for everybody: `docs/explanation/oracle.md`.

use std::collections::{BTreeMap, BTreeSet};

use certrail_domain::Time;

use super::moves::{ANNA, Artefact, BEN, DANA, Hat, Of, PRIYA, Place, Say, Who};

/// What somebody said last of a build, and how.
struct Word {
    say: Say,
    build: BTreeSet<Artefact>,
    at: Time,
}

/// A scan, by when it was made.
#[derive(Clone, Copy)]
struct Scan {
    made: Time,
    whole: bool,
}

/// An exception that was asked for.
struct Exception {
    of: Of,
    by: Who,
    ends: Time,
    /// When it was granted, and what the release was made of then.
    granted: Option<(Time, BTreeSet<Artefact>)>,
}

/// The release, its evidence, and what people said of it.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) hats: [Hat; 4],
    pub(super) build: BTreeSet<Artefact>,
    /// When each artefact joined it.
    joined: BTreeMap<Artefact, Time>,
    /// Whether the newest run of the suite on this commit passed, and when it was heard.
    test: Option<(bool, Time)>,
    coverage: Option<(bool, Time)>,
    /// The newest search of the source, and when it was heard.
    sast: Option<(Scan, Time)>,
    sca: BTreeMap<Artefact, Scan>,
    /// Whether the newest list of an artefact's parts names any, and when it was heard.
    sbom: BTreeMap<Artefact, (bool, Time)>,
    signed: BTreeMap<Who, Word>,
    approved: BTreeMap<(Who, Place), Word>,
    /// A no that was told with somebody's token stands until they say otherwise: of the build, or of going somewhere.
    told_no: BTreeMap<(Who, Option<Place>), Time>,
    exceptions: Vec<Exception>,
    /// What went to staging, in order.
    staged: Vec<(Artefact, Time)>,
    /// What was looked at there: the pages or the payments, and whether it worked.
    checked: Vec<(bool, bool, Time)>,
    /// What was decided: whether it is certified, what it was made of, and when.
    decided: Vec<(bool, BTreeSet<Artefact>, Time)>,
    /// The tag names another commit now.
    pub(super) tag_moved: bool,
    pub(super) ungated: bool,
}

impl World {
    pub(super) fn new(now: Time) -> Self {
        Self {
            now,
            hats: [Hat::Manager, Hat::Manager, Hat::Approver, Hat::Approver],
            build: BTreeSet::from([0]),
            joined: BTreeMap::from([(0, now)]),
            test: None,
            coverage: None,
            sast: None,
            sca: BTreeMap::new(),
            sbom: BTreeMap::new(),
            signed: BTreeMap::new(),
            approved: BTreeMap::new(),
            told_no: BTreeMap::new(),
            exceptions: Vec::new(),
            staged: Vec::new(),
            checked: Vec::new(),
            decided: Vec::new(),
            tag_moved: false,
            ungated: false,
        }
    }

    /// An artefact joins it; whether it had not before.
    pub(super) fn joins(&mut self, artefact: Artefact) -> bool {
        self.joined.entry(artefact).or_insert(self.now);
        self.build.insert(artefact)
    }

    pub(super) fn tested(&mut self, ok: bool) {
        self.test = Some((ok, self.now));
    }

    pub(super) fn covered(&mut self, enough: bool) {
        self.coverage = Some((enough, self.now));
    }

    pub(super) fn searched(&mut self, days: i64, whole: bool) {
        let scan = Scan { made: self.now.plus(-days * Time::DAY), whole };
        if self.sast.is_none_or(|(known, _)| known.made <= scan.made) {
            self.sast = Some((scan, self.now));
        }
    }

    pub(super) fn scanned(&mut self, of: Artefact, days: i64, whole: bool) {
        let scan = Scan { made: self.now.plus(-days * Time::DAY), whole };
        let newest = self.sca.entry(of).or_insert(scan);
        if scan.made >= newest.made {
            *newest = scan;
        }
    }

    pub(super) fn listed(&mut self, of: Artefact, empty: bool) {
        self.sbom.insert(of, (!empty, self.now));
    }

    /// Somebody signed it off, or said no, in a session of their own or told with a token of theirs.
    pub(super) fn signs(&mut self, by: Who, say: Say, told: bool) {
        self.says(by, say, told, None);
    }

    /// Somebody said whether it may go to a region of production.
    pub(super) fn approves(&mut self, by: Who, say: Say, told: bool, to: Place) {
        self.says(by, say, told, Some(to));
    }

    fn says(&mut self, by: Who, say: Say, told: bool, to: Option<Place>) {
        // Whatever somebody says of themselves later ends what was told before; a yes that was told is none.
        match (told, say) {
            (true, Say::No) => drop(self.told_no.insert((by, to), self.now)),
            _ => drop(self.told_no.remove(&(by, to))),
        }
        let word = Word { say, build: self.build.clone(), at: self.now };
        // Taking back what one said oneself is bad news, and counts however it is told.
        if !told || say == Say::Back {
            match to {
                Some(to) => drop(self.approved.insert((by, to), word)),
                None => drop(self.signed.insert(by, word)),
            }
        }
    }

    pub(super) fn may_sign(&self, by: Who) -> bool {
        self.hats[by] != Hat::Viewer
    }

    pub(super) fn may_approve(&self, by: Who) -> bool {
        self.hats[by] == Hat::Approver
    }

    pub(super) fn asks(&mut self, by: Who, of: Of) {
        self.exceptions.push(Exception { of, by, ends: self.now.plus(10 * Time::DAY), granted: None });
    }

    /// Whether somebody may grant the newest exception: another than who asked, and no author.
    pub(super) fn may_grant(&self, by: Who) -> bool {
        self.exceptions.last().is_some_and(|e| {
            e.granted.is_none() && e.by != by && by != DANA && self.hats[by] == Hat::Approver && self.now < e.ends
        })
    }

    pub(super) fn grants(&mut self) {
        let (now, build) = (self.now, self.build.clone());
        if let Some(newest) = self.exceptions.last_mut() {
            newest.granted = Some((now, build));
        }
    }

    /// Whether somebody may certify it now.
    pub(super) fn may_certify(&self, by: Who) -> bool {
        // What joined it since it was certified is certified anew.
        let again = self.decided.last().is_none_or(|(yes, build, _)| !yes || !self.build.is_subset(build));
        self.hats[by] == Hat::Manager && by != DANA && again && self.is_good()
    }

    pub(super) fn may_reject(&self, by: Who) -> bool {
        self.hats[by] == Hat::Manager && self.decided.last().is_none_or(|(yes, ..)| *yes)
    }

    pub(super) fn decides(&mut self, yes: bool) {
        self.decided.push((yes, self.build.clone(), self.now));
    }

    /// An artefact runs somewhere from now on.
    pub(super) fn deployed(&mut self, of: Artefact, to: Place) {
        if to == Place::Staging {
            self.staged.push((of, self.now));
            return;
        }
        let certified = self.decided.last().is_some_and(|(yes, build, _)| *yes && build.contains(&of));
        self.ungated |= !certified;
    }

    /// Somebody looked at what runs on staging.
    pub(super) fn looked(&mut self, pages: bool, ok: bool) {
        self.checked.push((pages, ok, self.now));
    }

    /// Whether it may go to a place: everything that is asked there holds, and to production, it is certified as it is, and somebody
    /// allowed it.
    pub(super) fn may_go(&self, to: Place) -> bool {
        if to == Place::Staging {
            return self.is_sound();
        }
        let certified = self.decided.last().is_some_and(|(yes, build, _)| *yes && self.build.is_subset(build));
        self.is_good() && certified && self.is_allowed(to)
    }

    /// An approver who wrote none of it allowed exactly this to go there within a week, after whatever was decided against it, and
    /// nobody's no stands.
    fn is_allowed(&self, to: Place) -> bool {
        let no = self.approved.iter().any(|((_, place), word)| *place == to && word.say == Say::No);
        let told_no = self.told_no.keys().any(|(_, place)| *place == Some(to));
        let against = self.decided.iter().rev().find(|(yes, ..)| !yes).map(|(.., at)| *at);
        let yes = [ANNA, PRIYA, BEN].iter().filter_map(|who| self.approved.get(&(*who, to))).any(|word| {
            word.say == Say::Yes
                && self.build.is_subset(&word.build)
                && self.now.since(word.at) <= 7 * Time::DAY
                && against.is_none_or(|against| against < word.at)
        });
        yes && !no && !told_no
    }

    /// Everything that is asked of it before somebody certifies it.
    fn is_good(&self) -> bool {
        !self.tag_moved && self.is_sound() && self.is_signed() && self.is_tried()
    }

    /// On staging runs something of this, and whatever joined it later; of what runs there the newest look at each thing, until
    /// something else took its place, found that it works, and somebody looked within a day.
    fn is_tried(&self) -> bool {
        let own = || self.staged.iter().filter(|(of, _)| self.build.contains(of));
        let Some((_, newest)) = own().next_back() else { return false };
        let of = |artefact: &Artefact| own().rfind(|(of, _)| of == artefact);
        let whole = self.build.iter().all(|artefact| of(artefact).is_some() || self.joined[artefact] <= *newest);
        whole
            && self.build.iter().filter_map(of).all(|(artefact, since)| {
                let replaces =
                    |(of, at): &&(Artefact, Time)| at > since && (of == artefact || !self.build.contains(of));
                let until = self.staged.iter().find(replaces).map(|(_, at)| *at);
                let there = |(.., at): &&(bool, bool, Time)| at >= since && until.is_none_or(|until| *at < until);
                let looks: Vec<&(bool, bool, Time)> = self.checked.iter().filter(there).collect();
                let newest =
                    |pages: bool| looks.iter().rev().find(|(of, ..)| *of == pages).is_none_or(|(_, ok, _)| *ok);
                let soon = looks.iter().any(|(_, ok, at)| *ok && at.since(*since) <= Time::DAY);
                newest(true) && newest(false) && soon
            })
    }

    /// What is known of it without anybody's word.
    fn is_sound(&self) -> bool {
        self.is_tested()
            && self.is_covered()
            && self.is_searched()
            && self.is_scanned()
            && self.is_listed()
            && self.exceptions_are_in_order()
    }

    fn is_tested(&self) -> bool {
        self.test.is_some_and(|(ok, _)| ok) || self.is_excused(Of::Tests, self.test.map(|(_, heard)| heard))
    }

    fn is_covered(&self) -> bool {
        self.coverage.is_some_and(|(enough, _)| enough)
            || self.is_excused(Of::Coverage, self.coverage.map(|(_, heard)| heard))
    }

    fn is_searched(&self) -> bool {
        let fresh = |scan: &Scan| scan.whole && self.now.since(scan.made) <= 30 * Time::DAY;
        self.sast.is_some_and(|(scan, _)| fresh(&scan)) || self.is_excused(Of::Sast, self.sast.map(|(_, heard)| heard))
    }

    fn is_scanned(&self) -> bool {
        let fresh = |scan: &Scan| scan.whole && self.now.since(scan.made) <= 3 * Time::DAY;
        self.build.iter().all(|artefact| self.sca.get(artefact).is_some_and(fresh))
    }

    fn is_listed(&self) -> bool {
        self.build.iter().all(|artefact| {
            let known = self.sbom.get(artefact);
            known.is_some_and(|(any, _)| *any)
                || self.is_excused_for(Of::Sbom, known.map(|(_, heard)| *heard), &BTreeSet::from([*artefact]))
        })
    }

    /// Somebody who wrote none of it signed exactly this, and nobody's no stands.
    fn is_signed(&self) -> bool {
        let said = self.signed.values().filter(|word| word.say == Say::No).map(|word| word.at);
        let told = self.told_no.iter().filter(|((_, to), _)| to.is_none()).map(|(_, at)| *at);
        let no = said.chain(told).max();
        let mut yes = [ANNA, PRIYA, BEN].iter().filter_map(|who| self.signed.get(who));
        let yes = yes.any(|word| word.say == Say::Yes && self.build.is_subset(&word.build));
        yes && no.is_none() || self.is_excused_for(Of::SignOff, no, &self.build)
    }

    fn is_excused(&self, of: Of, heard: Option<Time>) -> bool {
        self.is_excused_for(of, heard, &BTreeSet::new())
    }

    /// Whether an exception covers what does not hold: it stands, nothing of it was heard since it was granted, and what it is
    /// about was part of the release then.
    fn is_excused_for(&self, of: Of, heard: Option<Time>, about: &BTreeSet<Artefact>) -> bool {
        self.exceptions.iter().filter(|e| e.of == of && self.now < e.ends).any(|e| {
            e.granted
                .as_ref()
                .is_some_and(|(at, build)| heard.is_none_or(|heard| heard <= *at) && about.is_subset(build))
        })
    }

    /// Every exception that was granted stands, or another one does in its place.
    fn exceptions_are_in_order(&self) -> bool {
        let stands = |e: &Exception| e.granted.is_some() && self.now < e.ends;
        let granted = self.exceptions.iter().filter(|e| e.granted.is_some());
        granted.clone().all(|e| stands(e) || granted.clone().any(|other| other.of == e.of && stands(other)))
    }
}
