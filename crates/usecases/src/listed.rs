//! Lists in which a row that cannot be read is a row that says so, and takes no other with it.

use certrail_store::StoreError;
use serde::Serialize;

/// A row of a list.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Listed<T> {
    /// As it should be.
    Whole(T),
    /// Its record is damaged.
    Damaged(DamagedRow),
}

/// What is known of a row whose record is damaged.
#[derive(Clone, Debug, Serialize)]
pub struct DamagedRow {
    /// Behind which the list goes on.
    pub cursor: String,
    /// What it is called, as far as that can be told.
    pub name: String,
    /// What is wrong and what to do, in a sentence.
    pub damaged: String,
}

impl<T> Listed<T> {
    /// The row, if it is whole.
    pub const fn whole(&self) -> Option<&T> {
        match self {
            Self::Whole(row) => Some(row),
            Self::Damaged(_) => None,
        }
    }

    /// What is known of the row, if it is damaged.
    pub const fn damaged(&self) -> Option<&DamagedRow> {
        match self {
            Self::Whole(_) => None,
            Self::Damaged(row) => Some(row),
        }
    }

    /// Behind which the list goes on: `of` tells it of a whole row.
    pub fn cursor(&self, of: impl FnOnce(&T) -> String) -> String {
        match self {
            Self::Whole(row) => of(row),
            Self::Damaged(row) => row.cursor.clone(),
        }
    }

    /// A row from what came of reading it. What is not the row's own fault stays an error.
    ///
    /// # Errors
    /// When the store fails otherwise.
    pub(crate) fn of(outcome: Result<T, StoreError>, cursor: &impl ToString, name: &str) -> Result<Self, StoreError> {
        match outcome {
            Ok(row) => Ok(Self::Whole(row)),
            Err(error) if error.is_damage() => {
                tracing::error!(%error, name, "a row of a list cannot be read");
                let damaged =
                    "Its record is damaged. Ask whoever runs the server: `certrail admin fsck` says what is wrong.";
                Ok(Self::Damaged(DamagedRow {
                    cursor: cursor.to_string(),
                    name: name.to_owned(),
                    damaged: damaged.to_owned(),
                }))
            }
            Err(error) => Err(error),
        }
    }
}
