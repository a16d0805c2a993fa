//! Reports with so many findings that one commit would hold up everybody else: they are taken in piece by piece, and what they
//! found is undecided until all of it is known.

use std::time::Duration;

use certrail_usecases::{FsckReport, Gate, Pieces, SettingsRequest, ask_gate, do_jobs, judge_at};

use super::*;

/// Reports of some hundred findings are large ones here.
const FEW: Pieces = Pieces { at_once: 200, each: 100 };
const QUERY: &str = "product=pay&release=1.0.0&name=codeql.sarif&met=false";

/// A stage with one release.
async fn begin() -> Stage {
    let stage = stage().await;
    stage.engine.set_pieces(FEW);
    cut(&stage, 1, "1.0.0", "one").await;
    stage
}

async fn cut(stage: &Stage, minute: i64, version: &str, seed: &str) {
    let manifest = json!({ "kind": "release.manifest", "product": "pay", "version": version, "release_type": "normal",
        "repository": REPO, "commit": sha(seed), "digests": [] });
    let sent = stage.sender.call(at(minute), &stage.ci, "POST", "/api/v1/facts", &manifest).await;
    sent.unwrap_or_else(|e| panic!("{e}"));
}

/// A complete scan with a finding for each number.
fn scan(numbers: std::ops::Range<usize>, run: i64) -> Vec<u8> {
    let rules: Vec<String> = numbers.map(|n| format!("rule-{n}")).collect();
    let found: Vec<(&str, &str, &str, &str)> =
        rules.iter().map(|rule| (rule.as_str(), "warning", "src/round.rs", rule.as_str())).collect();
    let mut log: Value = serde_json::from_slice(&reports::sarif("CodeQL", "2.20", &found)).expect("JSON");
    log["runs"][0]["properties"] = json!({ "run": run });
    serde_json::to_vec(&log).expect("writes")
}

async fn send_scan(stage: &Stage, minute: i64, numbers: std::ops::Range<usize>) -> Value {
    let receipt = stage.sender.report(at(minute), &stage.ci, QUERY, scan(numbers, minute)).await.expect("taken");
    assert!(!is_on_its_way(&receipt), "{receipt:#}");
    receipt
}

fn is_on_its_way(receipt: &Value) -> bool {
    receipt["warnings"].to_string().contains("taken in")
}

/// How many are open and how many are fixed.
fn standing(engine: &Engine) -> [u64; 2] {
    use certrail_usecases::Shelf;
    [Shelf::Open, Shelf::Fixed].map(|shelf| {
        engine
            .store
            .read(|tx| certrail_store::tables::findings::count(tx, Some("pay"), shelf, u64::MAX >> 1))
            .expect("counts")
    })
}

fn acts(engine: &Engine, name: &str) -> Vec<u64> {
    let all = engine.read(|tx| certrail_store::tables::log::act_names(tx, 0, i64::MAX as u64)).expect("reads");
    all.into_iter().filter(|(_, act)| act == name).map(|(index, _)| index).collect()
}

fn clean(engine: &Arc<Engine>) -> FsckReport {
    let report = certrail_usecases::fsck(engine).expect("runs");
    assert_eq!(report.faults, Vec::<String>::new());
    report
}

