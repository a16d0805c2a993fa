//! Package URLs (ECMA-427): made from what a tool says, and stripped to what stays the same across versions.

use packageurl::PackageUrl;

use crate::base::clip;

/// The purl type of an ecosystem as tools call it.
fn kind_of(ecosystem: &str) -> Option<&'static str> {
    let name = ecosystem.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match name.as_str() {
        "npm" | "node" | "nodejs" | "javascript" | "yarn" | "pnpm" | "node-pkg" | "node package" => "npm",
        "pypi" | "pip" | "python" | "poetry" | "pipenv" | "python-pkg" | "uv" => "pypi",
        "cargo" | "rust" | "rust-crate" | "rustbinary" | "rust-binary" => "cargo",
        // OSV calls the ecosystem by the host of its registry.
        name if name.starts_with("crates") => "cargo",
        "go" | "golang" | "gomod" | "gobinary" | "go-module" | "go package" => "golang",
        "maven" | "gradle" | "java" | "jar" | "pom" | "java-archive" | "java archive" => "maven",
        "nuget" | "dotnet" | ".net" | "dotnet-core" => "nuget",
        "gem" | "rubygems" | "ruby" | "bundler" | "gemspec" => "gem",
        "composer" | "packagist" | "php" => "composer",
        "debian" | "ubuntu" | "deb" | "dpkg" => "deb",
        "alpine" | "apk" | "wolfi" | "chainguard" => "apk",
        "rpm" | "redhat" | "red hat" | "centos" | "rocky" | "alma" | "amazon" | "oracle" | "fedora" | "suse" => "rpm",
        "hex" => "hex",
        "pub" | "dart" => "pub",
        "swift" => "swift",
        "conan" => "conan",
        "github actions" | "githubactions" => "githubactions",
        _ => return None,
    })
}

/// A purl from an ecosystem and a name; nothing where the ecosystem is not known or the name does not fit.
pub(crate) fn make(ecosystem: &str, name: &str, version: Option<&str>) -> Option<String> {
    let kind = kind_of(ecosystem)?;
    let name = name.trim();
    let (namespace, name) = match kind {
        "maven" => name.split_once(':').or_else(|| name.split_once('/')).map_or((None, name), |(g, a)| (Some(g), a)),
        "npm" | "golang" | "composer" | "swift" => name.rsplit_once('/').map_or((None, name), |(n, r)| (Some(n), r)),
        // The distribution is the namespace where it is named.
        "deb" | "apk" | "rpm" => {
            let distribution = ecosystem.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            let namespace = match distribution.as_str() {
                "debian" => Some("debian"),
                "ubuntu" => Some("ubuntu"),
                "alpine" => Some("alpine"),
                "redhat" | "red hat" => Some("redhat"),
                "centos" => Some("centos"),
                "fedora" => Some("fedora"),
                _ => None,
            };
            (namespace, name)
        }
        _ => (None, name),
    };
    let mut purl = PackageUrl::new(kind, name.to_owned()).ok()?;
    if let Some(namespace) = namespace {
        purl.with_namespace(namespace.to_owned()).ok()?;
    }
    if let Some(version) = version.filter(|v| !v.is_empty()) {
        purl.with_version(version.to_owned()).ok()?;
    }
    Some(clip(&purl.to_string()))
}

/// The purl without version, qualifiers and path: what stays the same when the version moves.
pub(crate) fn stem(purl: &str) -> Option<String> {
    let parsed: PackageUrl<'_> = purl.parse().ok()?;
    let mut out = format!("pkg:{}", parsed.ty());
    for part in parsed.namespace().into_iter().chain([parsed.name()]) {
        out.push('/');
        out.push_str(part);
    }
    Some(out.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_purls_and_purls_become_stems() {
        for (ecosystem, name, version, purl, stripped) in [
            ("npm", "@acme/pay", Some("1.0.0"), "pkg:npm/%40acme/pay@1.0.0", "pkg:npm/@acme/pay"),
            ("Maven", "org.acme:pay", None, "pkg:maven/org.acme/pay", "pkg:maven/org.acme/pay"),
            ("Debian:12", "openssl", Some("3.0.1-1"), "pkg:deb/debian/openssl@3.0.1-1", "pkg:deb/debian/openssl"),
            (
                "Go",
                "github.com/acme/pay",
                Some("v1"),
                "pkg:golang/github.com/acme/pay@v1",
                "pkg:golang/github.com/acme/pay",
            ),
        ] {
            let made = make(ecosystem, name, version).unwrap();
            assert_eq!(made, purl);
            assert_eq!(stem(&made).unwrap(), stripped);
        }
        assert_eq!(make("martian", "a", None), None);
        assert_eq!(stem("pkg:deb/debian/openssl@3.0.1?arch=amd64&distro=debian-12").unwrap(), "pkg:deb/debian/openssl");
        assert_eq!(stem("no purl"), None);
    }
}
