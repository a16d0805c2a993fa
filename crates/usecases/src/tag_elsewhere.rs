//! A tag that names another commit than the release that is cut by it.

use certrail_criteria::Evidence;
use certrail_domain::{Facts, Release};

/// Where the tag of a release was moved to.
pub(crate) struct Elsewhere<'a> {
    commit: &'a str,
    /// It was deleted there.
    gone: bool,
}

impl Elsewhere<'_> {
    /// `Its tag names another commit now, 1a2b3c4.`
    pub(crate) fn sentence(&self) -> String {
        let short: String = self.commit.chars().take(7).collect();
        match self.gone {
            true => format!("Its tag was moved to another commit, {short}, and is gone."),
            false => format!("Its tag names another commit now, {short}."),
        }
    }
}

/// The commit that the tag of a release named last, in the repository it is cut from, where that is another one. That a tag is
/// deleted changes nothing of what was cut.
pub(crate) fn tag_elsewhere<'a>(
    evidence: impl Iterator<Item = &'a Evidence>,
    release: &Release,
) -> Option<Elsewhere<'a>> {
    // A release page names the commit at which its tag was to be made, and says nothing of one that was there.
    let of_tags = evidence.filter(|e| e.signal.name != "release");
    let told = of_tags.filter_map(|e| match &e.signal.facts {
        Facts::Tag(tag) if release.repository.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(&tag.repository)) => {
            Some(((e.at(), e.log_index), tag.commit.as_deref()))
        }
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let newest = told.iter().max_by_key(|(when, _)| *when)?;
    let (_, commit) =
        told.iter().filter_map(|(when, commit)| Some((when, (*commit)?))).max_by_key(|(when, _)| *when)?;
    (Some(commit) != release.commit.as_deref()).then_some(Elsewhere { commit, gone: newest.1.is_none() })
}
