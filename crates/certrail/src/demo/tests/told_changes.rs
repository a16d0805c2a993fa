//! Changes that no forge of ours told: by a pipeline, with their commits as objects, their reviews, merge and protection.

use certrail_usecases::Renderer;

use super::*;

/// A commit object and its id.
#[derive(Clone)]
struct Object {
    id: String,
    raw: String,
}

impl Object {
    fn new(parents: &[&Self], author: &str, message: &str) -> Self {
        let parents: String = parents.iter().map(|p| format!("parent {}\n", p.id)).collect();
        let raw = format!(
            "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n{parents}author {author} <{author}@example.org> 1773100000 +0000\ncommitter {author} <{author}@example.org> 1773100000 +0000\n\n{message}\n"
        );
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Commit, raw.as_bytes());
        Self { id: id.expect("hashes").to_string(), raw }
    }

    fn told(&self) -> Value {
        json!({ "sha": self.id, "raw": self.raw })
    }
}

/// A line of commits, a branch of it, and its merge.
struct Line {
    root: Object,
    one: Object,
    two: Object,
    merge: Object,
}

impl Line {
    fn new() -> Self {
        let root = Object::new(&[], "olaf", "Begin");
        let one = Object::new(&[&root], "dana", "PAY-7 Round");
        let two = Object::new(&[&one], "dana", "More");
        let merge = Object::new(&[&root, &two], "anna", "Merge PAY-7");
        Self { root, one, two, merge }
    }

    fn manifest(&self, version: &str, previous: Option<&str>, at: &Object, range: &[&Object]) -> Value {
        let range: Vec<Value> = range.iter().map(|c| c.told()).collect();
        json!({ "kind": "release.manifest", "product": "pay", "version": version, "repository": REPO, "commit": at.id,
            "previous": previous, "range": range })
    }

    fn change(&self, reviewer: &str, revision: &Object) -> Value {
        let human = |account: &str| json!({ "account": account, "kind": "human" });
        json!({ "kind": "code.change", "product": "pay", "repository": REPO, "number": 12, "title": "PAY-7 Round half to even",
            "state": "merged", "author": human("dana@example.org"), "pusher": human("dana@example.org"), "head": self.two.id,
            "head_branch": "feature", "target_branch": "main", "commits": [self.two.told(), self.one.told()],
            "merge_commit": self.merge.id, "merged_by": human("anna"), "merged_at": at(40).to_string(),
            "reviews": [{ "reviewer": human(reviewer), "verdict": "approved", "revision": revision.id,
                "submitted_at": at(30).to_string() }],
            "protection": { "required_reviews": 1 } })
    }
}

async fn call(stage: &Stage, minute: i64, secret: &str, path: &str, body: Value) -> Result<Value, String> {
    stage.sender.call(at(minute), secret, "POST", path, &body).await.map_err(|e| e.to_string())
}

async fn fact(stage: &Stage, minute: i64, body: Value) -> Result<Value, String> {
    call(stage, minute, &stage.ci.clone(), "/api/v1/facts", body).await
}

/// Two people let reports of a kind count for the product.
async fn accept(stage: &Stage, minute: i64, kind: &str) {
    let path = "/api/v1/products/pay/accepts-reported";
    let why = json!({ "kind": kind, "reason": "Our forge is one that nobody here hears." });
    call(stage, minute, &stage.tokens["anna"], path, why).await.expect("asked");
    call(stage, minute, &stage.tokens["priya"], &format!("{path}/{kind}"), json!({})).await.expect("approved");
}

/// People whose mail and account are one person.
async fn people(stage: &Stage) {
    for (name, accounts) in [("Dana", ["dana", "dana@example.org"]), ("Tom", ["tom", "tom@example.org"])] {
        let accounts = accounts.map(str::to_owned).to_vec();
        let new = NewPerson { name: name.into(), accounts, role: Role::Contributor, scope: Scope::ALL };
        put_person(&stage.engine, &Caller::internal("test"), new).await.expect("a person");
    }
}

