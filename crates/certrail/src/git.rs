//! Commits as a checkout has them: the range of a release, those of a change, each as the object itself.

use std::path::Path;

use anyhow::{Context, bail};
use certrail_domain::{account_in_commit, facts::Commit, is_prerelease, normal_version, version_cmp};
use certrail_usecases::{CommitInput, LONGEST_COMMIT};
use gix::{ObjectId, Repository};

use crate::failure::{Failure, NOT_FOUND};

/// What a checkout says about a release.
#[derive(Debug)]
pub(crate) struct Range {
    /// The commit it is cut at.
    pub(crate) commit: String,
    /// The release before it on the line, if a tag names one.
    pub(crate) previous: Option<String>,
    /// The commits between, newest first.
    pub(crate) commits: Vec<CommitInput>,
    /// `owner/name` of the remote, without credentials.
    pub(crate) repository: Option<String>,
}

/// Reads the range that ends at `at` (a tag, commit or `HEAD`).
///
/// The previous release is the one named, else the nearest tagged version that `at` descends from.
pub(crate) fn range(folder: &Path, version: &str, at: &str, previous: Option<&str>) -> anyhow::Result<Range> {
    let repo = gix::discover(folder).context("find the git checkout")?;
    if repo.is_shallow()? {
        bail!(
            "the clone is shallow, so the range would be cut short; run `git fetch --unshallow --tags` (in GitHub Actions: fetch-depth: 0)"
        );
    }
    let tip = resolve(&repo, at)?;
    let tags = version_tags(&repo)?;
    let before = match previous {
        Some(name) => Some((normal_version(name).to_owned(), resolve_version(&repo, &tags, name)?)),
        // A candidate is not the release before the one it was a candidate for.
        None => {
            let before: Vec<_> =
                tags.iter().filter(|(v, _)| is_prerelease(version) || !is_prerelease(v)).cloned().collect();
            nearest(&repo, tip, &before)?
        }
    };
    let walk = repo.rev_walk([tip]);
    let walk = match &before {
        Some((_, id)) => walk.with_hidden([*id]),
        None => walk,
    };
    let commits = told(walk, "name the release before with --previous")?;
    Ok(Range { commit: tip.to_string(), previous: before.map(|(v, _)| v), commits, repository: remote(&repo) })
}

/// The commits of a change.
pub(crate) struct Brought {
    /// Its head.
    pub(crate) head: String,
    /// The commits that it brings, newest first.
    pub(crate) commits: Vec<CommitInput>,
    /// `owner/name` of the remote, without credentials.
    pub(crate) repository: Option<String>,
}

/// What `head` and its merge bring that `base` does not have: the target just before, which is the first parent of the merge
/// where nobody says.
pub(crate) fn brought(folder: &Path, head: &str, base: Option<&str>, merge: Option<&str>) -> anyhow::Result<Brought> {
    let repo = gix::discover(folder).context("find the git checkout")?;
    if repo.is_shallow()? {
        bail!("the clone is shallow, so commits would be missing; run `git fetch --unshallow`");
    }
    let tip = resolve(&repo, head)?;
    let base = match (base, merge) {
        (Some(base), _) => resolve(&repo, base)?,
        (None, Some(merge)) => {
            let merge = repo.find_commit(resolve(&repo, merge)?)?;
            merge.parent_ids().next().context("the merge commit has no parent; say --base")?.detach()
        }
        (None, None) => bail!("Where it branched off is not known: say --base, or --merge-commit of what is merged"),
    };
    // What was rebased or squashed is on the target only, under other ids.
    let merged = merge.map(|merge| resolve(&repo, merge)).transpose()?;
    let commits = told(repo.rev_walk([tip].into_iter().chain(merged)).with_hidden([base]), "is --base right?")?;
    let tip = tip.to_string();
    if !commits.iter().any(|commit| commit.sha == tip) {
        bail!(
            "{head} brings nothing that {base} does not have; say --base as the target just before the merge, and the merge commit by its id"
        );
    }
    Ok(Brought { head: tip, commits, repository: remote(&repo) })
}

/// Bytes that commits take in one fact; where there are more, the older ones are told without their objects.
const MOST_BYTES: usize = 14 * 1024 * 1024;

