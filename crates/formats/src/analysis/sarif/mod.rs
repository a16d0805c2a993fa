//! SARIF 2.1.0 (OASIS, 27 March 2020, with errata 01).
//!
//! A result is a finding when its `kind` is `fail` (§3.27.9) and it is not `absent` (§3.27.24). Its level follows the
//! `security-severity` of its rule, else §3.27.10. A result counts as suppressed when all its suppressions are accepted
//! (§3.27.23). Runs are read one by one and results one by one; rules and the addresses of files are held.

mod model;
mod rules;
mod tool;

use certrail_domain::facts::{Database, Level, ScanKind};
use serde::de::MapAccess;

use crate::{
    NotRead, Reading,
    base::{
        clip,
        input::Input,
        json::{self, Object},
        lenient::{Few, Maybe, Text},
    },
    definition::{Context, Definition, Family, Looks},
    out::{
        fingerprint,
        scan::{Found, ScanReport},
        severity,
    },
};
use model::{Artifact, AutomationDetails, Invocation, Provenance, RunProperties, SarifResult, Tool};
use rules::Rules;

pub(crate) static FORMAT: Definition = Definition {
    name: "sarif",
    title: "SARIF 2.1.0",
    family: Family::Analysis,
    standard: "OASIS SARIF 2.1.0 with errata 01",
    looks: &[
        Looks::Json(&["runs[].tool"]),
        Looks::Json(&["runs", "$schema~sarif"]),
        Looks::Json(&["runs:[]", "version~.0"]),
    ],
    blank: None,
    read,
};

/// Results that came before the rules they refer to and are held until the run ends.
const MAX_EARLY: usize = 20_000;

/// Addresses of files that are held, for results that name a file by its number only (§3.4.5).
const MAX_FILES: usize = 200_000;

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Unknown, "");
    report.checked = true;
    let mut log = Log { report: &mut report, version: None, runs: 0, tools: Vec::new() };
    json::read(input, &mut log)?;
    let (version, runs, mut tools) = (log.version.take(), log.runs, std::mem::take(&mut log.tools));
    match version.as_deref() {
        Some("2.1.0") => {}
        Some(other) => {
            return Err(NotRead::new(Some("sarif"), format!("It is SARIF {}; only 2.1.0 is read.", clip(other))));
        }
        None => return Err(NotRead::new(Some("sarif"), "It is SARIF without a version.")),
    }
    tools.sort();
    tools.dedup();
    report.scan.tool = tools.join(", ");
    report.count("runs", runs);
    if runs == 0 {
        report.warnings.add("It holds no run: nothing was scanned.");
        report.scan.looked_at = Some(0);
    }
    Ok(report.finish())
}

struct Log<'r, 'c> {
    report: &'r mut ScanReport<'c>,
    version: Option<String>,
    runs: u64,
    tools: Vec<String>,
}

impl<'de> Object<'de> for Log<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "version" => self.version = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "runs" => {
                let mut run = Run {
                    report: self.report,
                    tools: &mut self.tools,
                    runs: &mut self.runs,
                    rules: None,
                    kind: ScanKind::Unknown,
                    early: Vec::new(),
                    files: None,
                    listed: false,
                };
                json::objects(value, &mut run)?;
            }
            "inlineExternalProperties" => {
                if json::count(value)? > 0 {
                    self.report.partial("Some properties stand in inlineExternalProperties, which are not read");
                }
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

struct Run<'r, 'c, 'de> {
    report: &'r mut ScanReport<'c>,
    tools: &'r mut Vec<String>,
    runs: &'r mut u64,
    /// Known once the tool was read.
    rules: Option<Rules>,
    kind: ScanKind,
    /// Results that came before the tool, or before the files that they name by number.
    early: Vec<SarifResult<'de>>,
    /// Addresses of files, once they were read.
    files: Option<Vec<String>>,
    /// It holds a list of results, be it empty: without one it is no scan (§3.14.23).
    listed: bool,
}

