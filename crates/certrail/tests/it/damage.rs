//! Whoever can write to the database can change any table. `admin fsck` names what was changed, whatever it was.

use std::{fs, path::Path};

use super::command::{certrail, text};

/// A change of the database, and words of the fault that has to be named.
const DAMAGE: [(&str, &str); 142] = [
    ("UPDATE signal SET facts = replace(facts, 'success', 'failure')", "other facts"),
    ("UPDATE signal SET received = received + 1 WHERE log_index = 53", "Sender, time or type of entry 53"),
    ("UPDATE signal SET kind = 'test.check' WHERE kind = 'security.alert'", "are kept otherwise than it says"),
    (
        "UPDATE batch SET bodies = zeroblob(length(bodies)) WHERE first_index = (SELECT MIN(pack) FROM signal)",
        "do not match their fingerprint",
    ),
    ("DELETE FROM body", "is not there"),
    ("DELETE FROM signal WHERE log_index = 24", "Entry 24 has nothing stored beside it"),
    ("DELETE FROM delivery", "it would be recorded twice"),
    ("DELETE FROM subject WHERE log_index = 53", "Entry 53 cannot be found by"),
    ("UPDATE act SET document = document || ' ' WHERE log_index = 0", "The document of entry 0"),
    ("UPDATE act SET actor = 'nobody' WHERE log_index = 0", "The document of entry 0"),
    ("UPDATE batch SET leaves = zeroblob(length(leaves)) WHERE first_index = 0", "The leaf of entry 0 cannot be read"),
    ("UPDATE tile SET hashes = zeroblob(length(hashes))", "does not hold the hashes of its leaves"),
    ("UPDATE log SET size = size - 1", "it was rolled back"),
    ("UPDATE log SET roots = zeroblob(32)", "is not the tree of its leaves"),
    ("UPDATE log SET keys_from = keys_from + 1", "expects keys from an entry"),
    ("UPDATE context SET stands = 2 WHERE stands = 1", "neither yes nor no"),
    ("UPDATE signal SET packed = packed + 1 WHERE pack IS NOT NULL", "bytes long"),
    (
        "UPDATE batch SET checkpoint = '' WHERE first_index = (SELECT MAX(first_index) FROM batch)",
        "not the newest of the signed heads",
    ),
    ("UPDATE batch SET log_size = log_size + 1 WHERE first_index = 0", "The checkpoint stored for"),
    ("UPDATE binding SET to_index = 300 WHERE log_index = 53", "Entry 53 is bound to other releases"),
    ("DELETE FROM unbound", "nor in the unbound queue"),
    ("UPDATE release SET state = 'certified'", "is not what the log tells of it"),
    ("DELETE FROM member WHERE key LIKE 'commit:%'", "owns other things than follow from its cut"),
    ("DELETE FROM link", "links that signals told are not kept"),
    (
        "INSERT INTO link SELECT 'release:payments-api/2.5.0', 'digest:sha256:' || hex(zeroblob(32)), '', '', 2",
        "has other artefacts",
    ),
    ("UPDATE decision SET result = 'FAILED'", "(decision) is not what it tells"),
    ("UPDATE gate_ask SET answer = 'allow'", "(question to a gate) is not what it tells"),
    ("DELETE FROM exception WHERE to_index IS NULL", "(states of exceptions) is not what it tells"),
    ("UPDATE person SET document = replace(document, 'viewer', 'admin')", "(states of people) is not what it tells"),
    ("UPDATE token SET role = 'admin'", "is not as it was made"),
    ("UPDATE token SET digest = zeroblob(32) WHERE kind = 'token'", "is not as it was made"),
    ("UPDATE token SET scope = replace(scope, '\"*\"', '[]')", "is not as it was made"),
    ("UPDATE token SET expires = expires + 1 WHERE kind = 'session'", "The session"),
    ("UPDATE token SET parent = 'tok_other', made_by = 'nobody'", "is not as it was made"),
    (
        "INSERT INTO token SELECT zeroblob(32), 'tok_x', 'link', name, person, 'admin', created, expires, last_used, NULL, parent, scope, made_by FROM token LIMIT 1",
        "The link tok_x is not as it was made",
    ),
    ("UPDATE signal SET people = replace(people, 'tom', 'eve')", "other people"),
    ("UPDATE signal SET known = 'observed'", "how it is known"),
    ("UPDATE log SET received = received + 1", "received at another time"),
    ("INSERT INTO clock_doubt VALUES (5, 9)", "When the time was uncertain"),
    ("INSERT INTO clock_era VALUES (5, 1700000000000000)", "When the time was uncertain"),
    ("UPDATE signal SET occurred = occurred + 1", "are kept otherwise than it says"),
    ("UPDATE link SET product = 'web-checkout' WHERE source LIKE 'change:%'", "no signal says so"),
    ("UPDATE binding SET rule = 7 WHERE rule = 3 AND to_index IS NULL", "bound by other rules"),
    ("UPDATE binding SET key = 'commit:0' WHERE log_index = 53", "bound by other rules"),
    ("UPDATE shipment SET at = at + 1", "kept otherwise than its deployments tell"),
    ("DELETE FROM cut", "is not kept"),
    ("INSERT INTO release_alias SELECT product, '9.9.9', seq FROM release LIMIT 1", "former names of releases"),
    ("UPDATE exception SET release = 'rel_other'", "(states of exceptions) is not what it tells"),
    ("UPDATE product_version SET name = name || 'x'", "(states of products) is not what it tells"),
    ("UPDATE gate_ask SET release = 'rel_other'", "(question to a gate) is not what it tells"),
    ("INSERT INTO product_repository VALUES ('acme/other', 'payments-api', 0)", "repositories of products"),
    (
        "INSERT INTO member SELECT 'tag:northwind/payments-api@nightly', seq, 1, 1 FROM release WHERE version = '2.5.0'",
        "owns other things than follow from its cut",
    ),
    ("UPDATE criteria SET text = text || ' '", "(criteria set) is not what it tells"),
    ("UPDATE finding SET state = 'accepted', shelf = 1, until = 1", "is not kept as the log tells it"),
    ("UPDATE finding SET level = 0", "is not kept as the log tells it"),
    ("UPDATE finding SET clock_from = clock_from + 1", "is not kept as the log tells it"),
    ("UPDATE finding SET due = due + 1", "is not kept as the log tells it"),
    ("UPDATE finding SET name = 'harmless'", "is not kept as the log tells it"),
    ("DELETE FROM finding_move", "steps of findings"),
    ("UPDATE finding_move SET at = at + 1", "is not kept as the log tells it"),
    ("UPDATE finding SET suppressed = 1 - suppressed", "is not kept as the log tells it"),
    ("UPDATE finding SET fixed_by = fixed_by + 1", "is not kept as the log tells it"),
    ("UPDATE finding SET fixed_in = 9999", "is not kept as the log tells it"),
    ("DELETE FROM sighting", "is not kept as the log tells it"),
    ("UPDATE sighting SET mark = 0", "is not kept as the log tells it"),
    ("UPDATE sighting SET at = at + 1", "is not kept as the log tells it"),
    ("UPDATE sighting SET release = 9999", "is not kept as the log tells it"),
    ("UPDATE finding_decision SET finding = zeroblob(16)", "(states of decisions about findings) is not what it tells"),
    ("UPDATE finding_decision SET everywhere = 'x'", "(states of decisions about findings) is not what it tells"),
    ("UPDATE finding_decision SET state = 'approved'", "(states of decisions about findings) is not what it tells"),
    ("UPDATE finding_triage SET finding = finding + 1", "(words about findings) is not what it tells"),
    ("UPDATE scan_found SET found = zeroblob(0)", "does not say of"),
    ("DELETE FROM scan_found", "is not what it tells"),
    ("INSERT INTO scan_found VALUES (7, 0, zeroblob(0))", "lists of scans"),
    ("UPDATE scan SET taken_in = NULL", "From when on the scan of entry"),
    ("UPDATE scan SET taken_in = 1", "From when on the scan of entry"),
    ("INSERT INTO job VALUES (1, 'payments-api', 'follow-product', 'x', 0, 0)", "What is left to do cannot be read"),
    ("DELETE FROM scan", "is not kept"),
    ("DELETE FROM content", "brought its bytes first is not known"),
    ("INSERT INTO content SELECT zeroblob(16), log_index FROM content LIMIT 1", "contents"),
    ("INSERT INTO delivery SELECT zeroblob(16), log_index FROM delivery LIMIT 1", "deliveries"),
    ("UPDATE signal SET packed = packed - 1 WHERE log_index = 53", "The bytes of entry 53 do not match"),
    ("UPDATE signal SET size = size + 1 WHERE log_index = 53", "The bytes of entry 53 do not match"),
    ("UPDATE batch SET size = size + 1", "says that it has another size"),
    ("UPDATE body SET digest = CAST(x'00' || substr(digest, 2) AS BLOB)", "is not there"),
    ("UPDATE repository SET label_key = zeroblob(32)", "is kept otherwise than was told"),
    ("UPDATE repository SET log_index = log_index + 1", "is kept otherwise than was told"),
    ("INSERT INTO repository VALUES (99, 'acme/other', zeroblob(32), 1)", "repositories are kept"),
    ("UPDATE context SET stands = 0", "tells of its repository is kept otherwise"),
    ("UPDATE context SET at = at + 1", "tells of its repository is kept otherwise"),
    ("UPDATE context SET until_at = 0, until_index = 1", "tells of its repository ends at another time"),
    ("DELETE FROM context WHERE until_index >= 0", "signals tell of repositories"),
    ("DELETE FROM edge", "told of commits are not kept"),
    ("UPDATE edge SET parents = ''", "is kept otherwise than any signal tells"),
    ("UPDATE edge SET product = 'web-checkout'", "is kept otherwise than any signal tells"),
    ("DELETE FROM pushed", "told of commits are not kept"),
    ("INSERT INTO pushed SELECT hex(zeroblob(20)), 'acme/pay', 'main', ''", "no push says so"),
    (
        "INSERT INTO batch SELECT size, size, checkpoint, 0, zeroblob(0), NULL FROM log",
        "groups of leaves are kept that nothing tells of",
    ),
    (
        "INSERT INTO batch SELECT 1000000, log_size, checkpoint, size, leaves, NULL FROM batch LIMIT 1",
        "groups of leaves are kept",
    ),
    ("INSERT INTO act SELECT 1000000, act, actor, received, salt, document FROM act LIMIT 1", "acts are kept"),
    ("UPDATE batch SET bodies = x'00' WHERE bodies IS NULL", "packs of bodies are kept"),
    (
        "INSERT INTO body SELECT 1000000, digest, size, pack, start, packed FROM body LIMIT 1",
        "places of bodies are kept",
    ),
    ("INSERT INTO tile SELECT 7, 0, hashes FROM tile LIMIT 1", "full tiles"),
    (
        "INSERT INTO log SELECT id + 1, origin, epoch, size, roots, checkpoint, received, keys_from FROM log",
        "heads of logs are kept",
    ),
    ("INSERT INTO unbound VALUES (1000000)", "unbound signals are kept"),
    ("INSERT INTO shipment SELECT product, environment, at, 9999 FROM shipment LIMIT 1", "deployments are kept"),
    ("INSERT INTO member VALUES ('tag:acme/pay@1', 9999, 1, 1)", "members of releases are kept"),
    (
        "DELETE FROM range_base_commit WHERE commit_id = (SELECT MIN(commit_id) FROM range_base_commit)",
        "kept otherwise than what was judged tells",
    ),
    (
        "DELETE FROM release_version WHERE from_index = (SELECT MIN(from_index) FROM release_version)",
        "is not what the log tells of it",
    ),
    (
        "UPDATE release_version SET from_index = from_index + 2 WHERE document LIKE '%\"2.4.0\"%' AND document LIKE '%certified\"%'",
        "is not what the log tells of it",
    ),
    ("UPDATE binding SET kind = NULL WHERE kind = 'deployment.event'", "kinds of bindings"),
    ("UPDATE binding SET kind = 'release.manifest' WHERE log_index = 53", "kinds of bindings"),
    (
        "INSERT INTO binding SELECT 9999, log_index, from_index, to_index, rule, key, kind FROM binding LIMIT 1",
        "bindings are kept",
    ),
    ("INSERT INTO frontier VALUES (9999, 'commit')", "ends of ranges are kept"),
    ("INSERT INTO range_base VALUES (9999, 5, 'certified')", "releases that end ranges are kept"),
    ("INSERT INTO range_base_commit VALUES ('commit', 9999)", "commits of releases that end ranges are kept"),
    ("UPDATE moved SET at_index = at_index - 1", "moved from release to release last is kept wrongly"),
    ("DELETE FROM moved", "moved from release to release last is kept wrongly"),
    ("UPDATE range_base SET from_index = from_index - 1", "Where ranges end at"),
    ("UPDATE range_base_commit SET commit_id = 'other' || commit_id", "Where ranges end at"),
    ("INSERT INTO baseline_commit VALUES ('payments-api', 'commit', 5)", "is kept that nobody stated"),
    ("UPDATE log SET origin = 'other'", "under another name"),
    ("UPDATE life SET number = 7", "under other numbers"),
    ("UPDATE body SET log_index = log_index - 1", "places of bodies contradict"),
    ("UPDATE product_repository SET held = 0", "is not kept as it was told last"),
    ("UPDATE product SET log_index = 7", "products contradict"),
    ("UPDATE release SET created = created + 1", "is not what the log tells of it"),
    ("UPDATE shipment SET product = 'other'", "deployments contradict"),
    ("UPDATE member SET base = 7", "members of releases contradict"),
    ("UPDATE dossier SET made = made + 1", "(dossier) is not what it tells"),
    ("UPDATE dossier SET maker = 'other'", "(dossier) is not what it tells"),
    ("UPDATE dossier SET json = zeroblob(32)", "(dossier) is not what it tells"),
    ("UPDATE dossier SET pdf = zeroblob(32)", "(dossier) is not what it tells"),
    ("DELETE FROM body WHERE log_index IN (SELECT log_index FROM dossier)", "of the dossier of entry"),
    ("UPDATE finding SET exploited = 7", "findings contradict"),
    ("DELETE FROM finding_decision", "(states of decisions about findings) is not what it tells"),
    ("UPDATE connector SET document = replace(document, '\"*\"', '[]')", "(states of connectors) is not what it tells"),
    ("INSERT INTO connector SELECT 'other', log_index, document FROM connector", "states of connectors"),
    ("UPDATE connector_secret SET connector = 'other'", "(secret of a connector) is not what it tells"),
    ("INSERT INTO connector_secret VALUES ('github#9', 'github', 1)", "secrets of connectors"),
    ("UPDATE repository_name SET canonical = 'acme/other'", "(name of a repository) is not what it tells"),
    (
        "INSERT INTO repository_name SELECT connector, host, forge_id || '1', log_index, name, canonical FROM repository_name",
        "names of repositories",
    ),
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let own = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &own),
            false => drop(fs::copy(entry.path(), own).unwrap()),
        }
    }
}