/// The commits of a walk, each as its object, which proves what it says.
fn told(walk: gix::revision::walk::Platform<'_>, too_many: &str) -> anyhow::Result<Vec<CommitInput>> {
    let (mut commits, mut objects, mut bytes) = (Vec::new(), Vec::new(), 0);
    for info in walk.all().context("walk the commits")? {
        let info = info.context("walk the commits; is the clone shallow? `git fetch --unshallow` helps")?;
        let commit = info.object()?;
        let message = String::from_utf8_lossy(commit.message_raw()?).into_owned();
        let author = account_in_commit(&commit.author()?.email.to_string());
        let parents = commit.parent_ids().map(|p| p.to_string()).collect();
        let read = Commit::from_message(&info.id.to_string(), Some(author), &message, Some(parents));
        let told = CommitInput {
            sha: read.sha,
            raw: None,
            author: read.author,
            co_authors: read.co_authors,
            title: read.title,
            tickets: read.tickets,
            parents: read.parents,
        };
        bytes += serde_json::to_vec(&told)?.len();
        let small = commit.data.len() <= LONGEST_COMMIT && bytes < MOST_BYTES;
        objects.push(std::str::from_utf8(&commit.data).ok().filter(|_| small).map(str::to_owned));
        commits.push(told);
        if commits.len() > 20_000 {
            bail!("these are more than 20,000 commits; {too_many}");
        }
    }
    for (told, object) in commits.iter_mut().zip(objects) {
        let Some(raw) = object else { continue };
        let proved = CommitInput { sha: told.sha.clone(), raw: Some(raw), ..CommitInput::default() };
        let more = serde_json::to_vec(&proved)?.len();
        if bytes + more <= MOST_BYTES {
            bytes += more;
            *told = proved;
        }
    }
    Ok(commits)
}

/// What was asked of the checkout cannot be had: somebody named what is not there, or it is not whole.
pub(crate) fn unreadable(e: &anyhow::Error) -> Failure {
    let why = format!("{e:#}").trim_end_matches('.').to_owned() + ".";
    let fix = "Run it in a full checkout, and name a tag, branch or commit that is there.";
    Failure::new(NOT_FOUND, "The checkout does not say that.", why, fix)
}

/// The full commit id that `at` names.
pub(crate) fn commit(folder: &Path, at: &str) -> anyhow::Result<String> {
    Ok(resolve(&gix::discover(folder).context("find the git checkout")?, at)?.to_string())
}

fn resolve(repo: &Repository, at: &str) -> anyhow::Result<ObjectId> {
    let id = repo.rev_parse_single(at).with_context(|| format!("find `{at}` in the checkout"))?;
    Ok(id.object()?.peel_to_kind(gix::object::Kind::Commit).with_context(|| format!("`{at}` is no commit"))?.id)
}

fn resolve_version(repo: &Repository, tags: &[(String, ObjectId)], name: &str) -> anyhow::Result<ObjectId> {
    let known = tags.iter().find(|(v, _)| v == normal_version(name)).map(|(_, id)| *id);
    known.map_or_else(|| resolve(repo, name), Ok)
}

/// Tags that name versions, with the commits they point at.
fn version_tags(repo: &Repository) -> anyhow::Result<Vec<(String, ObjectId)>> {
    let mut tags = Vec::new();
    for reference in repo.references()?.tags()? {
        let Ok(mut reference) = reference else { continue };
        let name = reference.name().shorten().to_string();
        let version = normal_version(&name).to_owned();
        if !version.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if let Ok(commit) = reference.peel_to_commit() {
            tags.push((version, commit.id));
        }
    }
    tags.sort_by(|a, b| version_cmp(&b.0, &a.0));
    Ok(tags)
}

/// The nearest tagged ancestor of `tip`, not `tip` itself.
fn nearest(
    repo: &Repository,
    tip: ObjectId,
    tags: &[(String, ObjectId)],
) -> anyhow::Result<Option<(String, ObjectId)>> {
    for info in repo.rev_walk([tip]).sorting(gix::revision::walk::Sorting::ByCommitTime(Default::default())).all()? {
        let Ok(info) = info else { break };
        if info.id == tip {
            continue;
        }
        if let Some((version, id)) = tags.iter().find(|(_, id)| *id == info.id) {
            return Ok(Some((version.clone(), *id)));
        }
    }
    Ok(None)
}

/// `owner/name` of the origin. The address may hold a token, so only the path leaves.
fn remote(repo: &Repository) -> Option<String> {
    let remote = repo.find_remote("origin").ok()?;
    let url = remote.url(gix::remote::Direction::Fetch)?;
    let path = url.path.to_string();
    let trimmed = path.trim_matches('/').trim_end_matches(".git");
    let mut parts = trimmed.rsplit('/');
    let (name, owner) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{name}").to_lowercase())
}