/// Verdict and cause of the requirement about findings, at a position of the log.
fn verdict(engine: &Arc<Engine>, position: u64) -> String {
    let stored = find_release(engine, "pay", "1.0.0").expect("cut");
    let judged = judge_at(engine, &stored, position, at(60)).expect("judged");
    let requirement = judged.evaluation.requirements.iter().find(|r| r.id == "findings").expect("is asked for");
    format!("{} {}", requirement.verdict, requirement.cause.name())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_report_is_taken_in_by_several_commits_and_known_at_once() {
    let stage = begin().await;
    let engine = &stage.engine;
    let receipt = send_scan(&stage, 2, 0..250).await;
    assert_eq!(standing(engine), [250, 0]);
    assert_eq!(acts(engine, "findings-moved").len(), 3, "a hundred in each, and the rest");
    let [done] = acts(engine, "scan-taken-in")[..] else { panic!("one entry ends it") };
    let came = receipt["index"].as_u64().expect("an entry");
    // Before it came, in between, and from the last entry on: for ever.
    assert_eq!(verdict(engine, came), "missing absent");
    assert_eq!(verdict(engine, came + 1), "indeterminate incomplete");
    assert_eq!(verdict(engine, done), "indeterminate incomplete");
    assert_eq!(verdict(engine, done + 1), "passed satisfied");
    clean(engine);

    // The same again moves nothing, and a scan that sees none of them closes them all, by piece as well.
    send_scan(&stage, 3, 0..250).await;
    assert_eq!(acts(engine, "findings-moved").len(), 3);
    send_scan(&stage, 4, 249..251).await;
    assert_eq!(standing(engine), [2, 249]);
    clean(engine);
    send_scan(&stage, 5, 0..220).await;
    assert_eq!(standing(engine), [220, 31]);
    let report = clean(engine);
    assert_eq!(report.notes, Vec::<String>::new());
    // Small ones that come when nothing is left to do are one commit each, as ever, whatever they close.
    let before = acts(engine, "scan-taken-in").len();
    for (minute, numbers) in [(6, 1_000..1_150), (7, 1_150..1_300)] {
        let query = "product=pay&release=1.0.0&name=other.sarif&met=false";
        stage.sender.report(at(minute), &stage.ci, query, scan(numbers, minute)).await.expect("taken");
    }
    assert_eq!(acts(engine, "scan-taken-in").len(), before);
    assert_eq!(standing(engine), [220 + 150, 31 + 150]);
    clean(engine);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_scan_of_a_commit_closes_in_its_release_when_that_is_cut() {
    let stage = begin().await;
    send_scan(&stage, 2, 0..300).await;
    let query = format!("product=pay&commit={}&name=codeql.sarif&met=false", sha("two"));
    stage.sender.report(at(3), &stage.ci, &query, scan(100..400, 3)).await.expect("taken");
    assert_eq!(standing(&stage.engine), [400, 0]);
    cut(&stage, 4, "2.0.0", "two").await;
    // A job closes them; whoever cut the release did not wait for it.
    until(|| jobs_left(&stage.engine) == 0).await;
    assert_eq!(standing(&stage.engine), [300, 100]);
    clean(&stage.engine);
}

/// The story goes on in a process that does no jobs: it was stopped before it came to them.
pub(super) async fn stopped(stage: Stage) -> (Stage, axum::Router) {
    let Stage { engine, sender, ci, tokens, clock, _folder: folder } = stage;
    drop(sender);
    tokio::task::spawn_blocking(move || engine.close()).await.expect("closes");
    let engine = Engine::open(folder.path(), "test/log", clock.as_clock()).expect("opens");
    engine.set_pieces(FEW);
    let app = crate::commands::web_app(engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
    let router = certrail_web::router(app);
    let sender = Sender::new(router.clone(), "hush".into(), clock.clone());
    (Stage { engine, sender, ci, tokens, clock, _folder: folder }, router)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_interrupts_is_undecided_until_the_next_start_has_done_it() {
    let stage = begin().await;
    // Stopped somewhere in the middle.
    let running = stage.engine.clone();
    let sent = stage.sender.report_under("large", at(2), &stage.ci, QUERY, scan(0..5_000, 2));
    let middle = async {
        while acts(&running, "findings-moved").len() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! { _ = sent => panic!("answered before all of it was known"), () = middle => {} }
    drop(running);
    let (stage, router) = stopped(stage).await;
    let Stage { engine, sender, ci, tokens, .. } = stage;
    let [open, _] = standing(&engine);
    assert!((100..5_000).contains(&open), "{open}");
    assert_eq!(clean(&engine).notes.len(), 1, "that something is left is no fault, and noted");
    assert_eq!(verdict(&engine, engine.head().size()), "indeterminate incomplete");
    let answer = ask_gate(&engine, &Caller::internal("test"), "pay", "1.0.0", Gate::Certification).await;
    assert!(!answer.expect("answers").allow);
    let (_, page) = super::one_bad_row::page(&router, &tokens["vera"], "/r/pay/1.0.0").await;
    assert!(page.contains("still being taken in"), "{page}");

    let (_, page) = super::one_bad_row::page(&router, &tokens["vera"], "/findings").await;
    assert!(page.contains("<progress max=\"5000\""), "{page}");

    // A small one of the same product waits behind it.
    let small = sender.report_under("small", at(4), &ci, "product=pay&release=1.0.0&name=small.sarif", scan(0..2, 4));
    assert!(is_on_its_way(&small.await.expect("taken")), "and its sender is told so");
    assert_eq!(acts(&engine, "scan-taken-in"), Vec::<u64>::new());

    do_jobs(&engine).expect("starts");
    for (key, query, bytes) in
        [("large", QUERY, scan(0..5_000, 2)), ("small", "product=pay&release=1.0.0&name=small.sarif", scan(0..2, 4))]
    {
        let again = sender.report_under(key, at(5), &ci, query, bytes).await.expect("taken");
        assert!(again["duplicate"] == true && !is_on_its_way(&again), "{again:#}");
    }
    assert_eq!(standing(&engine), [5_000, 0]);
    assert_eq!(acts(&engine, "scan-taken-in").len(), 2);
    assert_eq!(verdict(&engine, engine.head().size()), "passed satisfied");
    assert_eq!(clean(&engine).notes, Vec::<String>::new());
}

/// A stage where a large scan of release 1.0.0 waits, in a process that does no jobs.
async fn waiting() -> (Stage, axum::Router) {
    let (stage, router) = stopped(begin().await).await;
    let receipt = stage.sender.report(at(2), &stage.ci, QUERY, scan(0..250, 2)).await.expect("taken");
    assert!(is_on_its_way(&receipt));
    (stage, router)
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not come to that");
}

fn jobs_left(engine: &Engine) -> usize {
    engine.read(certrail_store::tables::jobs::all).expect("reads").len()
}

/// A release that is cut while a scan of it is being taken in takes nothing out that the scan sees.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_is_bound_anew_on_its_way_closes_nothing_that_it_sees() {
    let stage = begin().await;
    let engine = &stage.engine;
    send_scan(&stage, 2, 0..3_000).await;
    // The same in a commit that no release has yet.
    let query = format!("product=pay&commit={}&name=codeql.sarif&met=false", sha("two"));
    let pieces =
        || engine.read(|tx| certrail_store::tables::audit::rows(tx, certrail_store::tables::audit::Table::ScanFound));
    let before = pieces().expect("counts");
    let sent = stage.sender.report(at(3), &stage.ci, &query, scan(0..3_000, 3));
    let meanwhile = async {
        until(|| pieces().expect("counts") > before + 5).await;
        cut(&stage, 3, "2.0.0", "two").await;
    };
    let (receipt, ()) = tokio::join!(sent, meanwhile);
    receipt.expect("taken");
    until(|| jobs_left(engine) == 0).await;
    assert_eq!(standing(engine), [3_000, 0]);
    clean(engine);
}

/// What the newest scan of a scope says is not known: what an earlier one said is neither open nor gone.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fixed_by_a_scan_that_is_on_its_way() {
    let stage = begin().await;
    send_scan(&stage, 2, 0..3).await;
    cut(&stage, 3, "2.0.0", "two").await;
    let query = format!("product=pay&commit={}&name=codeql.sarif&met=false", sha("two"));
    stage.sender.report(at(4), &stage.ci, &query, scan(0..3, 4)).await.expect("taken");
    let (stage, _) = stopped(stage).await;
    stage.sender.report_under("large", at(5), &stage.ci, &query, scan(0..250, 5)).await.expect("taken");
    let compare = || {
        let stored = find_release(&stage.engine, "pay", "2.0.0").expect("cut");
        let section = certrail_usecases::release_findings(&stage.engine, &stored).expect("compared");
        let groups: Vec<String> = section.groups.iter().map(|g| format!("{} {}", g.name, g.total)).collect();
        (section.incomplete, groups)
    };
    assert_eq!(compare(), (1, vec!["not_looked_at 3".to_owned()]));
    do_jobs(&stage.engine).expect("starts");
    until(|| jobs_left(&stage.engine) == 0).await;
    assert_eq!(compare(), (0, vec!["new 247".to_owned(), "carried 3".to_owned()]));
}

/// How far a job has come is not on record, and nothing is signed that rests on it alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_somebody_moved_on_lets_no_scan_look_known() {
    for change in ["UPDATE job SET step = 2", "UPDATE job SET next = 7", "UPDATE job SET step = 1"] {
        let (stage, _) = waiting().await;
        let Stage { engine, sender, clock, _folder: folder, .. } = stage;
        drop(sender);
        tokio::task::spawn_blocking(move || engine.close()).await.expect("closes");
        let database = rusqlite::Connection::open(folder.path().join("certrail.db")).expect("opens");
        assert_eq!(database.execute(change, []).expect("a statement"), 1);
        drop(database);
        let engine = Engine::open(folder.path(), "test/log", clock.as_clock()).expect("opens");
        engine.set_pieces(FEW);
        assert!(!certrail_usecases::fsck(&engine).expect("runs").faults.is_empty(), "{change} is not noticed");
        do_jobs(&engine).expect("starts");
        until(|| jobs_left(&engine) == 0).await;
        assert_eq!(acts(&engine, "scan-taken-in"), Vec::<u64>::new(), "{change}");
        assert_eq!(acts(&engine, "scan-not-taken-in").len(), 1, "{change}");
        assert_eq!(verdict(&engine, engine.head().size()), "indeterminate incomplete");
    }
}

/// A report whose bytes are gone stays out, says so, and holds up nobody for good; a new one takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_read_again_is_given_up() {
    let (stage, router) = waiting().await;
    let (engine, vera) = (&stage.engine, &stage.tokens["vera"]);
    let blobs = stage._folder.path().join("blobs");
    let lose = |path: &std::path::Path| {
        let files = std::fs::read_dir(path).expect("lists").map(|e| e.expect("an entry").path());
        files
            .filter(|f| f.extension().is_some_and(|e| e == "zst"))
            .for_each(|f| std::fs::write(f, b"").expect("writes"));
    };
    let small = stage.sender.report(at(3), &stage.ci, "product=pay&release=1.0.0&name=b.sarif", scan(0..2, 3));
    assert!(is_on_its_way(&small.await.expect("taken")));
    for shelf in std::fs::read_dir(&blobs).expect("lists") {
        lose(&shelf.expect("an entry").path());
    }
    let packed = "UPDATE batch SET bodies = zeroblob(length(bodies)) WHERE first_index = (SELECT pack FROM signal
        JOIN scan ON scan.log_index = signal.log_index WHERE taken_in IS NULL ORDER BY signal.log_index LIMIT 1)";
    let database = rusqlite::Connection::open(stage._folder.path().join("certrail.db")).expect("opens");
    database.execute(packed, []).expect("a statement");
    drop(database);
    do_jobs(engine).expect("starts");
    until(|| jobs_left(engine) == 0).await;
    assert_eq!(acts(engine, "scan-not-taken-in").len(), 1);
    assert_eq!(acts(engine, "scan-taken-in").len(), 1, "the small one behind it is there");
    assert_eq!(verdict(engine, engine.head().size()), "indeterminate incomplete");
    let (_, page) = super::one_bad_row::page(&router, vera, "/r/pay/1.0.0").await;
    assert!(page.contains("could not be taken in") && !page.contains("still being taken in"), "{page}");
    send_scan(&stage, 4, 0..3).await;
    assert_eq!(verdict(engine, engine.head().size()), "passed satisfied");
}