impl<'de> Object<'de> for Run<'_, '_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "tool" => {
                let tool: Maybe<Tool<'de>> = json::value(value)?;
                self.tool(tool.get());
            }
            "results" => {
                self.listed |= json::list(value, |result: SarifResult<'de>| {
                    let waits = self.rules.is_none() || self.files.is_none() && result.needs_files();
                    if !waits {
                        self.result(&result);
                    } else if self.early.len() < MAX_EARLY {
                        self.early.push(result);
                    } else {
                        self.report.count("not_read", 1);
                        self.report.partial(format!(
                            "More than {MAX_EARLY} results stand before the tool or the files they refer to"
                        ));
                    }
                })?;
            }
            "artifacts" => {
                let (mut files, mut total) = (Vec::new(), 0);
                json::each(value, |file: Artifact<'de>| {
                    total += 1;
                    if files.len() < MAX_FILES {
                        files.push(file.location.get().map(|l| clip(&l.uri)).unwrap_or_default());
                    }
                })?;
                self.report.looked_at(total);
                self.files = Some(files);
            }
            "invocations" => json::each(value, |invocation: Invocation<'de>| self.invocation(&invocation))?,
            "versionControlProvenance" => {
                // Of several the first is the repository itself, the others are what it takes in.
                let mut own = None;
                json::each(value, |provenance: Provenance<'de>| {
                    let revision = provenance.revision_id.some().map(str::to_ascii_lowercase);
                    let revision =
                        revision.filter(|r| matches!(r.len(), 40 | 64) && r.bytes().all(|b| b.is_ascii_hexdigit()));
                    own = own.take().or(revision);
                    self.report.subjects.extend(provenance.repository_uri.some().map(clip));
                })?;
                let known = self.report.scan.commit.take();
                if known.is_some() && own.is_some() && known != own {
                    self.report.partial("Its runs looked at different commits; send each in a report of its own");
                }
                self.report.scan.commit = known.or(own);
            }
            "automationDetails" => {
                let details: Maybe<AutomationDetails<'de>> = json::value(value)?;
                // Behind the last slash it may name the run (§3.17.3): a date or a number, which would be another one each time.
                let id = details.get().and_then(|d| d.id.some()).map(|id| match id.rsplit_once('/') {
                    Some((kind, run)) if run.bytes().filter(u8::is_ascii_digit).count() >= 4 => kind,
                    _ => id.trim_end_matches('/'),
                });
                let known = self.report.scan.scope.take();
                self.report.scan.scope = match (known, id.filter(|id| !id.is_empty())) {
                    (Some(known), Some(id)) => Some(clip(&format!("{known} {id}"))),
                    (known, id) => known.or_else(|| id.map(clip)),
                };
            }
            "taxonomies" => {
                let n = json::count(value)?;
                self.report.count("taxonomies", n);
            }
            "externalPropertyFileReferences" => {
                if json::count(value)? > 0 {
                    self.report.partial("Parts of a run stand in other files, which were not sent");
                }
            }
            "properties" => {
                let properties: Maybe<RunProperties<'de>> = json::value(value)?;
                self.properties(properties.get());
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        *self.runs += 1;
        if self.rules.is_none() {
            self.report.faults.add("A run names no tool (§3.14.6, §3.19.8).");
        }
        for result in std::mem::take(&mut self.early) {
            self.result(&result);
        }
        self.files = None;
        if !std::mem::take(&mut self.listed) {
            self.report.partial("A run holds no list of results: it is no scan");
        }
        if let Some(rules) = self.rules.take() {
            self.report.scan.rules += rules.total();
        }
        self.kind = ScanKind::Unknown;
    }
}

