//! Where a signal belongs: the releases that own one of its keys, the first rule deciding.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use certrail_domain::{BindRule, Facts, Key, Match, Product, Release, ReleaseId, Signal, decide, facts::Deployment};
use certrail_store::{
    StoreError, Tx,
    tables::{
        bindings,
        context::StoredRepository,
        graph, products,
        releases::{self, StoredRelease},
    },
};

use super::context;

/// Where a signal ended up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The bindings that decided.
    pub(crate) bound: Vec<(Arc<StoredRelease>, Match)>,
    /// The repository that it is context of.
    pub(crate) context: Option<StoredRepository>,
    /// Why it is unbound, if it is.
    pub(crate) unbound: Option<String>,
}

/// Finds the releases of a signal and says which decide; `told` is its entry.
pub(crate) fn place(tx: &Tx<'_>, signal: &Signal, told: u64) -> Result<Outcome, StoreError> {
    Places::new(tx).of(signal, told)
}

/// What comes of it for a signal where all that changed is what one release owns.
pub(super) enum Alone {
    /// It stays where it is.
    Nothing,
    /// It belongs to that release as well.
    Joins((Arc<StoredRelease>, Match)),
    /// All its releases have to be looked at.
    Unclear,
}

/// Finds the releases of many signals, reading each release and repository once.
pub(crate) struct Places<'a> {
    pub(super) tx: &'a Tx<'a>,
    releases: HashMap<i64, Arc<StoredRelease>>,
    of_repository: HashMap<String, Vec<Product>>,
    changes: context::States,
}

impl<'a> Places<'a> {
    pub(crate) fn new(tx: &'a Tx<'a>) -> Self {
        Self { tx, releases: HashMap::new(), of_repository: HashMap::new(), changes: HashMap::new() }
    }

    /// A release by its number, as it was when it was first asked for here.
    pub(crate) fn release(&mut self, seq: i64) -> Result<Option<Arc<StoredRelease>>, StoreError> {
        if let Some(known) = self.releases.get(&seq) {
            return Ok(Some(known.clone()));
        }
        let found = releases::by_seq(self.tx, seq)?.map(Arc::new);
        self.releases.extend(found.iter().map(|stored| (seq, stored.clone())));
        Ok(found)
    }

    /// The products that have a repository.
    fn products(&mut self, repository: &str) -> Result<&[Product], StoreError> {
        if !self.of_repository.contains_key(repository) {
            let found = products::of_repository(self.tx, repository)?;
            self.of_repository.insert(repository.to_owned(), found);
        }
        Ok(self.of_repository.get(repository).map(Vec::as_slice).unwrap_or_default())
    }

    /// Finds the releases of a signal and says which decide; `told` is its entry.
    pub(crate) fn of(&mut self, signal: &Signal, told: u64) -> Result<Outcome, StoreError> {
        let mut matches: Vec<Match> = Vec::new();
        let mut found: HashMap<ReleaseId, Arc<StoredRelease>> = HashMap::new();
        let mut concerned = None;
        // Each product for itself: that one owns what a signal names more exactly takes it away from no other.
        let mut best: HashMap<String, i64> = HashMap::new();
        let of_change = matches!(signal.facts, Facts::Change(_) | Facts::Review(_));
        let of_deployment = matches!(signal.facts, Facts::Deployment(_));
        for key in signal.keys().into_iter().filter(|key| !of_deployment || key.parts().0 != "cut") {
            for (seq, rank) in bindings::owners(self.tx, &key)? {
                let rule = rule_of(rank)?;
                let weight = rule.weight(of_change);
                // A weaker rule decides nothing any more.
                let product = self.release(seq)?.map(|stored| stored.release.product.clone()).unwrap_or_default();
                if best.get(&product).is_some_and(|best| weight > *best) {
                    continue;
                }
                let Some(stored) = self.may_have(signal, told, &key, seq, &mut concerned)? else { continue };
                best.insert(product, weight);
                matches.push(Match { rule, release: stored.release.id.clone(), key: key.clone() });
                found.insert(stored.release.id.clone(), stored);
            }
        }
        if let Facts::Deployment(Deployment { commit: Some(commit), .. }) = &signal.facts {
            for m in self.run_instead(signal, told, commit, &found, &matches)? {
                matches.push(m.1);
                found.insert(m.0.release.id.clone(), m.0);
            }
        }
        let mut of_products: BTreeMap<String, Vec<Match>> = BTreeMap::new();
        for m in matches {
            let product = found.get(&m.release).map(|stored| stored.release.product.clone()).unwrap_or_default();
            of_products.entry(product).or_default().push(m);
        }
        let mut deciding: Vec<Match> = of_products.into_values().flat_map(|all| decide(all, of_change)).collect();
        let context = context::of(self.tx, signal, &deciding, &mut self.changes)?;
        if context.is_some() {
            // On its way it is no more; what else it belongs to it still does.
            deciding.retain(|m| m.key.parts().0 != "target");
        }
        let unbound = (deciding.is_empty() && context.is_none()).then(|| reason(self.tx, signal)).transpose()?;
        let bound = deciding.into_iter().filter_map(|m| Some((found.get(&m.release)?.clone(), m))).collect();
        Ok(Outcome { bound, context, unbound })
    }

