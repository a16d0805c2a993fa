//! The commit graph: what follows what, what reached which branch, where releases are cut.

use crate::{Result, Tx};

/// Remembers the parents of a commit, as a checkout told them (`exact`) or as a push implies them. Nothing that
/// was told before is replaced. Returns what another push implied, if a checkout tells now.
///
/// # Errors
/// When the database fails.
pub fn add_edge(tx: &Tx<'_>, child: &str, parents: &str, exact: bool) -> Result<Option<String>> {
    tx.exec(
        "INSERT INTO edge (child, parents, exact) VALUES (?1, ?2, ?3)
         ON CONFLICT (child, parents, exact) DO NOTHING",
        &[child.into(), parents.into(), i64::from(exact).into()],
    )?;
    if !exact {
        return Ok(None);
    }
    tx.first("SELECT parents FROM edge WHERE child = ?1 AND exact = 0 ORDER BY parents", &[child.into()], |r| r.text(0))
}

/// Everything a commit is known to follow; `None` if nobody told. A root commit follows nothing: an empty list.
///
/// # Errors
/// When the database fails.
pub fn parents(tx: &Tx<'_>, child: &str) -> Result<Option<Vec<String>>> {
    let told = tx.query("SELECT parents FROM edge WHERE child = ?1", &[child.into()], |r| r.text(0))?;
    if told.is_empty() {
        return Ok(None);
    }
    let mut all: Vec<String> = told.iter().flat_map(|t| t.split_whitespace()).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    Ok(Some(all))
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