impl Run<'_, '_, '_> {
    fn tool(&mut self, tool: Option<&Tool<'_>>) {
        let driver = tool.and_then(|t| t.driver.get());
        let name = driver.map(|d| clip(&d.name)).unwrap_or_default();
        if name.is_empty() {
            self.report.faults.add("A run names no tool (§3.14.6, §3.19.8).");
        }
        let version = driver.and_then(|d| d.semantic_version.some().or_else(|| d.version.some()));
        let scan = &mut self.report.scan;
        scan.tool_version = scan.tool_version.take().or_else(|| version.map(clip));
        self.kind = tool::kind(&name);
        // A fingerprint names the tool of its own run.
        scan.tool.clone_from(&name);
        // Of several tools the one whose knowledge is least known counts.
        if *self.runs == 0 || tool::database(&name) == Database::Undated {
            scan.database = tool::database(&name);
        }
        if scan.scan == ScanKind::Unknown {
            scan.scan = self.kind;
        }
        // What it counts as is one thing: a secret among findings in code would be counted as one of those.
        let group = |kind| if kind == ScanKind::Container { ScanKind::Sca } else { kind };
        let differs = group(self.kind) != group(scan.scan) && self.kind != ScanKind::Unknown;
        if differs {
            self.report.partial("Its runs look for different things; send each tool's in a report of its own");
        }
        if !name.is_empty() {
            self.tools.push(name);
        }
        self.rules = Some(Rules::of(tool));
    }

    fn invocation(&mut self, invocation: &Invocation<'_>) {
        let scan = &mut self.report.scan;
        // One run that failed makes the whole report partial. The member is required (§3.20.14).
        let good = invocation.execution_successful.yes();
        scan.success = Some(scan.success.unwrap_or(true) && good);
        scan.started_at = [scan.started_at, invocation.start_time_utc.time()].into_iter().flatten().min();
        scan.finished_at = scan.finished_at.max(invocation.end_time_utc.time());
        if invocation.execution_successful.some().is_none() {
            self.report.faults.add("An invocation does not say whether it succeeded (§3.20.14).");
        }
        if let Some(rules) = &mut self.rules {
            invocation.rule_configuration_overrides.iter().for_each(|o| rules.configure(o));
        }
        let notifications =
            invocation.tool_execution_notifications.iter().chain(&invocation.tool_configuration_notifications);
        let losses: Vec<_> = notifications.filter(|n| n.is_loss()).collect();
        if let Some(first) = losses.first() {
            self.report.error(losses.len() as u64, first.text());
        }
    }

    /// What Trivy says of the image it looked at.
    fn properties(&mut self, properties: Option<&RunProperties<'_>>) {
        let Some(properties) = properties else { return };
        let scan = &mut self.report.scan;
        if let Some(image) = properties.image_name.some() {
            scan.target = Some(clip(image));
            if matches!(scan.scan, ScanKind::Sca | ScanKind::Unknown) {
                scan.scan = ScanKind::Container;
                self.kind = ScanKind::Container;
            }
        }
        for digest in &properties.repo_digests {
            scan.digests.extend(digest.split_once('@').map(|(_, d)| clip(d)).filter(|d| d.starts_with("sha256:")));
        }
    }

    fn result(&mut self, result: &SarifResult<'_>) {
        let report = &mut *self.report;
        check(result, report);
        report.count("listed", 1);
        match result.kind.to_ascii_lowercase().trim() {
            "" | "fail" => {}
            "open" | "review" => {
                report.count("needs_review", 1);
                report.warnings.add("Some results ask for a person's review; they are counted and are no findings.");
                return;
            }
            "pass" | "notapplicable" | "informational" => {
                report.count("not_failing", 1);
                return;
            }
            other => report.faults.add(format!("`{}` is no kind of a result (§3.27.9).", clip(other))),
        }
        if &*result.baseline_state == "absent" {
            report.count("absent", 1);
            return;
        }
        let empty = Rules::default();
        let rules = self.rules.as_ref().unwrap_or(&empty);
        let rule = rules.of_result(result);
        let id = result.rule_id.some().or_else(|| result.rule.get().and_then(|r| r.id.some()));
        let id = id.or_else(|| rule.map(|r| r.id.as_str())).unwrap_or("(no rule)");
        let spot = result.locations.iter().find_map(|l| l.physical_location.get());
        let file = spot.and_then(|p| p.artifact_location.get());
        let place = file.and_then(|f| f.uri.some()).or_else(|| {
            let index = usize::try_from(file?.index.number()?).ok()?;
            self.files.as_ref()?.get(index).map(String::as_str).filter(|f| !f.is_empty())
        });
        let logical =
            || result.locations.iter().flat_map(|l| &l.logical_locations).find_map(|l| l.fully_qualified_name.some());
        let region = spot.and_then(|p| p.region.get());
        let snippet = region.and_then(|r| r.snippet.get()).and_then(|s| s.text.some());
        let message = result.message.get().and_then(|m| m.text.some());
        let title = message.or_else(|| rule.map(|r| r.title.as_str()).filter(|t| !t.is_empty())).unwrap_or(id);
        let own = result.own_fingerprint(&fingerprint::normal_path(place.unwrap_or_default()));
        // A score of 0 is what tools write that have none; then the level tells.
        let score = rule.and_then(|r| r.security_severity).or_else(|| result.security_severity());
        let score = score.filter(|s| s.is_finite() && *s > 0.0);
        // The word as the standard derives it: the result's own, the rule's, `warning` (§3.27.10).
        let word = result.level.some().or_else(|| rule.and_then(|r| r.level.as_deref())).unwrap_or("warning");
        if score.is_none() && level(word).is_none() {
            report.faults.add(format!("`{}` is no level (§3.27.10).", clip(word)));
        }
        let found = Found {
            rule: id,
            title,
            place: place.or_else(logical).unwrap_or_default(),
            line: region.and_then(|r| r.start_line.number()),
            context: snippet.unwrap_or_default(),
            own: own.as_deref(),
            word,
            level: score.map(Level::of_score).or_else(|| level(word)),
            scores: score.and_then(|s| severity::score("", Some(s), "security-severity")).into_iter().collect(),
            cwes: rule.map(|r| r.cwes.clone()).unwrap_or_default().into_iter().chain(result.cwes()).collect(),
            suppressed: result.suppressed(),
            ..Found::default()
        };
        let kind = match report.kind_told() {
            Some(told) => told,
            None => self.kind,
        };
        report.finding_of(kind, found);
    }
}

/// What the schema demands of a result and tools get wrong.
fn check(result: &SarifResult<'_>, report: &mut ScanReport<'_>) {
    if result.message.get().is_none_or(|m| m.text.some().is_none() && m.id.some().is_none()) {
        report.faults.add("A result has no message (§3.27.11).");
    }
    if result.stacks.iter().any(|s| s.frames.is_none()) {
        report.faults.add("A stack has no frames (§3.44.3).");
    }
    let regions = result.locations.iter().filter_map(|l| l.physical_location.get()?.region.get());
    if regions.into_iter().any(|r| r.start_line.some().is_some() && r.start_line.number().unwrap_or(0) == 0) {
        report.faults.add("A region begins at line 0; lines count from 1 (§3.30.5).");
    }
    if result.locations.total > Few::<()>::MAX as u64 {
        report.warnings.add("A result has more locations than are read.");
    }
}

/// §3.27.10: `error`, `warning`, `note`, `none`. Another word rates nothing.
fn level(word: &str) -> Option<Level> {
    match word.to_ascii_lowercase().as_str() {
        "error" => Some(Level::High),
        "warning" => Some(Level::Medium),
        "note" => Some(Level::Low),
        "none" => Some(Level::Info),
        _ => None,
    }
}
