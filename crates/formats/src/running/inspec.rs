//! InSpec and CINC Auditor JSON, the short form, and the Heimdall Data Format. A control failed when any of its results
//! did; an exception or a control without results makes it partial; a waiver suppresses.

use certrail_domain::Time;

use crate::{base::time, prelude::*};

pub(crate) static FORMAT: Definition = Definition {
    name: "inspec",
    title: "InSpec JSON, Heimdall Data Format",
    family: Family::Running,
    standard: "InSpec reporters json and json-min; HDF 1 and 2",
    looks: &[
        Looks::Json(&["profiles[].controls", "platform"]),
        Looks::Json(&["profiles:[]", "platform:{}"]),
        Looks::Json(&["profiles:[]", "statistics:{}"]),
        Looks::Json(&["controls[].profile_id", "controls[].code_desc"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Control<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    impact: Text<'a>,
    #[serde(borrow, default)]
    results: Few<ControlResult<'a>>,
    #[serde(borrow, default)]
    waiver_data: Maybe<Waiver<'a>>,
    #[serde(borrow, default)]
    tags: Maybe<Tags<'a>>,
}

#[derive(Deserialize)]
struct Tags<'a> {
    #[serde(borrow, default)]
    cweid: Few<Text<'a>>,
    #[serde(borrow, default)]
    cwe: Few<Text<'a>>,
}

#[derive(Deserialize)]
struct Waiver<'a> {
    #[serde(borrow, default)]
    justification: Text<'a>,
    #[serde(borrow, default)]
    run: Text<'a>,
    #[serde(borrow, default)]
    skipped_due_to_waiver: Text<'a>,
    #[serde(borrow, default)]
    expiration_date: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

#[derive(Deserialize)]
struct ControlResult<'a> {
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    start_time: Text<'a>,
    #[serde(borrow, default)]
    exception: Text<'a>,
    #[serde(default)]
    backtrace: Counted,
}

/// A result of the short form.
#[derive(Deserialize)]
struct Short<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    code_desc: Text<'a>,
}

#[derive(Deserialize)]
struct Platform<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    release: Text<'a>,
    #[serde(borrow, default)]
    target_id: Text<'a>,
}

struct Inspec<'c> {
    report: ScanReport<'c>,
    /// Failed controls of the short form: id and description.
    short: std::collections::BTreeMap<String, (String, bool)>,
    errors: u64,
    first: String,
}

struct Profile<'p, 'c> {
    inspec: &'p mut Inspec<'c>,
    name: String,
    parent: bool,
    without_results: u64,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Host, "InSpec");
    report.looked_at(0);
    let mut inspec = Inspec { report, short: Default::default(), errors: 0, first: String::new() };
    json::read(input, &mut inspec)?;
    let Inspec { mut report, short, errors, first } = inspec;
    for (id, (text, failed)) in short {
        report.looked_at(1);
        if failed {
            // The short form has no impact.
            let found = Found { rule: &id, title: &text, own: Some(&id), ..Found::default() };
            report.finding(Found { level: Some(Level::Medium), ..found });
        }
    }
    report.error(errors, &first);
    Ok(report.finish())
}

