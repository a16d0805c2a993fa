//! ZAP traditional reports, JSON and XML (2.7 and later). One finding per alert and site; alerts that a person marked as
//! false positives (confidence 0) are suppressed. A failure of the network or of signing in makes it partial.

use crate::prelude::*;

pub(crate) static JSON: Definition = Definition {
    name: "zap",
    title: "ZAP JSON",
    family: Family::Running,
    standard: "ZAP traditional JSON report, 2.7 and later",
    looks: &[Looks::Json(&["@version", "site"]), Looks::Json(&["@programName=ZAP"])],
    blank: None,
    read: read_json,
};

pub(crate) static XML: Definition = Definition {
    name: "zap-xml",
    title: "ZAP XML",
    family: Family::Running,
    standard: "ZAP traditional XML report, 2.7 and later",
    looks: &[Looks::Xml("OWASPZAPReport", &[])],
    blank: None,
    read: read_xml,
};

#[derive(Deserialize)]
struct Alert<'a> {
    #[serde(borrow, default)]
    pluginid: Text<'a>,
    #[serde(borrow, default, rename = "alertRef")]
    alert_ref: Text<'a>,
    #[serde(borrow, default)]
    alert: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    riskcode: Text<'a>,
    #[serde(borrow, default)]
    confidence: Text<'a>,
    #[serde(borrow, default)]
    riskdesc: Text<'a>,
    #[serde(borrow, default)]
    cweid: Text<'a>,
    #[serde(borrow, default)]
    instances: Few<Instance<'a>>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    #[serde(borrow, default)]
    uri: Text<'a>,
    #[serde(borrow, default)]
    method: Text<'a>,
    #[serde(borrow, default)]
    param: Text<'a>,
}

#[derive(Deserialize)]
struct Insight<'a> {
    #[serde(borrow, default)]
    level: Text<'a>,
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    statistic: Text<'a>,
}

fn level(code: &str) -> Option<Level> {
    Some(match code.trim() {
        "3" => Level::High,
        "2" => Level::Medium,
        "1" => Level::Low,
        "0" => Level::Info,
        _ => return None,
    })
}

struct Told<'a> {
    plugin: &'a str,
    title: &'a str,
    risk: &'a str,
    risk_words: &'a str,
    confidence: &'a str,
    cwe: &'a str,
    place: &'a str,
    site: &'a str,
}

fn tell(report: &mut ScanReport<'_>, told: &Told<'_>) {
    report.finding(Found {
        rule: told.plugin,
        title: told.title,
        place: told.place,
        // The same alert at the same site is the same finding, wherever it was met first.
        own: Some(told.site),
        word: told.risk_words.split(" (").next().unwrap_or_default(),
        level: level(told.risk),
        cwes: severity::cwe(told.cwe).into_iter().collect(),
        suppressed: (told.confidence.trim() == "0").then(|| "marked as a false positive".to_owned()),
        ..Found::default()
    });
}

struct Zap<'c> {
    report: ScanReport<'c>,
    endpoints: Option<u64>,
    sites: u64,
}

fn read_json<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let report = ScanReport::new(context, ScanKind::Dast, "ZAP");
    let mut zap = Zap { report, endpoints: None, sites: 0 };
    json::read(input, &mut zap)?;
    let Zap { mut report, endpoints, sites } = zap;
    report.scan.looked_at = Some(if sites == 0 { 0 } else { endpoints.unwrap_or(sites) });
    report.count("sites", sites);
    Ok(report.finish())
}

impl<'de> Object<'de> for Zap<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "@version" => self.report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "created" => self.report.scan.finished_at = json::value::<Text<'de>, A>(value)?.time(),
            "site" => {
                let mut site = Site { report: &mut self.report, name: String::new(), sites: &mut self.sites };
                json::objects(value, &mut site)?;
            }
            "insights" => json::each(value, |insight: Insight<'de>| {
                if &*insight.key == "insight.endpoint.total" {
                    self.endpoints = insight.statistic.number();
                }
                if &*insight.level == "High" {
                    self.report.partial(format!("{}: {}", &*insight.key, &*insight.description));
                }
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

struct Site<'r, 'c> {
    report: &'r mut ScanReport<'c>,
    name: String,
    sites: &'r mut u64,
}

impl<'de> Object<'de> for Site<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "@name" => {
                self.name = clip(&json::value::<Text<'de>, A>(value)?);
                self.report.scan.target.get_or_insert_with(|| self.name.clone());
            }
            "alerts" => json::each(value, |alert: Alert<'de>| {
                let first = alert.instances.first();
                self.report.count("instances", alert.instances.total);
                let place = first.map(|i| format!("{} {} {}", &*i.method, &*i.uri, &*i.param)).unwrap_or_default();
                let told = Told {
                    plugin: alert.alert_ref.some().unwrap_or(&alert.pluginid),
                    title: alert.name.some().unwrap_or(&alert.alert),
                    risk: &alert.riskcode,
                    risk_words: &alert.riskdesc,
                    confidence: &alert.confidence,
                    cwe: &alert.cweid,
                    place: place.trim(),
                    site: &self.name,
                };
                tell(self.report, &told);
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        *self.sites += 1;
        self.name.clear();
    }
}

#[derive(Default)]
struct Item {
    plugin: String,
    alert_ref: String,
    title: String,
    risk: String,
    risk_words: String,
    confidence: String,
    cwe: String,
    place: String,
}

struct ZapXml<'c> {
    report: ScanReport<'c>,
    site: String,
    item: Option<Item>,
}

fn read_xml(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Dast, "ZAP");
    report.looked_at(0);
    let mut zap = ZapXml { report, site: String::new(), item: None };
    let cut = xml::walk(input, &mut zap)?;
    zap.report.cut_off(cut);
    Ok(zap.report.finish())
}

impl Elements for ZapXml<'_> {
    fn open(&mut self, e: &Element<'_, '_>, _: &Path) {
        match e.name() {
            "OWASPZAPReport" => {
                self.report.scan.tool_version = e.attribute("version");
                self.report.scan.finished_at = e.time("created");
            }
            "site" => {
                self.site = e.text("name");
                self.report.looked_at(1);
                let site = self.site.clone();
                self.report.scan.target.get_or_insert(site);
            }
            "alertitem" => self.item = Some(Item::default()),
            _ => {}
        }
    }

    fn close(&mut self, name: &str, text: &str, path: &Path) {
        let Some(item) = &mut self.item else { return };
        match (name, path.up(1)) {
            ("pluginid", _) => item.plugin = clip(text),
            ("alertRef", _) => item.alert_ref = clip(text),
            ("alert" | "name", "alertitem") => item.title = clip(text),
            ("riskcode", _) => item.risk = clip(text),
            ("riskdesc", _) => item.risk_words = clip(text),
            ("confidence", "alertitem") => item.confidence = clip(text),
            ("cweid", _) => item.cwe = clip(text),
            ("uri", _) if item.place.is_empty() => item.place = clip(text),
            ("instance", _) => self.report.count("instances", 1),
            ("alertitem", _) => {
                let item = self.item.take().unwrap_or_default();
                let told = Told {
                    plugin: if item.alert_ref.is_empty() { &item.plugin } else { &item.alert_ref },
                    title: &item.title,
                    risk: &item.risk,
                    risk_words: &item.risk_words,
                    confidence: &item.confidence,
                    cwe: &item.cwe,
                    place: &item.place,
                    site: &self.site,
                };
                tell(&mut self.report, &told);
            }
            _ => {}
        }
    }
}