/// What a VEX document says of findings that are on their way is asked for when they are there.
#[tokio::test(flavor = "multi_thread")]
async fn a_vex_document_waits_for_the_scans_before_it() {
    let (stage, _) = waiting().await;
    let vex = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.example/vex/1", "author": "acme",
        "timestamp": at(3).to_string(), "version": 1, "statements": [{ "vulnerability": { "name": "rule-7" },
        "products": [{ "@id": "pay" }], "status": "not_affected", "justification": "vulnerable_code_not_present" }] });
    let query = "product=pay&release=1.0.0&name=vex.json&met=false";
    let bytes = serde_json::to_vec(&vex).expect("writes");
    let receipt = stage.sender.report(at(3), &stage.ci, query, bytes).await.expect("taken");
    assert!(receipt["warnings"].to_string().contains("when the scans that came before it"), "{receipt:#}");
    let asked = |engine: &Engine| acts(engine, "finding-decision-requested").len();
    assert_eq!(asked(&stage.engine), 0);
    do_jobs(&stage.engine).expect("starts");
    until(|| jobs_left(&stage.engine) == 0).await;
    assert_eq!(asked(&stage.engine), 1);
    clean(&stage.engine);
}

const OWN: &str = "name: own
version: '1'
about: To know.
requirements:
  - id: findings
    title: Findings
    why: To know.
    fix: Fix it.
    check: { kind: findings, critical_days: 7, high_days: 30, medium_days: 90, low_days: 180 }