impl<'de> Object<'de> for Inspec<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "profiles" => json::objects(
                value,
                &mut Profile { inspec: self, name: String::new(), parent: false, without_results: 0 },
            )?,
            "controls" => json::each(value, |c: Short<'de>| {
                // Whatever is not one of the three words did not end well.
                let failed = !matches!(&*c.status, "passed" | "skipped");
                if self.short.len() >= MAX_SHORT {
                    self.report.partial(format!("It lists more than {MAX_SHORT} controls"));
                } else if &*c.status != "skipped" {
                    let known = self.short.entry(clip(&c.id)).or_insert_with(|| (clip(&c.code_desc), false));
                    if failed && !known.1 {
                        *known = (clip(&c.code_desc), true);
                    }
                }
            })?,
            "version" => self.report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip),
            "platform" => {
                let platform: Maybe<Platform<'de>> = json::value(value)?;
                let Some(p) = platform.get() else { return Ok(()) };
                let named = p.target_id.some().map(clip);
                self.report.scan.target = named.or_else(|| Some(format!("{} {}", &*p.name, &*p.release)));
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

impl<'de> Object<'de> for Profile<'_, '_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = clip(&json::value::<Text<'de>, A>(value)?),
            "status" => {
                let status: Text<'de> = json::value(value)?;
                if matches!(&*status, "skipped" | "failed") {
                    self.inspec.report.partial(format!("A profile was {}", &*status));
                }
            }
            // A wrapper repeats the controls of the profiles it depends on, without results.
            "depends" => self.parent = json::count(value)? > 0,
            "controls" => json::each(value, |c: Control<'de>| {
                self.without_results += u64::from(c.results.total == 0);
                self.inspec.control(&c);
            })?,
            _ => json::skip(value)?,
        }
        Ok(())
    }

    fn end(&mut self) {
        self.inspec.report.count("profiles", 1);
        let without = std::mem::take(&mut self.without_results);
        if without > 0 && !self.parent {
            self.inspec.report.partial(format!("{without} controls have no result"));
        }
        self.parent = false;
    }
}

/// Controls of the short form that are held.
const MAX_SHORT: usize = 50_000;

impl Waiver<'_> {
    /// One that had ended when the control ran waives nothing.
    fn holds(&self, at: Option<Time>) -> bool {
        let day = |text: &str| time::parse(&format!("{}T23:59:59Z", text.get(..10)?));
        let ended = self.expiration_date.some().is_some_and(|end| match (day(end), at) {
            (Some(end), Some(at)) => end < at,
            _ => true,
        });
        !ended && !self.message.to_ascii_lowercase().contains("expired")
    }
}

impl Inspec<'_> {
    fn control(&mut self, c: &Control<'_>) {
        let impact = match &*c.impact {
            "critical" => Some(0.9),
            "high" => Some(0.7),
            "medium" => Some(0.5),
            "low" => Some(0.3),
            "none" => Some(0.0),
            _ => c.impact.float(),
        };
        if c.results.total == 0 {
            self.report.count("without_results", 1);
            return;
        }
        if impact == Some(0.0) {
            self.report.count("not_applicable", 1);
            return;
        }
        let started = c.results.iter().filter_map(|r| r.start_time.time()).min();
        let scan = &mut self.report.scan;
        scan.started_at = [scan.started_at, started].into_iter().flatten().min();
        scan.rules += 1;
        let broken =
            c.results.iter().find(|r| r.exception.some().is_some() || r.backtrace.0 > 0 || &*r.status == "error");
        if let Some(broken) = broken {
            self.errors += 1;
            if self.first.is_empty() {
                self.first = format!("{}: {}", &*c.id, &*broken.exception);
            }
            return;
        }
        let results = self.report.all(&c.results);
        let any = |status: &str| results.clone().any(|r| &*r.status == status);
        let waiver = c.waiver_data.get().filter(|w| w.justification.some().or(w.run.some()).is_some());
        let waiver = waiver.filter(|w| w.holds(started));
        let skipped_by_waiver = waiver.is_some_and(|w| w.skipped_due_to_waiver.yes());
        if !any("failed") && !skipped_by_waiver {
            if any("passed") {
                self.report.looked_at(1);
                self.report.count("passed", 1);
            } else {
                self.report.count("not_reviewed", 1);
            }
            return;
        }
        self.report.looked_at(1);
        let level = match impact {
            Some(i) if i >= 0.9 => Level::Critical,
            Some(i) if i >= 0.7 => Level::High,
            Some(i) if i >= 0.4 => Level::Medium,
            Some(i) if i >= 0.1 => Level::Low,
            Some(_) => Level::Info,
            None => Level::High,
        };
        let tags = c.tags.get();
        self.report.finding(Found {
            rule: &c.id,
            title: c.title.some().unwrap_or(&c.id),
            own: c.id.some(),
            word: &c.impact,
            level: Some(level),
            cwes: tags
                .into_iter()
                .flat_map(|t| t.cweid.iter().chain(&t.cwe))
                .filter_map(|t| severity::cwe(t))
                .collect(),
            suppressed: waiver.map(|w| format!("waived: {}", &*w.justification)),
            ..Found::default()
        });
    }
}
