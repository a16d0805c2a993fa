//! Forward migrations, each applied once, in order.

use crate::{Result, StoreError, Writer};

const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001-first.sql")];

pub(crate) fn run(writer: &mut Writer) -> Result<()> {
    let connection = &writer.connection();
    connection.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    let found: i64 =
        connection.query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (i, text) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let text = text.replace("{bytes}", "BLOB").replace("{keyed}", "WITHOUT ROWID");
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;\n{text}\nINSERT INTO schema_version (version) VALUES ({});\nCOMMIT;",
            i + 1
        ))?;
    }
    Ok(())
}