";

async fn criteria(stage: &Stage, text: &str) {
    let (system, asked) = (Caller::internal("test"), SettingsRequest::default());
    certrail_usecases::put_criteria(&stage.engine, &system, text.to_owned(), asked).await.expect("admitted");
}

/// New criteria are followed later; until then nothing is called damaged.
#[tokio::test(flavor = "multi_thread")]
async fn due_dates_that_are_being_worked_out_are_no_damage() {
    let stage = begin().await;
    criteria(&stage, OWN).await;
    let product = json!({ "criteria": "own" });
    let set = stage.sender.call(at(2), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &product).await;
    set.unwrap_or_else(|e| panic!("{e}"));
    send_scan(&stage, 2, 0..3).await;
    let (stage, _) = stopped(stage).await;
    criteria(&stage, &OWN.replace("name: own", "name: strict").replace("medium_days: 90", "medium_days: 7")).await;
    let product = json!({ "criteria": "strict" });
    let set = stage.sender.call(at(3), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &product).await;
    set.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(clean(&stage.engine).notes.len(), 3, "{:#?}", clean(&stage.engine).notes);
    do_jobs(&stage.engine).expect("starts");
    until(|| jobs_left(&stage.engine) == 0).await;
    assert_eq!(clean(&stage.engine).notes, Vec::<String>::new());
}