fn verdict(stage: &Stage, id: &str) -> String {
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let r = judged.evaluation.requirements.iter().find(|r| r.id == id).expect("there").clone();
    format!("{} {}: {}", r.verdict, r.cause.name(), r.sentence)
}

async fn cut(stage: &Stage, line: &Line) {
    stage.baseline(at(-46), &line.root.id, None).await;
    fact(stage, -45, line.manifest("2.4.0", None, &line.root, &[&line.root])).await.expect("cut");
    let range = [&line.merge, &line.two, &line.one];
    fact(stage, 60, line.manifest("2.4.1", Some("2.4.0"), &line.merge, &range)).await.expect("cut");
}

/// Behind an air gap: what a pipeline tells of a change counts once two people say that it does here, and each verdict that
/// rests on it says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_told_change_counts_where_two_people_say_so() {
    let (stage, line) = (stage().await, Line::new());
    people(&stage).await;
    cut(&stage, &line).await;
    let told = fact(&stage, 61, line.change("tom", &line.two)).await.expect("told");
    assert_eq!(told["parts"].as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!(told["ack"]["bound"][0]["release"], "pay/2.4.1", "{told}");
    assert!(verdict(&stage, "code-review").starts_with("failed"), "{}", verdict(&stage, "code-review"));
    for kind in ["code.change", "code.review"] {
        accept(&stage, 62, kind).await;
    }
    let review = verdict(&stage, "code-review");
    assert!(review.starts_with("passed") && review.contains("only reported (code.change and code.review)"), "{review}");
    let protected = verdict(&stage, "protected-branch");
    assert!(protected.starts_with("missing not_observed"), "{protected}");
    accept(&stage, 63, "code.branch_rule").await;
    let protected = verdict(&stage, "protected-branch");
    assert!(protected.starts_with("passed") && protected.contains("only reported"), "{protected}");
    stage.clean();
}

/// One person makes and decides everything: they let reports count alone, and page 1 of every dossier says both.
#[tokio::test(flavor = "multi_thread")]
async fn a_team_of_one_says_so_on_page_one() {
    let (stage, line) = (stage().await, Line::new());
    cut(&stage, &line).await;
    let path = "/api/v1/products/pay/accepts-reported";
    let why = json!({ "kind": "code.change", "reason": "Our forge is one that nobody here hears." });
    call(&stage, 61, &stage.tokens["anna"], path, why).await.expect("asked");
    let approve = format!("{path}/code.change");
    let refused = call(&stage, 61, &stage.tokens["anna"], &approve, json!({})).await.expect_err("not alone");
    assert!(refused.contains("403"), "{refused}");
    let alone = json!({ "repositories": [REPO], "sole_decider": true });
    let put = stage.sender.call(at(62), &stage.tokens["anna"], "PUT", "/api/v1/products/pay", &alone).await;
    assert!(put.is_err(), "nobody declares that of themselves");
    stage.sender.call(at(62), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &alone).await.expect("declared");
    call(&stage, 63, &stage.tokens["anna"], &approve, json!({})).await.expect("alone");
    let stored = find_release(&stage.engine, "pay", "2.4.1").expect("cut");
    let file = crate::dossier_files::made(&stage.engine, "pay", &stored.release.version, Renderer::None).await;
    let dossier: Value = serde_json::from_slice(&file.expect("made").json).expect("JSON");
    let lines = dossier.pointer("/dossier/lines").or(dossier.get("lines")).expect("lines").to_string();
    assert!(
        lines.contains("One person makes and decides everything")
            && lines.contains("counts in this product for code.change"),
        "{lines}"
    );
    stage.clean();
}