    /// The releases that are cut at the commit a deployment puts out, where it names others that are not: those went out, whatever
    /// it is called.
    fn run_instead(
        &mut self,
        signal: &Signal,
        told: u64,
        commit: &str,
        found: &HashMap<ReleaseId, Arc<StoredRelease>>,
        matches: &[Match],
    ) -> Result<Vec<(Arc<StoredRelease>, Match)>, StoreError> {
        let explicit = matches.iter().filter(|m| m.rule == BindRule::Explicit);
        let named: Vec<&Release> =
            explicit.filter_map(|m| found.get(&m.release)).map(|stored| &stored.release).collect();
        let mut instead = Vec::new();
        if named.is_empty() {
            return Ok(instead);
        }
        let key = Key::cut(commit);
        for (seq, _) in bindings::owners(self.tx, &key)? {
            let Some(stored) = self.may_have(signal, told, &key, seq, &mut None)? else { continue };
            let mut of_product = named.iter().filter(|r| r.product == stored.release.product).peekable();
            if of_product.peek().is_some() && of_product.all(|r| r.commit.as_deref().is_some_and(|cut| cut != commit)) {
                let m = Match { rule: BindRule::Explicit, release: stored.release.id.clone(), key: key.clone() };
                instead.push((stored, m));
            }
        }
        Ok(instead)
    }

    /// What comes of it for a signal that the keys of one release changed. Those of a long range belong to dozens of releases
    /// already, at which nobody has to look for it: one that decides as strongly stands beside them.
    pub(super) fn alone(&mut self, signal: &Signal, told: u64, seq: i64) -> Result<Alone, StoreError> {
        // What concerns a repository as a whole may be its context; what a deployment is of depends on all that it names.
        let of_deployment = matches!(signal.facts, Facts::Deployment(_));
        if of_deployment || signal.whole_repository().is_some() || bindings::is_bound(self.tx, seq, told)? {
            return Ok(Alone::Unclear);
        }
        // One of those that decided; what is on its way may be so no longer.
        let Some((rule, key)) =
            bindings::first_of_signal(self.tx, told, seq)?.filter(|(_, key)| key.parts().0 != "target")
        else {
            return Ok(Alone::Unclear);
        };
        let keys = signal.keys();
        if !keys.contains(&key) {
            return Ok(Alone::Nothing); // bound by hand: a person's word stands
        }
        let of_change = matches!(signal.facts, Facts::Change(_) | Facts::Review(_));
        let (mut matches, mut concerned) = (Vec::new(), None);
        for key in keys {
            let Some((rank, _)) = bindings::member(self.tx, seq, &key)? else { continue };
            if let Some(stored) = self.may_have(signal, told, &key, seq, &mut concerned)? {
                matches.push(Match { rule: rule_of(rank)?, release: stored.release.id.clone(), key });
            }
        }
        let Some(own) = decide(matches, of_change).pop() else { return Ok(Alone::Nothing) };
        match own.rule.weight(of_change).cmp(&rule.weight(of_change)) {
            Ordering::Less => Ok(Alone::Unclear),
            Ordering::Greater => Ok(Alone::Nothing),
            Ordering::Equal => {
                let stored = self.release(seq)?;
                let stored = stored.ok_or_else(|| StoreError::Damaged(format!("release {seq} is not there")))?;
                Ok(Alone::Joins((stored, own)))
            }
        }
    }

