//! Anchore: `image vuln` of the CLI and API (snake and camel case), and the export of the Enterprise page.
//! A scan of operating system packages only is partial by choice.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "anchore",
    title: "Anchore JSON",
    family: Family::Components,
    standard: "Anchore Engine and Enterprise API v1 and v2",
    looks: &[
        Looks::Json(&["imageDigest", "vulnerabilities"]),
        Looks::Json(&["image_digest", "vulnerabilities"]),
        Looks::Json(&["securityEvaluation:[]"]),
        Looks::Json(&["[].vuln", "[].feed"]),
        Looks::Json(&["message", "httpcode"]),
    ],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow, default, alias = "vulnerabilityId")]
    vuln: Text<'a>,
    #[serde(borrow, default)]
    cves: Text<'a>,
    #[serde(borrow, default)]
    severity: Text<'a>,
    #[serde(borrow, default)]
    package: Text<'a>,
    #[serde(borrow, default, alias = "packageName")]
    package_name: Text<'a>,
    #[serde(borrow, default, alias = "packageVersion")]
    package_version: Text<'a>,
    #[serde(borrow, default, alias = "packageType")]
    package_type: Text<'a>,
    #[serde(borrow, default, alias = "packagePath", alias = "path")]
    package_path: Text<'a>,
    #[serde(borrow, default, alias = "fixAvailable")]
    fix: Text<'a>,
    #[serde(borrow, default, alias = "nvdData")]
    nvd_data: Few<Nvd<'a>>,
    #[serde(borrow, default, rename = "nvdCvssBaseScore")]
    score: Text<'a>,
    #[serde(borrow, default, rename = "imageDigest", alias = "image_digest")]
    digest: Text<'a>,
    #[serde(borrow, default, alias = "detectedAt")]
    detected_at: Text<'a>,
}

#[derive(Deserialize)]
struct Nvd<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default, alias = "cvssV3")]
    cvss_v3: Maybe<Cvss<'a>>,
    #[serde(borrow, default, alias = "cvssV2")]
    cvss_v2: Maybe<Cvss<'a>>,
}

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(borrow, default, alias = "baseScore")]
    base_score: Text<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    registry: Text<'a>,
    #[serde(borrow, default)]
    repository: Text<'a>,
    #[serde(borrow, default)]
    tag: Text<'a>,
    #[serde(borrow, default, rename = "imageDigest", alias = "image_digest")]
    digest: Text<'a>,
}

struct Anchore<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut anchore = Anchore(ScanReport::new(context, ScanKind::Container, "Anchore"));
    if input.head().trim_start().starts_with('[') {
        json::records(input, |i: Issue<'de>| anchore.issue(&i))?;
    } else {
        json::read(input, &mut anchore)?;
    }
    Ok(anchore.0.finish())
}

impl<'de> Object<'de> for Anchore<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        match key {
            "vulnerabilities" | "securityEvaluation" => json::each(value, |i: Issue<'de>| self.issue(&i))?,
            "imageDigest" | "image_digest" => {
                let digest: Text<'de> = json::value(value)?;
                self.digest(&digest);
            }
            "vulnerability_type" | "vulnerabilityType" => {
                let asked: Text<'de> = json::value(value)?;
                if asked.some().is_some_and(|a| a != "all") {
                    self.0.partial(format!("It was asked for `{}` only", &*asked));
                }
            }
            "metadata" => {
                let metadata: Maybe<Metadata<'de>> = json::value(value)?;
                let Some(m) = metadata.get() else { return Ok(()) };
                self.0.scan.target = Some(format!("{}/{}:{}", &*m.registry, &*m.repository, &*m.tag));
                self.digest(&m.digest);
            }
            "httpcode" => {
                self.0.scan.success = Some(false);
                json::skip(value)?;
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

impl Anchore<'_> {
    fn digest(&mut self, digest: &str) {
        if digest.starts_with("sha256:") && !self.0.scan.digests.iter().any(|d| d == digest) {
            self.0.scan.digests.push(clip(digest));
        }
    }

    fn issue(&mut self, i: &Issue<'_>) {
        self.digest(&i.digest);
        let none = |t: &Text<'_>| t.some().filter(|t| *t != "None").map(str::to_owned);
        // `package` is name and version in one.
        let split = i.package.rsplit_once('-').unwrap_or((&i.package, ""));
        let name = i.package_name.some().unwrap_or(split.0);
        let version = i.package_version.some().or(Some(split.1).filter(|v| !v.is_empty()));
        let mut scores: Vec<_> = severity::score("", i.score.float(), "nvd").into_iter().collect();
        for nvd in i.nvd_data.iter().take(10) {
            let number = |c: &Maybe<Cvss<'_>>| c.get().and_then(|c| c.base_score.float());
            scores.extend(severity::number(ScoreSystem::V3, number(&nvd.cvss_v3), "nvd"));
            scores.extend(severity::number(ScoreSystem::V2, number(&nvd.cvss_v2), "nvd"));
        }
        let aliases = i.nvd_data.iter().map(|n| clip(&n.id)).chain(i.cves.split(',').map(clip));
        self.0.finding(Found {
            rule: &i.vuln,
            title: &i.vuln,
            place: &none(&i.package_path).unwrap_or_default(),
            word: &i.severity,
            scores,
            aliases: aliases.collect(),
            component: Some(Component {
                name: name.to_owned(),
                version: version.map(str::to_owned),
                purl: purl::make(&i.package_type, name, version),
                fixed_in: none(&i.fix),
            }),
            first_seen: i.detected_at.time(),
            ..Found::default()
        });
    }
}