/// What a pipeline makes up: another author for a commit, a change without its commits, another product's repository, a
/// review by whoever wrote it, a review of an earlier version.
#[tokio::test(flavor = "multi_thread")]
async fn a_told_change_cannot_be_bent() {
    let (stage, line) = (stage().await, Line::new());
    people(&stage).await;
    let good = line.change("tom", &line.two);
    let bent = |pointer: &str, value: Value| {
        let mut bent = good.clone();
        *bent.pointer_mut(pointer).expect("there") = value;
        bent
    };
    let forged = line.two.raw.replace("dana", "mara");
    let said = json!({ "sha": line.two.id, "title": "More" });
    for (body, why) in [
        (bent("/commits/0/raw", json!(forged)), "is not what was given for it"),
        (bent("/commits", json!([line.one.told()])), "do not hold its head"),
        (bent("/commits", json!([])), "do not hold its head"),
        (bent("/commits/0", said), "Who wrote commit"),
        (bent("/repository", json!("acme/web")), "no repository of pay"),
        (bent("/merged_at", Value::Null), "when or by whom"),
        (bent("/state", json!("open")), "its state is another"),
        (bent("/author/account", json!(" ")), "empty value"),
        (bent("/reviews/0/revision", json!("main")), "not a full commit id"),
        (bent("/title", json!("")), "empty value"),
    ] {
        let answer = fact(&stage, 61, body).await.expect_err(why);
        assert!(answer.contains(why), "{why}: {answer}");
    }
    stage.second_product().await;
    let other = stage.pipeline(&["web"]).await;
    let answer = call(&stage, 61, &other, "/api/v1/facts", good.clone()).await.expect_err("another product's");
    assert!(answer.contains("403"), "{answer}");

    cut(&stage, &line).await;
    for kind in ["code.change", "code.review"] {
        accept(&stage, 62, kind).await;
    }
    fact(&stage, 63, line.change("dana@example.org", &line.two)).await.expect("told");
    assert!(verdict(&stage, "code-review").starts_with("failed not_independent"), "{}", verdict(&stage, "code-review"));
    fact(&stage, 64, line.change("tom", &line.one)).await.expect("told");
    assert!(verdict(&stage, "code-review").starts_with("failed stale"), "{}", verdict(&stage, "code-review"));
    fact(&stage, 65, good).await.expect("told");
    assert!(verdict(&stage, "code-review").starts_with("passed"), "{}", verdict(&stage, "code-review"));
    stage.clean();
}

/// A change that the forge tells of is what the forge says, whatever a pipeline says of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_forge_is_not_told_otherwise() {
    let (stage, line) = (stage().await, Line::new());
    people(&stage).await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    for kind in ["code.change", "code.review"] {
        accept(&stage, 70, kind).await;
    }
    assert!(verdict(&stage, "code-review").starts_with("passed"), "{}", verdict(&stage, "code-review"));
    // A later head that nobody reviewed, and that the change be another's.
    let mut told = line.change("dana", &line.two);
    told["reviews"] = json!([]);
    fact(&stage, 71, told).await.expect("told");
    let review = verdict(&stage, "code-review");
    assert!(review.starts_with("passed") && !review.contains("only reported"), "{review}");
    stage.clean();
}

/// On the forge Tom asked for changes and Anna approved. A pipeline takes Tom's no back, in vain, whether reports count or not; nor
/// does it give a yes beside what the forge tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_takes_no_no_back() {
    let (stage, line) = (stage().await, Line::new());
    people(&stage).await;
    let refused = |(minute, step): (i64, Step)| match step {
        Step::Hook("pull_request_review", _) if minute == 30 => {
            let head = sha("two");
            let pull = Pull {
                repo: REPO,
                number: 12,
                title: "PAY-7",
                author: "dana",
                branch: "feature/pay-7",
                head: &head,
                merge: None,
            };
            (minute, Step::Hook("pull_request_review", forge::review(at(30), &pull, "tom", "changes_requested", &head)))
        }
        step => (minute, step),
    };
    for (minute, step) in steps().into_iter().map(refused) {
        send(&stage, at(minute), &step).await;
    }
    let head = sha("two");
    let told = |verdict: &str, reviewer: &str| {
        let mut told = line.change(reviewer, &line.two);
        told["reviews"][0]["verdict"] = json!(verdict);
        told["reviews"][0]["revision"] = json!(head);
        told["reviews"][0]["submitted_at"] = json!(at(35).to_string());
        told
    };
    assert!(verdict(&stage, "code-review").starts_with("failed negative"), "{}", verdict(&stage, "code-review"));
    fact(&stage, 70, told("dismissed", "tom")).await.expect("told");
    assert!(verdict(&stage, "code-review").starts_with("failed negative"));
    for kind in ["code.change", "code.review", "code.branch_rule"] {
        accept(&stage, 71, kind).await;
    }
    for (minute, body) in
        [(72, told("dismissed", "tom")), (73, told("approved", "tom")), (74, told("approved", "olaf"))]
    {
        fact(&stage, minute, body).await.expect("told");
        let review = verdict(&stage, "code-review");
        assert!(review.starts_with("failed negative"), "{review}");
    }
    // Nor is protection told otherwise: the forge took it away before the merge.
    let removed = forge::branch_rule(REPO, at(33), 0);
    stage.sender.github(at(75), "branch_protection_rule", &removed).await.expect("taken");
    fact(&stage, 76, told("commented", "olaf")).await.expect("told");
    let protected = verdict(&stage, "protected-branch");
    assert!(protected.starts_with("failed"), "{protected}");
    stage.clean();
}

