//! XCCDF 1.1 and 1.2 test results (NIST IR 7275), as written by OpenSCAP, alone or inside ARF 1.1.
//! `fail` is a finding; `error` and `unknown` make it partial; what an override changed from `fail` is suppressed.

use std::collections::BTreeMap;

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "xccdf",
    title: "XCCDF results",
    family: Family::Running,
    standard: "XCCDF 1.1 and 1.2 (NIST IR 7275), ARF 1.1",
    looks: &[
        Looks::Xml("Benchmark", &["@xmlns~xccdf"]),
        Looks::Xml("TestResult", &["@xmlns~xccdf"]),
        Looks::Xml("asset-report-collection", &[]),
    ],
    blank: None,
    read,
};

/// Rules whose titles are held.
const MAX_RULES: usize = 20_000;

#[derive(Default)]
struct RuleResult {
    rule: String,
    word: String,
    result: String,
    overridden: Option<String>,
    remark: String,
    cves: Vec<String>,
    ident: String,
    unscored: bool,
}

struct Xccdf<'c> {
    report: ScanReport<'c>,
    /// Title and severity of each rule, where the benchmark stands before the result.
    rules: BTreeMap<String, (String, String)>,
    rule: String,
    target: String,
    current: Option<RuleResult>,
    results: u64,
    checked: u64,
    bad: u64,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut xccdf = Xccdf {
        report: ScanReport::new(context, ScanKind::Host, "XCCDF"),
        rules: BTreeMap::new(),
        rule: String::new(),
        target: String::new(),
        current: None,
        results: 0,
        checked: 0,
        bad: 0,
    };
    let cut = xml::walk(input, &mut xccdf)?;
    let Xccdf { mut report, results, checked, bad, .. } = xccdf;
    if results == 0 {
        return Err(NotRead::new(None, "It is a checklist without a test result."));
    }
    report.cut_off(cut);
    report.scan.looked_at = Some(checked);
    report.error(bad, "rules whose check ended in an error or is unknown");
    Ok(report.finish())
}

impl Elements for Xccdf<'_> {
    fn open(&mut self, e: &Element<'_, '_>, path: &Path) {
        match e.name() {
            "Rule" => {
                self.rule = e.text("id");
                if self.rules.len() < MAX_RULES {
                    self.rules.insert(self.rule.clone(), (String::new(), e.text("severity")));
                }
            }
            "TestResult" => {
                self.results += 1;
                let scan = &mut self.report.scan;
                scan.started_at = e.time("start-time");
                scan.finished_at = e.time("end-time");
                if let Some(system) = e.attribute("test-system") {
                    // cpe:/a:redhat:openscap:1.3.10
                    let mut parts = system.rsplitn(3, ':');
                    scan.tool_version = parts.next().map(clip);
                    scan.tool = parts.next().map_or_else(|| "XCCDF".to_owned(), clip);
                }
                if e.attribute("end-time").is_none() {
                    self.report.faults.add("A test result has no end time (XCCDF 1.2, §6.6.2).");
                }
            }
            "rule-result" => {
                self.current = Some(RuleResult {
                    rule: e.text("idref"),
                    word: e.text("severity"),
                    unscored: e.text("role") == "unscored",
                    ..RuleResult::default()
                });
            }
            "ident" => {
                if let Some(current) = &mut self.current {
                    current.ident = e.text("system");
                }
            }
            _ => {}
        }
        let _ = path;
    }

    fn close(&mut self, name: &str, text: &str, path: &Path) {
        if let Some(current) = &mut self.current {
            match (name, path.up(1)) {
                ("result", "rule-result") => current.result = clip(text).to_ascii_lowercase(),
                ("old-result", "override") => current.overridden = Some(clip(text).to_ascii_lowercase()),
                ("remark", "override") => current.remark = clip(text),
                ("ident", _) if current.ident.contains("cve") => current.cves.push(clip(text)),
                ("rule-result", _) => {
                    let done = self.current.take().unwrap_or_default();
                    self.tell(done);
                }
                _ => {}
            }
            return;
        }
        match (name, path.up(1)) {
            ("title", "Rule") => {
                if let Some(known) = self.rules.get_mut(&self.rule) {
                    known.0 = clip(text);
                }
            }
            ("target", "TestResult") => {
                self.target = clip(text);
                self.report.scan.target = Some(clip(text));
            }
            _ => {}
        }
    }
}

impl Xccdf<'_> {
    fn tell(&mut self, r: RuleResult) {
        if r.result.is_empty() {
            self.report.faults.add("A rule result has no result (XCCDF 1.2, §6.6.4).");
            self.bad += 1;
            return;
        }
        self.report.scan.rules += u64::from(r.result != "notselected");
        match r.result.as_str() {
            "pass" | "fixed" | "fail" => self.checked += 1,
            "error" | "unknown" => self.bad += 1,
            "notchecked" => self.report.count("not_checked", 1),
            "notapplicable" | "notselected" | "informational" => self.report.count("not_applicable", 1),
            other => {
                self.report.faults.add(format!("`{other}` is no result of a rule (XCCDF 1.2, §6.6.4.2)."));
                self.bad += 1;
            }
        }
        self.report.count("passed", u64::from(matches!(r.result.as_str(), "pass" | "fixed")));
        let waived = r.result != "fail" && r.overridden.as_deref() == Some("fail");
        if r.result != "fail" && !waived {
            return;
        }
        let known = self.rules.get(&r.rule);
        let word = Some(r.word).filter(|w| !w.is_empty()).or_else(|| known.map(|k| k.1.clone())).unwrap_or_default();
        let title = known.map(|k| k.0.clone()).filter(|t| !t.is_empty()).unwrap_or_else(|| r.rule.clone());
        let target = self.target.clone();
        self.report.finding(Found {
            rule: &r.rule,
            title: &title,
            place: &target,
            own: Some(&target),
            word: &word,
            // XCCDF's default is `unknown`: not rated, which is no reason to call it a note.
            aliases: r.cves,
            suppressed: match (waived, r.unscored) {
                (true, _) => Some(format!("overridden to {}: {}", r.result, r.remark)),
                (false, true) => Some("not scored".to_owned()),
                (false, false) => None,
            },
            ..Found::default()
        });
    }
}
