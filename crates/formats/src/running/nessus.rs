//! Nessus `.nessus` (NessusClientData_v2), also of Tenable.io and Security Center. Plugin 19506 tells version and feed.
//! A host that began and did not end makes it partial. A failed compliance check counts as medium.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "nessus",
    title: "Nessus XML",
    family: Family::Running,
    standard: "NessusClientData_v2",
    looks: &[Looks::Xml("NessusClientData_v2", &[])],
    blank: None,
    read,
};

#[derive(Default)]
struct Item {
    plugin: String,
    title: String,
    port: String,
    level: String,
    risk: String,
    cves: Vec<String>,
    cwes: Vec<u32>,
    v2: (String, String),
    v3: (String, String),
    v4: (String, String),
    epss: String,
    known_exploited: Option<bool>,
    output: String,
    compliance: bool,
    result: String,
    check: String,
}

struct Nessus<'c> {
    report: ScanReport<'c>,
    host: String,
    tag: String,
    started: bool,
    ended: bool,
    item: Option<Item>,
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Host, "Nessus");
    report.looked_at(0);
    let mut nessus =
        Nessus { report, host: String::new(), tag: String::new(), started: false, ended: false, item: None };
    let cut = xml::walk(input, &mut nessus)?;
    nessus.report.cut_off(cut);
    Ok(nessus.report.finish())
}

impl Elements for Nessus<'_> {
    fn open(&mut self, e: &Element<'_, '_>, _: &Path) {
        match e.name() {
            "Report" => self.report.scan.target = e.attribute("name"),
            "ReportHost" => {
                self.host = e.text("name");
                (self.started, self.ended) = (false, false);
                self.report.looked_at(1);
            }
            "tag" => self.tag = e.text("name"),
            "ReportItem" => {
                self.item = Some(Item {
                    plugin: e.text("pluginID"),
                    title: e.text("pluginName"),
                    port: format!("{}/{}", e.text("port"), e.text("protocol")),
                    level: e.text("severity"),
                    ..Item::default()
                });
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str, _: &Path) {
        match name {
            "tag" => {
                self.started |= self.tag.starts_with("HOST_START");
                self.ended |= self.tag.starts_with("HOST_END");
                let scan = &mut self.report.scan;
                let at = crate::base::time::parse(text);
                match self.tag.as_str() {
                    "HOST_START_TIMESTAMP" => scan.started_at = [scan.started_at, at].into_iter().flatten().min(),
                    "HOST_END_TIMESTAMP" => scan.finished_at = scan.finished_at.max(at),
                    _ => {}
                }
            }
            "ReportHost" if self.started && !self.ended => {
                self.report.partial(format!("The scan of {} did not end", self.host));
            }
            "ReportItem" => {
                if let Some(item) = self.item.take() {
                    self.tell(item);
                }
            }
            _ => {
                if let Some(item) = &mut self.item {
                    item.part(name, text);
                }
            }
        }
    }
}

impl Item {
    fn part(&mut self, name: &str, text: &str) {
        match name {
            "risk_factor" => self.risk = clip(text),
            "cve" if self.cves.len() < 50 => self.cves.push(clip(text)),
            "cwe" => self.cwes.extend(severity::cwe(text)),
            "cvss_base_score" => self.v2.1 = clip(text),
            "cvss_vector" => self.v2.0 = clip(text),
            "cvss3_base_score" => self.v3.1 = clip(text),
            "cvss3_vector" => self.v3.0 = clip(text),
            "cvss4_base_score" => self.v4.1 = clip(text),
            "cvss4_vector" => self.v4.0 = clip(text),
            "epss_score" => self.epss = clip(text),
            "cisa-known-exploited" => self.known_exploited = Some(!text.is_empty()),
            "plugin_output" => self.output = text.to_owned(),
            "compliance" => self.compliance = text == "true",
            "compliance-result" => self.result = clip(text),
            "compliance-check-name" => self.check = clip(text),
            _ => {}
        }
    }
}

impl Nessus<'_> {
    fn tell(&mut self, item: Item) {
        if item.plugin == "19506" {
            self.about_the_scan(&item.output);
        }
        let level = match item.level.trim() {
            "4" => Some(Level::Critical),
            "3" => Some(Level::High),
            "2" => Some(Level::Medium),
            "1" => Some(Level::Low),
            "0" => Some(Level::Info),
            _ => {
                self.report.faults.add("An item's severity is none of 0 to 4.");
                None
            }
        };
        let place = format!("{}:{}", self.host, item.port);
        if item.compliance {
            match item.result.as_str() {
                "FAILED" => {}
                "ERROR" => return self.report.partial(format!("The check `{}` ended in an error", item.check)),
                other => return self.report.count(if other == "PASSED" { "passed" } else { "warnings" }, 1),
            }
        }
        let scores = [(ScoreSystem::V2, &item.v2), (ScoreSystem::V3, &item.v3), (ScoreSystem::V4, &item.v4)];
        let scores = scores.into_iter().filter_map(|(system, (vector, number))| {
            let score = severity::score(vector, number.parse().ok(), "nessus")?;
            Some(certrail_domain::facts::Score { system, ..score })
        });
        self.report.finding(Found {
            rule: &item.plugin,
            title: if item.compliance { &item.check } else { &item.title },
            place: &place,
            context: if item.compliance { &item.check } else { &item.plugin },
            word: &item.risk,
            level: if item.compliance { Some(Level::Medium) } else { level },
            scores: scores.collect(),
            epss: severity::epss(item.epss.parse().ok(), None, None),
            known_exploited: item.known_exploited,
            aliases: item.cves,
            cwes: item.cwes,
            ..Found::default()
        });
    }

    /// Lines `Nessus version : 10.8.3`, `Plugin feed version : 202611200412`, `Credentialed checks : yes`.
    fn about_the_scan(&mut self, output: &str) {
        for line in output.lines() {
            let Some((key, value)) = line.split_once(" : ") else { continue };
            let (key, value) = (key.trim(), value.trim());
            match key {
                "Nessus version" => self.report.scan.tool_version = Some(clip(value)),
                "Plugin feed version" => {
                    let digits = value.get(..12).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
                    let at = digits.and_then(|d| {
                        let text = format!("{}-{}-{}T{}:{}:00Z", &d[..4], &d[4..6], &d[6..8], &d[8..10], &d[10..12]);
                        crate::base::time::parse(&text)
                    });
                    self.report.scan.database = at.map_or(Database::Undated, Database::Dated);
                }
                "Credentialed checks" if value.starts_with("no") => {
                    self.report.warnings.add("It did not sign in to the hosts, so it saw only what anybody sees.");
                }
                _ => {}
            }
        }
    }
}