/// On the forge Tom approved. A pipeline says that Olaf, and later Tom, asked for changes: it counts, is called a report, and is
/// taken back by the next report, also when the change is long merged.
#[tokio::test(flavor = "multi_thread")]
async fn a_told_no_has_a_way_on() {
    let (stage, line) = (stage().await, Line::new());
    people(&stage).await;
    for (minute, step) in steps() {
        send(&stage, at(minute), &step).await;
    }
    let head = sha("two");
    let told = |verdict: &str, reviewer: &str, minute: i64| {
        let mut told = line.change(reviewer, &line.two);
        told["reviews"][0]["verdict"] = json!(verdict);
        told["reviews"][0]["revision"] = json!(head);
        told["reviews"][0]["submitted_at"] = json!(at(minute).to_string());
        told
    };
    assert!(verdict(&stage, "code-review").starts_with("passed"), "{}", verdict(&stage, "code-review"));
    for (n, who) in ["olaf", "tom"].into_iter().enumerate() {
        let minute = 1_900 + 10 * n as i64;
        fact(&stage, minute, told("changes_requested", who, 35)).await.expect("told");
        let review = verdict(&stage, "code-review");
        assert!(review.starts_with("failed negative") && review.contains("was only reported"), "{review}");
        fact(&stage, minute + 1, told("dismissed", who, minute)).await.expect("told");
        assert!(verdict(&stage, "code-review").starts_with("passed"), "{}", verdict(&stage, "code-review"));
    }
    stage.clean();
}

/// Whoever wrote a commit stays its author, whatever a told list says, and nobody is two people by how they are written.
#[tokio::test(flavor = "multi_thread")]
async fn no_author_is_told_away() {
    let (stage, line) = (stage().await, Line::new());
    people(&stage).await;
    cut(&stage, &line).await;
    for kind in ["code.change", "code.review"] {
        accept(&stage, 61, kind).await;
    }
    // The cut's own objects say that Dana wrote both; the list of the change says Zoe did.
    let mut other = line.change("dana", &line.two);
    let zoe = json!({ "account": "zoe", "kind": "human" });
    (other["author"], other["pusher"]) = (zoe.clone(), zoe);
    let told = |sha: &str| json!({ "sha": sha, "author": "zoe", "title": "Round" });
    other["commits"] = json!([told(&line.two.id), told(&line.one.id)]);
    fact(&stage, 62, other).await.expect("told");
    let review = verdict(&stage, "code-review");
    assert!(review.starts_with("failed not_independent"), "{review}");
    for (minute, written) in [(63, "@dana"), (64, "123+dana@users.noreply.github.com"), (65, " DANA ")] {
        fact(&stage, minute, line.change(written, &line.two)).await.expect("told");
        let review = verdict(&stage, "code-review");
        assert!(review.starts_with("failed not_independent"), "{written}: {review}");
    }
    for written in ["@", "dana@", "@@dana"] {
        assert!(fact(&stage, 66, line.change(written, &line.two)).await.is_err(), "{written}");
    }
    stage.clean();
}

