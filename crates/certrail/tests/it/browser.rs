//! A person with a browser: opens a release, follows a blocker to its evidence, downloads the dossier; decides about
//! findings with the keyboard.
//!
//! Needs Debian's `chromium` and `chromium-driver`; where they are absent the test says that it was skipped.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use thirtyfour::prelude::*;

use super::command::certrail;

/// Ends a process when the test is over, however it is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A demo with a browser that looks at it; nothing where no browser is installed.
struct Stage {
    browser: WebDriver,
    address: String,
    _running: [Running; 2],
    _profile: tempfile::TempDir,
}

impl Stage {
    async fn begin() -> Option<Self> {
        if !Path::new("/usr/bin/chromedriver").exists() {
            eprintln!("SKIPPED: chromium-driver is not installed (apt-get install chromium chromium-driver)");
            return None;
        }
        let mut demo = certrail()
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
        let demo = Running(demo);
        let address = loop {
            let line = lines.next().expect("the demo starts").unwrap();
            if let Some(rest) = line.strip_prefix("Started  ") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = std::process::Command::new("/usr/bin/chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let driver = Running(driver);
        let mut caps = DesiredCapabilities::chrome();
        let profile = tempfile::tempdir().unwrap();
        for flag in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,1600",
        ] {
            caps.add_arg(flag).unwrap();
        }
        caps.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        for _ in 0..50 {
            if let Ok(browser) = WebDriver::new(format!("http://127.0.0.1:{port}"), caps.clone()).await {
                return Some(Self { browser, address, _running: [demo, driver], _profile: profile });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("no browser session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocker_is_followed_to_its_evidence_and_the_dossier_downloaded() {
    let Some(stage) = Stage::begin().await else { return };
    let outcome = walk(&stage.browser, &stage.address).await;
    stage.browser.quit().await.unwrap();
    outcome.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_decided_with_keys_and_approved_by_somebody_else() {
    let Some(stage) = Stage::begin().await else { return };
    let outcome = decide(&stage.browser, &stage.address).await;
    stage.browser.quit().await.unwrap();
    outcome.unwrap();
}

/// Presses keys wherever the focus is.
async fn press(browser: &WebDriver, keys: &str) -> WebDriverResult<()> {
    for key in keys.chars() {
        browser.action_chain().send_keys(key.to_string()).perform().await?;
    }
    Ok(())
}

/// Waits until an element says something.
async fn says(browser: &WebDriver, css: &str, words: &str) -> WebDriverResult<String> {
    let mut said = String::new();
    for _ in 0..100 {
        if let Ok(found) = browser.find(By::Css(css)).await
            && let Ok(text) = found.text().await
        {
            said = text;
            if said.contains(words) {
                return Ok(said);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{css} says {said:?}, not {words:?}");
}

/// Fills in why, and records.
async fn record(browser: &WebDriver, why: &str) -> WebDriverResult<()> {
    browser.find(By::Css("#decide textarea")).await?.send_keys(why).await?;
    browser.find(By::Css("#decide button[type=submit]")).await?.click().await
}

async fn decide(browser: &WebDriver, address: &str) -> WebDriverResult<()> {
    let why = "Only crafted streams from inside reach it.";
    browser.goto(format!("{address}/findings?product=payments-api")).await?;
    says(browser, "h1", "Needs a decision").await?;
    // The first is what blocks a release; its name is what is broken, not the number of the vulnerability.
    let first = says(browser, ".finding", "blocks a release").await?;
    assert!(first.contains("zlib1g 1.2.13") && first.contains("over"), "{first}");
    press(browser, "jx").await?;
    assert!(browser.find(By::Css(".finding input")).await?.is_selected().await?);
    says(browser, "#chosen", "1 selected").await?;
    press(browser, "e").await?;
    // Another blocks the same release, so it helps and does not unblock.
    let line = says(browser, "#effect", "payments-api 2.5.0").await?;
    assert!(line.contains("is blocked on"), "{line}");
    record(browser, why).await?;
    says(browser, ".good", "Asked for: exc_").await?;
    press(browser, "u").await?;
    for _ in 0..50 {
        if !browser.current_url().await?.as_str().contains("done=") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!browser.source().await?.contains("Waiting for approval"), "it was taken back");
    // Again, with everything that blocks: the line says that the release would open but for other things.
    press(browser, "jxe").await?;
    says(browser, "#effect", "It ends on").await?;
    record(browser, why).await?;
    says(browser, ".good", "Asked for: exc_").await?;
    assert!(browser.find_all(By::Css("form[action='/findings/approve/decisions']")).await?.is_empty(), "her own");
    // Somebody else approves it on the page of the finding.
    browser.goto(format!("{address}/demo/as/approver")).await?;
    browser.goto(format!("{address}/findings?product=payments-api")).await?;
    let approve = By::Css("form[action='/findings/approve/decisions'] button");
    browser.find(approve.clone()).await?.click().await?;
    for _ in 0..100 {
        if browser.find_all(approve.clone()).await?.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    browser.goto(format!("{address}/findings?show=decided")).await?;
    browser.find(By::Css(".finding a")).await?.click().await?;
    says(browser, ".decision", "In force").await?;
    let life = browser.find(By::Css("tbody")).await?.text().await?;
    assert!(life.contains("accepted") && life.contains(why), "{life}");
    // Who only reads is offered nothing.
    browser.goto(format!("{address}/demo/as/auditor")).await?;
    browser.goto(format!("{address}/findings?show=open")).await?;
    assert!(browser.find_all(By::Css("#decide, .decision button")).await?.is_empty());
    Ok(())
}

async fn walk(browser: &WebDriver, address: &str) -> WebDriverResult<()> {
    browser.goto(format!("{address}/r/payments-api/2.5.0")).await?;
    let sentence = browser.find(By::Tag("h1")).await?.text().await?;
    assert!(sentence.starts_with("2.5.0 is ") && sentence.contains("missing QA sign-off"), "{sentence}");
    // The first thing after the sentence is what is open, worst first.
    let first = browser.find(By::Css(".tasks > li")).await?;
    assert_eq!(first.id().await?.as_deref(), Some("findings"));
    first.find(By::Tag("summary")).await?.click().await?;
    first.find(By::Css(".rows a[href^='/e/']")).await?.click().await?;
    let evidence = browser.find(By::Tag("h1")).await?.text().await?;
    assert!(evidence.starts_with("security."), "{evidence}");
    let genuine = browser.find(By::Css(".good")).await?.text().await?;
    assert!(genuine.contains("Genuine"), "{genuine}");
    browser.goto(format!("{address}/r/payments-api/2.4.0")).await?;
    browser.find(By::Css("form[action$='/dossiers'] button")).await?.click().await?;
    let title = says(browser, "h1", "Dossier ").await?;
    assert!(title.ends_with("payments-api 2.4.0"), "{title}");
    let href = browser.find(By::LinkText("JSON")).await?.attr("href").await?.unwrap_or_default();
    let (address, href) = (address.to_owned(), href);
    let bytes = tokio::task::spawn_blocking(move || {
        reqwest::blocking::get(format!("{address}{href}")).and_then(reqwest::blocking::Response::bytes).unwrap()
    })
    .await
    .unwrap();
    let verification = certrail_usecases::verify_dossier(&bytes, None);
    assert!(verification.genuine(), "{verification:?}");
    for role in ["auditor", "viewer"] {
        browser.goto(format!("{}/demo/as/{role}", browser.current_url().await?.origin().ascii_serialization())).await?;
        browser
            .goto(format!("{}/r/payments-api/2.5.0", browser.current_url().await?.origin().ascii_serialization()))
            .await?;
        // A dossier is for everybody who may read the release.
        let forms = browser.find_all(By::Css("form.inline:not([action$='/dossiers'])")).await?;
        assert!(forms.is_empty(), "{role} sees buttons that are not theirs");
    }
    Ok(())
}