    /// A release, if a signal may speak of it by a key. `concerned` is the last one that was looked at: a release may be one of
    /// hundreds of one product, and what concerns one of them concerns the others.
    fn may_have(
        &mut self,
        signal: &Signal,
        told: u64,
        key: &Key,
        seq: i64,
        concerned: &mut Option<(Arc<StoredRelease>, bool)>,
    ) -> Result<Option<Arc<StoredRelease>>, StoreError> {
        let stored = self.release(seq)?.ok_or_else(|| StoreError::Damaged(format!("release {seq} is not there")))?;
        let concerns = match concerned {
            Some((other, concerns)) if other.release.product == stored.release.product => *concerns,
            _ => self.concerns(signal, told, &stored.release.product)?,
        };
        *concerned = Some((stored.clone(), concerns));
        Ok(if concerns && self.speaks_of(signal, key, &stored)? { Some(stored) } else { None })
    }

    /// Whoever speaks of some repositories only says nothing of a release that is cut from another, and of one that is not cut yet
    /// what concerns commits that were pushed to theirs. A forge speaks of code for the repository alone whose delivery it is:
    /// the same commit may lie in another one, where everybody may push and merge.
    fn speaks_of(&self, signal: &Signal, key: &Key, stored: &StoredRelease) -> Result<bool, StoreError> {
        let Release { commit, repository, product, .. } = &stored.release;
        let (kind, sha) = key.parts();
        let forge = signal.forge_repository().filter(|_| matches!(kind, "commit" | "cut"));
        let speaks = |name: &str| match forge {
            Some(own) => own.eq_ignore_ascii_case(name),
            None => signal.repositories.has(&name.to_ascii_lowercase()),
        };
        match (commit, repository) {
            _ if forge.is_none() && signal.repositories.is_all() => Ok(true),
            (Some(_), Some(repository)) => Ok(speaks(repository)),
            _ if kind == "commit" && (commit.is_none() || forge.is_some()) => {
                Ok(graph::pushed_to(self.tx, sha, product)?.iter().any(|(repository, _)| speaks(repository)))
            }
            _ => Ok(false),
        }
    }

    /// Nobody's word reaches further than they do, whatever keys it names; and what a forge tells of a repository concerns
    /// the products that have the repository, or had it when that was told, whatever commits others name.
    fn concerns(&mut self, signal: &Signal, told: u64, product: &str) -> Result<bool, StoreError> {
        if !signal.reach.has(product) {
            return Ok(false);
        }
        match signal.forge_repository() {
            Some(repository) if self.products(repository)?.iter().any(|p| p.name == product) => Ok(true),
            Some(repository) => products::had_since(self.tx, product, repository, told),
            None => Ok(true),
        }
    }
}

fn rule_of(rank: i64) -> Result<BindRule, StoreError> {
    BindRule::from_rank(rank).ok_or_else(|| StoreError::Damaged(format!("rank {rank}")))
}

/// Why nothing matches, as of now: the sentence in the unbound queue.
pub(crate) fn reason(tx: &Tx<'_>, signal: &Signal) -> Result<String, StoreError> {
    let keys = signal.keys();
    let repository = signal.source.split_once(':').map(|(_, rest)| rest);
    if let Some(repository) = repository.filter(|r| r.contains('/'))
        && products::of_repository(tx, repository)?.is_empty()
    {
        return Ok(format!("No product owns the repository {repository}."));
    }
    if keys.is_empty() {
        return Ok("It names no commit, artefact, change, run or release.".to_owned());
    }
    let shown: Vec<&str> =
        keys.iter().filter(|k| !k.is_broad() && k.parts().0 != "cut").take(3).map(Key::as_str).collect();
    Ok(match shown.is_empty() {
        true => "It concerns a branch without an open release.".to_owned(),
        // Whose they are is nobody's business whose word does not reach there.
        false if !signal.reach.is_all() || !signal.repositories.is_all() => {
            format!("No release that its sender may speak of owns {} yet.", shown.join(", "))
        }
        false => format!("No release owns {} yet.", shown.join(", ")),
    })
}