/// What a pipeline tells of a change moves nothing that the forge observed of it into another release.
#[tokio::test(flavor = "multi_thread")]
async fn a_told_merge_moves_nothing_that_was_observed() {
    let (stage, line) = (stage().await, Line::new());
    fact(&stage, -45, line.manifest("2.4.0", None, &line.root, &[&line.root])).await.expect("cut");
    let open = sha("open head");
    let pull =
        Pull { repo: REPO, number: 77, title: "Later", author: "dana", branch: "later", head: &open, merge: None };
    let events = [
        ("pull_request", forge::pull_request(at(1), "opened", &pull, "dana")),
        ("pull_request_review", forge::review(at(2), &pull, "tom", "changes_requested", &open)),
        ("check_run", forge::check_run(REPO, at(3), &open, "ci", "success")),
    ];
    let mut entries = Vec::new();
    for (event, value) in &events {
        let answer = stage.sender.github(at(4), event, value).await.unwrap_or_else(|e| panic!("{e}"));
        entries.push(answer["ack"]["id"].as_str().expect("an id").to_owned());
    }
    let mut told = line.change("tom", &line.two);
    (told["number"], told["merge_commit"]) = (json!(77), json!(line.root.id));
    fact(&stage, 60, told.clone()).await.expect("told");
    // And a head that is green elsewhere.
    told["head"] = json!(open);
    told["commits"] = json!([{ "sha": open, "author": "dana" }]);
    fact(&stage, 61, told).await.expect("told");
    let stored = find_release(&stage.engine, "pay", "2.4.0").expect("cut");
    let judged = judge(&stage.engine, &stored).expect("judged");
    let moved: Vec<_> = judged.seen.evidence.iter().filter(|e| entries.contains(&e.id.to_string())).collect();
    assert!(moved.is_empty(), "{moved:?}");
    stage.clean();
}

/// That a change was closed is the forge's to say: a pipeline takes no evidence of it out of what is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_closes_no_change_of_a_forge() {
    let (stage, line) = (stage().await, Line::new());
    fact(&stage, 0, line.manifest("1.0.0", None, &line.root, &[&line.root])).await.expect("cut");
    let pull = Pull {
        repo: REPO,
        number: 12,
        title: "Round",
        author: "dana",
        branch: "round",
        head: &line.two.id,
        merge: None,
    };
    for (event, value) in [
        ("pull_request", forge::pull_request(at(1), "opened", &pull, "dana")),
        ("pull_request_review", forge::review(at(2), &pull, "tom", "changes_requested", &line.two.id)),
    ] {
        stage.sender.github(at(3), event, &value).await.unwrap_or_else(|e| panic!("{e}"));
    }
    let on_its_way = || {
        let stored = find_release(&stage.engine, "pay", "next").expect("open");
        let judged = judge(&stage.engine, &stored).expect("judged");
        judged.seen.evidence.iter().filter(|e| e.signal.known.name() == "observed").count()
    };
    assert_eq!(on_its_way(), 2);
    let mut closed = line.change("tom", &line.two);
    for (member, value) in [("state", json!("closed")), ("merged_at", Value::Null), ("merged_by", Value::Null)] {
        closed[member] = value;
    }
    closed["merge_commit"] = Value::Null;
    fact(&stage, 60, closed.clone()).await.expect("told");
    assert_eq!(on_its_way(), 2);
    // One that the forge does not tell of, and then the product goes elsewhere: nothing is left between the places.
    (closed["number"], closed["target_branch"]) = (json!(13), json!("main"));
    fact(&stage, 61, closed).await.expect("told");
    stage.clean();
    let elsewhere = json!({ "repositories": ["acme/elsewhere"] });
    stage.sender.call(at(62), &stage.tokens["olaf"], "PUT", "/api/v1/products/pay", &elsewhere).await.expect("moved");
    stage.clean();
}