fn load_demo(data: &Path) {
    let made = certrail().args(["demo", "--once", "--data"]).arg(data).output().unwrap();
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
}

#[test]
fn every_change_of_the_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    load_demo(&whole);
    for (n, (change, fault)) in DAMAGE.iter().enumerate() {
        let data = folder.path().join(n.to_string());
        copy(&whole, &data);
        let changed = rusqlite::Connection::open(data.join("certrail.db")).unwrap().execute(change, []).unwrap();
        assert!(changed > 0, "{change}: nothing was changed");
        let checked = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
        assert_eq!(checked.status.code(), Some(1), "{change}: {}", text(&checked));
        assert!(text(&checked).contains(fault), "{change}: {}", text(&checked));
        fs::remove_dir_all(&data).unwrap();
    }
}

#[test]
fn a_schema_of_somebody_elses_is_named_and_nothing_is_written_behind_a_strange_row() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    load_demo(&whole);
    for (n, (change, fault)) in [
        ("CREATE TRIGGER t AFTER INSERT ON act BEGIN DELETE FROM unbound; END", "trigger t"),
        ("DROP INDEX binding_by_signal", "index binding_by_signal"),
        ("CREATE VIEW v AS SELECT * FROM token", "view v"),
        ("ALTER TABLE life ADD COLUMN more TEXT", "table life"),
    ]
    .iter()
    .enumerate()
    {
        let data = folder.path().join(n.to_string());
        copy(&whole, &data);
        rusqlite::Connection::open(data.join("certrail.db")).unwrap().execute_batch(change).unwrap();
        let checked = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
        assert_eq!(checked.status.code(), Some(1), "{change}: {}", text(&checked));
        assert!(text(&checked).contains(fault), "{change}: {}", text(&checked));
    }
    let data = folder.path().join("taken");
    copy(&whole, &data);
    let surplus = "INSERT INTO act SELECT size, 'x', 'x', 0, NULL, '{}' FROM log";
    rusqlite::Connection::open(data.join("certrail.db")).unwrap().execute(surplus, []).unwrap();
    let served = certrail().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().unwrap();
    assert!(!served.status.success());
    assert!(text(&served).contains("behind its newest entry"), "{}", text(&served));
    // And over leaves that are not those that were signed, nothing more is.
    let data = folder.path().join("other leaves");
    copy(&whole, &data);
    let other = "UPDATE batch SET (leaves, size) = (SELECT other.leaves, other.size FROM batch other
                     WHERE other.log_size - other.first_index = batch.log_size - batch.first_index
                     AND other.first_index < batch.first_index ORDER BY other.first_index DESC LIMIT 1)
                 WHERE first_index = (SELECT MAX(first_index) FROM batch)";
    assert_eq!(rusqlite::Connection::open(data.join("certrail.db")).unwrap().execute(other, []).unwrap(), 1);
    let served = certrail().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().unwrap();
    assert!(!served.status.success());
    assert!(text(&served).contains("not those that were signed"), "{}", text(&served));
}

