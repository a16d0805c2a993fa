//! What entries tell of other tables: products, people, criteria, exceptions, gates, decisions, dossiers, tokens.
//! Each entry made a row that says the same, and no row was made by none.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use certrail_domain::{
    DecidedAgainst, FindingDecision, FindingId, RepositoryName, SettingsChange, SettingsState, Time,
};
use certrail_ledger::{dsse::Envelope, hex, life::Life};
use certrail_store::{
    StoreError,
    tables::{
        audit::{self, Table},
        connectors, criteria, decisions, dossiers, finding_decisions, findings,
        log::{self, Act},
        people, products, releases,
        signals::StoredSignal,
    },
};
use data_encoding::BASE64;
use serde_json::Value;

use super::{
    Check, FsckStage, bindings::Bound, context::Repositories, evaluations::Evaluated, findings::Findings,
    history::History, links::Links, records, releases::Folded, surplus,
};
use crate::{EpochBegan, decision};

/// Everything the log told on the way from its first entry to its last.
#[derive(Default)]
pub(super) struct Told {
    /// How many rows each table should have.
    rows: BTreeMap<Table, u64>,
    /// The newest state of each person and exception, by the entry that told it.
    newest: BTreeMap<(Table, String), u64>,
    products: BTreeMap<String, String>,
    /// The criteria that were in force, and the newest change of settings that took effect.
    sets: BTreeSet<String>,
    applied: Option<(u64, String)>,
    /// The lives that entries began.
    lives: Vec<Life>,
    /// Signed statements, by entry.
    envelopes: BTreeMap<u64, String>,
    /// Tokens that were made, as their entries tell.
    tokens: BTreeMap<String, Value>,
    revoked: BTreeSet<String>,
    /// The entries between which the time is uncertain.
    doubts: Vec<(u64, Option<u64>)>,
    /// The entries with which clock eras began, and when that was.
    eras: Vec<(u64, Time)>,
    /// When the newest entry was received, and whether an era of the clock begins with it.
    newest_receipt: Time,
    era: bool,
    bound: Bound,
    repositories: Repositories,
    links: Links,
    history: History,
    releases: Folded,
    evaluated: Vec<Evaluated>,
    findings: Findings,
    /// What forges called their repositories, as kept.
    names: HashSet<(RepositoryName, u64)>,
}

impl Told {
    /// Nothing told yet, beside the names of repositories that are kept.
    pub(super) fn beside(names: Vec<(RepositoryName, u64)>) -> Self {
        Self { names: names.into_iter().collect(), ..Self::default() }
    }

    fn count(&mut self, table: Table, rows: u64) {
        *self.rows.entry(table).or_default() += rows;
    }

    /// A signal was captured.
    pub(super) fn signal(&mut self, check: &mut Check<'_>, index: u64, signal: &StoredSignal, labels: &[String]) {
        self.count(Table::Signal, 1);
        self.count(Table::Subject, records::subjects(signal).len() as u64);
        self.links.told(&signal.signal);
        self.history.told(&signal.signal);
        let of_releases = self.repositories.arrived(check, signal, labels);
        self.bound.arrived(index, &of_releases);
        if let Err(e) = self.findings.signal(check, index, signal) {
            check.report.fault(format!("The findings of entry {index} cannot be compared: {e}."));
        }
    }

    /// More labels of an entry: of a signal, or of something else that was done.
    pub(super) fn labels(&mut self, check: &mut Check<'_>, index: u64, of: u64, labels: &[String]) {
        if of >= index {
            check.report.fault(format!("Entry {index} has labels of an entry that is not before it."));
        } else if self.bound.has_arrived(of) {
            self.bound.arrived(of, labels);
        }
    }

    /// An entry was received: never before the one before it, but where a new era of the clock begins.
    pub(super) fn received(&mut self, check: &mut Check<'_>, index: u64, at: Time) {
        if at < self.newest_receipt && !std::mem::take(&mut self.era) {
            check.report.fault(format!("Entry {index} was received before the entry before it."));
        }
        self.era = false;
        self.newest_receipt = at;
    }

    /// A decision was signed.
    pub(super) fn envelope(&mut self, act: &Act) {
        self.envelopes.insert(act.log_index, act.document.clone());
    }

