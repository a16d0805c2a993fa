//! Remarks about a report: the first few of each kind, never thousands.

/// How many remarks are kept.
const MAX: usize = 10;

/// Remarks in the order they came, without repetition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// Adds a remark, unless it was made before or there are enough.
    pub(crate) fn add(&mut self, note: impl Into<String>) {
        if self.0.len() < MAX {
            let note = note.into();
            if !self.0.contains(&note) {
                self.0.push(note);
            }
        }
    }

    /// Adds a remark where there is one.
    pub(crate) fn add_some(&mut self, note: Option<impl Into<String>>) {
        if let Some(note) = note {
            self.add(note);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}