/// A row less is seen, whatever table it is of.
#[test]
fn a_row_that_is_gone_is_missed_in_every_table() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    load_demo(&whole);
    let database = rusqlite::Connection::open(whole.join("certrail.db")).unwrap();
    let mut named =
        database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").unwrap();
    let tables: Vec<String> = named.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    drop(named);
    drop(database);
    let (mut empty, mut unseen) = (Vec::new(), Vec::new());
    for table in tables {
        let data = folder.path().join(&table);
        copy(&whole, &data);
        let database = rusqlite::Connection::open(data.join("certrail.db")).unwrap();
        let keys = format!("SELECT group_concat(name, ', ') FROM pragma_table_info('{table}') WHERE pk > 0");
        let keys: Option<String> = database.query_row(&keys, [], |row| row.get(0)).unwrap();
        let keys = keys.unwrap_or_else(|| "rowid".to_owned());
        let gone =
            format!("DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {table} ORDER BY {keys} LIMIT 1)");
        database.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        if database.execute(&gone, []).unwrap() == 0 {
            empty.push(table);
            continue;
        }
        drop(database);
        let checked = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
        if checked.status.success() {
            unseen.push(table);
        }
        fs::remove_dir_all(&data).unwrap();
    }
    assert_eq!(unseen, Vec::<String>::new());
    // What the sample has none of is damaged in other tests, or by its own stories.
    assert_eq!(empty, ["clock_doubt", "clock_era", "release_alias", "baseline_commit", "job"]);
}

#[test]
fn what_a_past_decision_saw_cannot_be_changed_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    load_demo(&data);
    // A state of a release that was since followed by another: nothing that is shown today rests on it.
    let database = rusqlite::Connection::open(data.join("certrail.db")).unwrap();
    let change = "UPDATE release_version SET document = replace(document, '\"sha256:', '\"sha256:0')
                  WHERE from_index < (SELECT MAX(from_index) FROM release_version v WHERE v.release = release_version.release)";
    assert!(database.execute(change, []).unwrap() > 0);
    drop(database);
    let checked = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
    assert_eq!(checked.status.code(), Some(1), "{}", text(&checked));
    assert!(text(&checked).contains("comes out otherwise now"), "{}", text(&checked));
}

#[test]
fn files_that_belong_to_no_entry_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    load_demo(&data);
    std::fs::create_dir_all(data.join("blobs/ab")).unwrap();
    std::fs::write(data.join("blobs/ab/left-behind.zst"), "by a server that was killed").unwrap();
    let checked = certrail().args(["admin", "fsck", "--data"]).arg(&data).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
    assert!(text(&checked).contains("In the blob folder: 1 file that no entry speaks of."), "{}", text(&checked));
}