    /// Something else was done.
    pub(super) fn act(&mut self, check: &mut Check<'_>, act: &Act, labels: &[String]) -> Result<(), StoreError> {
        let index = act.log_index;
        let Ok(doc) = serde_json::from_str::<Value>(&act.document) else {
            check.report.fault(format!("The document of entry {index} ({}) cannot be read.", act.act));
            return Ok(());
        };
        let text = |name: &str| doc[name].as_str().unwrap_or_default().to_owned();
        match act.act.as_str() {
            "product" => {
                self.state(check, Table::Product, act, text("name"), "")?;
                self.products.insert(text("name"), act.document.clone());
                self.findings.product(&act.document);
                self.history.product(&act.document);
            }
            "person" => self.state(check, Table::Person, act, text("id"), "")?,
            "criteria" => {
                self.count(Table::Criteria, 1);
                let key = format!("criteria:{}", text("name"));
                if !self.sets.insert(key.clone()) && self.applied != Some((index.saturating_sub(1), key)) {
                    check.report.fault(format!(
                        "Entry {index} changed the criteria {}, and nobody decided that.",
                        text("name")
                    ));
                }
                let same = criteria::brought_by(check.tx, index)?.is_some_and(|c| {
                    hex(&c.digest) == doc["sha256"]
                        && c.text == doc["text"]
                        && c.name == doc["name"]
                        && c.version == doc["version"]
                });
                differs(check, same, "criteria set", index);
            }
            EpochBegan::ACT => match serde_json::from_value::<EpochBegan>(doc) {
                Ok(began) if began.life.kept == index => self.lives.push(began.life),
                _ => check.report.fault(format!("Entry {index} tells of a life of the log that began elsewhere.")),
            },
            "gate-asked" => {
                self.count(Table::GateAsk, 1);
                let decided_at: Option<Time> = serde_json::from_value(doc["decided_at"].clone()).ok();
                let asked = decided_at.map_or(0, Time::as_micros);
                let answer = if doc["allow"] == true { "allow" } else { "deny" };
                let ask = decisions::ask_at(check.tx, index)?;
                let same = ask.as_ref().is_some_and(|a| {
                    self.releases.is_about(&a.release, labels)
                        && a.asked == asked
                        && a.gate == doc["gate"]
                        && a.answer == answer
                        && a.actor == act.actor
                        && hex(&a.evaluation) == doc["evaluation"]
                });
                differs(check, same, "question to a gate", index);
                self.evaluated.push(Evaluated { entry: index, digest: text("evaluation") });
            }
            crate::certify::REFUSED => self.evaluated.push(Evaluated { entry: index, digest: text("evaluation") }),
            decision::CERTIFIED => {
                self.releases.certified(act, labels);
                self.decided(check, act, &doc, labels, (decision::CERTIFICATION, "PASSED"))?;
            }
            decision::AGAINST => match serde_json::from_value::<DecidedAgainst>(doc["against"].clone()) {
                Ok(against) => {
                    let kind = against.kind();
                    self.releases.rejected(act, labels, against);
                    self.decided(check, act, &doc, labels, (kind, "FAILED"))?;
                }
                Err(_) => check.report.fault(format!("The document of entry {index} ({}) cannot be read.", act.act)),
            },
            "dossier-made" => {
                self.count(Table::Dossier, 1);
                let number = doc["number"].as_u64().unwrap_or(0);
                let same = dossiers::get(check.tx, &text("release"), number)?.is_some_and(|d| {
                    d.log_index == index
                        && hex(&d.json) == doc["json"]
                        && d.pdf.as_ref().map_or(Value::Null, |pdf| hex(pdf).into()) == doc["pdf"]
                        && d.made == act.received
                        && d.maker == act.actor
                });
                differs(check, same, "dossier", index);
                for face in ["json", "pdf"] {
                    if doc[face].is_string() && records::bytes_of(check, index, &text(face))?.is_none() {
                        let face = face.to_uppercase();
                        check
                            .report
                            .fault(format!("The {face} of the dossier of entry {index} is not here as it was made."));
                    }
                }
            }
            crate::tokens::MADE => {
                self.count(Table::Token, 1);
                self.tokens.insert(text("id"), doc);
            }
            crate::tokens::ENDED => {
                let ids = doc["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
                self.revoked.extend(ids.map(str::to_owned));
            }
            crate::bind::context::KNOWN => self.repositories.known(check, act, &doc),
            "rebind" | "bound-by-hand" => self.bound.moved(check, act, &doc),
            other if other.starts_with("exception-") => {
                let scope = doc["scope"]["release"].as_str().unwrap_or_default();
                self.state(check, Table::Exception, act, text("id"), scope)?;
            }
            other if other.starts_with(crate::change_settings::ACT) => {
                let told: Option<SettingsChange> = serde_json::from_value(doc).ok();
                if let Some(change) = told.as_ref().filter(|c| c.state == SettingsState::Applied) {
                    self.applied = Some((index, change.settings.key()));
                }
                let (id, of) = told.map(|c| (c.id.to_string(), c.settings.key())).unwrap_or_default();
                self.state(check, Table::SettingsChange, act, id, &of)?;
            }
            other if other.starts_with("release-") => self.releases.told(check, act, &doc),
            crate::clock_era::DOUBTED => self.doubts.push((index, None)),
            crate::clock_era::BELIEVED => {
                if let Some(last) = self.doubts.last_mut() {
                    last.1 = Some(index);
                }
            }
            crate::clock_era::ERA => {
                self.era = true;
                let began = serde_json::from_value(doc["now"].clone()).unwrap_or_default();
                self.eras.push((index, began));
            }
            "recovered" | crate::trust::TRUST => {}
            crate::connectors::PUT => self.state(check, Table::Connector, act, text("id"), "")?,
            crate::connectors::SECRET => {
                self.count(Table::ConnectorSecret, 1);
                let same = (text("secret"), text("connector"), index);
                differs(check, connectors::secrets(check.tx)?.contains(&same), "secret of a connector", index);
            }
            crate::connectors::NAMED => {
                self.count(Table::RepositoryName, 1);
                let told: Option<RepositoryName> = serde_json::from_value(doc).ok();
                let same = told.is_some_and(|told| self.names.contains(&(told, index)));
                differs(check, same, "name of a repository", index);
            }
            crate::track::MOVED => self.findings.moved(check, index, &doc),
            crate::track::TAKEN_IN => self.findings.taken_in(index, &doc, true),
            crate::track::NOT_TAKEN_IN => self.findings.taken_in(index, &doc, false),
            crate::decide_finding::ENDED => self.findings.ended(check, act, &doc),
            "finding-triaged" | "finding-in_remediation" => {
                self.count(Table::FindingTriage, 1);
                let kept = audit::state(check.tx, Table::FindingTriage, index)?;
                let same = kept.is_some_and(|s| s.document == act.document && s.release == doc["product"]);
                let key = FindingId::key_in(&text("finding")).unwrap_or_default();
                let row = findings::standing(check.tx, &key)?.map(|s| s.seq);
                let same = same && row.is_some() && finding_decisions::triaged_by(check.tx, index)? == row;
                differs(check, same, Table::FindingTriage.name(), index);
                self.findings.triaged(index, &act.document);
            }
            other if other.starts_with(crate::decide_finding::DECISION) => {
                self.state(check, Table::FindingDecision, act, text("id"), &text("product"))?;
                let decision = serde_json::from_str::<FindingDecision>(&act.document);
                let found =
                    decision.is_ok_and(|d| finding_decisions::is_found_as(check.tx, &d, index).unwrap_or(false));
                differs(check, found, Table::FindingDecision.name(), index);
                self.findings.decided(check, act);
            }
            other => check.report.fault(format!("Entry {index} tells of `{other}`, which this version does not know.")),
        }
        Ok(())
    }

    /// A new state of something whose states are all kept.
    fn state(
        &mut self,
        check: &mut Check<'_>,
        table: Table,
        act: &Act,
        id: String,
        scope: &str,
    ) -> Result<(), StoreError> {
        let index = act.log_index;
        self.count(table, 1);
        let state = audit::state(check.tx, table, index)?;
        let same = state.is_some_and(|s| s.document == act.document && s.id == id && s.release == scope);
        differs(check, same, table.name(), index);
        if !matches!(table, Table::Product | Table::Connector)
            && let Some(before) = self.newest.insert((table, id), index)
            && audit::state(check.tx, table, before)?.and_then(|s| s.ended_at) != Some(index)
        {
            let name = table.name();
            check.report.fault(format!("The state of entry {before} ({name}) does not end at entry {index}."));
        }
        Ok(())
    }

    /// A decision is kept as its entries tell.
    fn decided(
        &mut self,
        check: &mut Check<'_>,
        act: &Act,
        doc: &Value,
        labels: &[String],
        (kind, result): (&str, &str),
    ) -> Result<(), StoreError> {
        self.count(Table::Decision, 1);
        let row = decisions::by_id(check.tx, doc["decision"].as_str().unwrap_or_default())?;
        let entries: Vec<u64> = doc["entries"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let signed: Option<Vec<(u64, Envelope)>> = entries
            .iter()
            .map(|index| Some((*index, serde_json::from_str(self.envelopes.get(index)?).ok()?)))
            .collect();
        let envelope = signed.and_then(|signed| serde_json::to_string(&signed).ok());
        let same = row.as_ref().is_some_and(|d| {
            Some(&d.log_index) == entries.last()
                && Some(&d.envelope) == envelope.as_ref()
                && hex(&d.world) == doc["world"]
                && (d.kind.as_str(), d.result.as_str()) == (kind, result)
                && d.actor == act.actor
                && d.decided == act.received
                && self.releases.is_about(&d.release, labels)
        });
        differs(check, same, "decision", act.log_index);
        if let Some(row) = row.filter(|_| same) {
            self.spoke_of(check, &row)?;
        }
        let rests_on = entries.last().copied().unwrap_or(act.log_index);
        let world = records::bytes_of(check, rests_on, doc["world"].as_str().unwrap_or_default())?;
        let world = world.and_then(|bytes| serde_json::from_slice::<crate::FrozenWorld>(&bytes).ok());
        match world {
            Some(world) => self.evaluated.push(Evaluated { entry: rests_on, digest: world.evaluation }),
            None => {
                check
                    .report
                    .fault(format!("The frozen world of the decision at entry {} is not there.", act.log_index));
            }
        }
        Ok(())
    }

    /// The artefacts that the release had at a decision are those that its statement names: gates rest on that.
    fn spoke_of(&self, check: &mut Check<'_>, row: &decisions::StoredDecision) -> Result<(), StoreError> {
        let then = releases::by_id(check.tx, &row.release)?
            .map(|stored| releases::at(check.tx, stored.seq, row.log_index))
            .transpose()?
            .flatten();
        let payload = serde_json::from_str::<Vec<(u64, Envelope)>>(&row.envelope).ok();
        let payload = payload.and_then(|all| BASE64.decode(all.first()?.1.payload.as_bytes()).ok());
        let statement = payload.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).unwrap_or_default();
        let subjects = statement["subject"].as_array().into_iter().flatten();
        let named: Vec<String> =
            subjects.filter_map(|s| Some(format!("sha256:{}", s["digest"]["sha256"].as_str()?))).collect();
        if then.is_none_or(|release| release.digests != named) {
            let index = row.log_index;
            check.report.fault(format!("The decision of entry {index} named other artefacts than are kept for it."));
        }
        Ok(())
    }

    /// After the last entry: what no entry told, and what follows from all of them together.
    pub(super) fn finish(mut self, check: &mut Check<'_>) -> Result<(), StoreError> {
        let tx = check.tx;
        self.count(Table::Delivery, check.in_tables.0);
        self.count(Table::Content, check.in_tables.1);
        // The first life began with the log itself.
        if crate::engine_lives(tx)?.get(1..) != Some(&self.lives) {
            check.report.fault("The lives of the log that are kept are not those that its entries began.");
        }
        for ((table, _), index) in &self.newest {
            if let Some(end) = audit::state(tx, *table, *index)?.and_then(|s| s.ended_at) {
                let name = table.name();
                check.report.fault(format!("The state of entry {index} ({name}) ends at {end}, and nothing followed."));
            }
        }
        let mut repositories = 0;
        for (name, document) in &self.products {
            let kept = products::get(tx, name)?;
            let same = kept.as_ref().and_then(|p| serde_json::to_string(p).ok()).as_ref() == Some(document);
            let mut owned = same;
            let ever: BTreeSet<String> =
                products::versions(tx, name, i64::MAX as u64)?.into_iter().flat_map(|then| then.repositories).collect();
            repositories += ever.len() as u64;
            for repository in &ever {
                let has = kept.as_ref().is_some_and(|p| p.repositories.contains(repository));
                owned &= products::of_repository(tx, repository)?.iter().any(|p| p.name == *name) == has;
            }
            if !owned {
                check.report.fault(format!("The product {name} is not kept as it was told last."));
            }
        }
        if products::all(tx)?.len() != self.products.len() {
            check.report.fault("There is a product that no entry tells of.");
        }
        if log::clock_doubts(tx)? != self.doubts || log::clock_eras(tx)? != self.eras {
            check.report.fault("When the time was uncertain is kept otherwise than the log tells.");
        }
        let kept = log::head(tx)?.map(|head| head.received);
        if self.newest_receipt != Time::default() && kept != Some(self.newest_receipt.as_micros()) {
            check.report.fault("The head of the log says that its newest entry was received at another time.");
        }
        let secrets: BTreeMap<String, [u8; 32]> = audit::secrets(tx)?.into_iter().collect();
        for token in people::tokens(tx)? {
            let digest = secrets.get(&token.id).copied().unwrap_or_default();
            let told = self.tokens.get(&token.id) == Some(&crate::tokens::told(&token, &digest));
            if !told || self.revoked.contains(&token.id) != token.revoked.is_some() {
                let kind = token.kind.name();
                check.report.fault(format!("The {kind} {} is not as it was made.", token.id));
            }
        }
        for (table, rows) in self.findings.rows() {
            self.count(table, rows);
        }
        self.count(Table::Release, self.releases.len());
        self.count(Table::Cut, self.releases.cut());
        self.count(Table::Repository, repositories);
        for table in Table::ALL {
            let (told, kept) = (self.rows.get(&table).copied().unwrap_or(0), audit::rows(tx, table)?);
            if kept != told {
                check.report.fault(format!("The log tells of {told} {}, and {kept} are kept.", table.name()));
            }
        }
        // A row that cannot be read is a fault like any other, and no reason to leave out the rest.
        let unreadable = |check: &mut Check<'_>, what: &str, outcome: Result<(), StoreError>| {
            if let Err(e) = outcome {
                check.report.fault(format!("{what} cannot be compared with the log: {e}."));
            }
        };
        check.comes_to("links and the history of commits");
        let outcome = self.links.finish(check);
        unreadable(check, "Links", outcome);
        let outcome = self.history.finish(check);
        unreadable(check, "The history of commits", outcome);
        let outcome = surplus::check(check);
        unreadable(check, "Rows that nothing tells of", outcome);
        check.comes_to("releases");
        let outcome = self.releases.finish(check).and_then(|()| super::baselines::finish(check));
        unreadable(check, "Releases", outcome);
        check.comes_to("findings");
        let outcome = self.findings.finish(check);
        unreadable(check, "Findings", outcome);
        check.comes_to("bindings");
        let outcome = self.bound.finish(check, &self.releases);
        unreadable(check, "Bindings", outcome);
        let outcome = self.repositories.finish(check);
        unreadable(check, "Repositories", outcome);
        let mut of_other_rules = 0;
        let of = self.evaluated.len() as u64;
        for (done, evaluated) in (0..).zip(&self.evaluated) {
            (check.progress)(FsckStage { what: "past evaluations", done, of });
            match evaluated.run_again(check) {
                Ok(ours) => of_other_rules += usize::from(!ours),
                Err(e) => unreadable(check, "An evaluation", Err(e)),
            }
        }
        if of_other_rules > 0 {
            check
                .report
                .notes
                .push(format!("{of_other_rules} evaluations were made by other rules, and not run again."));
        }
        Ok(())
    }
}

fn differs(check: &mut Check<'_>, same: bool, what: &str, index: u64) {
    if !same {
        check.report.fault(format!("What is kept of entry {index} ({what}) is not what it tells."));
    }
}
