//! The commit graph: what follows what, what reached which branch, where releases are cut.

use crate::{Result, Tx};

/// Remembers the parents of a commit. What a checkout told (`exact`) is never replaced by what a push implies.
/// Returns the parents that were known before, if they differ.
///
/// # Errors
/// When the database fails.
pub fn set_edge(tx: &Tx<'_>, child: &str, parents: &str, exact: bool) -> Result<Option<String>> {
    let known =
        tx.first("SELECT parents, exact FROM edge WHERE child = ?1", &[child.into()], |r| Ok((r.text(0)?, r.int(1)?)))?;
    if known.as_ref().is_none_or(|(_, known_exact)| exact && *known_exact == 0) {
        tx.exec(
            "INSERT INTO edge (child, parents, exact) VALUES (?1, ?2, ?3)
             ON CONFLICT (child) DO UPDATE SET parents = excluded.parents, exact = excluded.exact",
            &[child.into(), parents.into(), i64::from(exact).into()],
        )?;
    }
    Ok(known.map(|(text, _)| text).filter(|text| text != parents))
}

/// The parents of a commit, if any are known. A root commit has none: an empty list.
///
/// # Errors
/// When the database fails.
pub fn parents(tx: &Tx<'_>, child: &str) -> Result<Option<Vec<String>>> {
    tx.first("SELECT parents FROM edge WHERE child = ?1", &[child.into()], |r| {
        Ok(r.text(0)?.split_whitespace().map(str::to_owned).collect())
    })
}

/// Remembers that a commit reached a branch.
///
/// # Errors
/// When the database fails.
pub fn insert_pushed(tx: &Tx<'_>, commit: &str, repository: &str, branch: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO pushed (commit_id, repository, branch) VALUES (?1, ?2, ?3)
         ON CONFLICT (commit_id, repository, branch) DO NOTHING",
        &[commit.into(), repository.into(), branch.into()],
    )?;
    Ok(())
}

/// The repositories and branches a commit reached.
///
/// # Errors
/// When the database fails.
pub fn pushed_to(tx: &Tx<'_>, commit: &str) -> Result<Vec<(String, String)>> {
    tx.query("SELECT repository, branch FROM pushed WHERE commit_id = ?1", &[commit.into()], |r| {
        Ok((r.text(0)?, r.text(1)?))
    })
}

/// Remembers where a release is cut.
///
/// # Errors
/// When the database fails.
pub fn insert_cut(tx: &Tx<'_>, commit: &str, release: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO cut (commit_id, release) VALUES (?1, ?2) ON CONFLICT (commit_id, release) DO NOTHING",
        &[commit.into(), release.into()],
    )?;
    Ok(())
}

/// The releases cut at a commit.
///
/// # Errors
/// When the database fails.
pub fn cut_at(tx: &Tx<'_>, commit: &str) -> Result<Vec<i64>> {
    tx.query("SELECT release FROM cut WHERE commit_id = ?1", &[commit.into()], |r| r.int(0))
}

/// Replaces the commits at which the range of a release ends in the dark.
///
/// # Errors
/// When the database fails.
pub fn set_frontier(tx: &Tx<'_>, release: i64, commits: &[String]) -> Result<()> {
    tx.exec("DELETE FROM frontier WHERE release = ?1", &[release.into()])?;
    for commit in commits {
        tx.exec("INSERT INTO frontier (release, commit_id) VALUES (?1, ?2)", &[release.into(), commit.into()])?;
    }
    Ok(())
}

/// The releases whose range ends in the dark at a commit.
///
/// # Errors
/// When the database fails.
pub fn waiting_for(tx: &Tx<'_>, commit: &str) -> Result<Vec<i64>> {
    tx.query("SELECT release FROM frontier WHERE commit_id = ?1", &[commit.into()], |r| r.int(0))
}