/// Somebody with the disk in their hands lets a scan look known before it was, or never.
#[tokio::test(flavor = "multi_thread")]
async fn when_a_scan_is_known_cannot_be_changed_unseen() {
    for (change, fault) in [
        ("UPDATE scan SET taken_in = log_index", "is not what it tells"),
        ("UPDATE scan SET taken_in = NULL", "From when on the scan of entry"),
        ("UPDATE scan SET taken_in = taken_in - 1", "From when on the scan of entry"),
        ("UPDATE scan_found SET piece = piece + 1 WHERE piece = 2", "is not what it tells"),
        ("DELETE FROM scan_found WHERE piece = 1", "does not say of"),
        ("INSERT INTO job VALUES (1, 'pay', 'take-in', '3', 0, 0)", "A job is about the scan of entry 3"),
        ("INSERT INTO job VALUES (1, 'pay', 'dance', '3', 0, 0)", "What is left to do cannot be read"),
    ] {
        let stage = begin().await;
        send_scan(&stage, 2, 0..210).await;
        let Stage { engine, sender, _folder: folder, .. } = stage;
        drop(sender);
        tokio::task::spawn_blocking(move || engine.close()).await.expect("closes");
        let database = rusqlite::Connection::open(folder.path().join("certrail.db")).expect("opens");
        assert!(database.execute(change, []).expect("a statement") > 0, "{change}: nothing was changed");
        drop(database);
        let report = certrail_usecases::fsck_folder(folder.path(), None, &|_| ()).expect("runs");
        assert!(report.faults.iter().any(|f| f.contains(fault)), "{change}: {:#?}", report.faults);
    }
}
