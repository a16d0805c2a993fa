//! A person with a browser: opens a release, follows a blocker to its evidence, downloads the dossier.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_blocker_is_followed_to_its_evidence_and_the_dossier_downloaded() {
    if !Path::new("/usr/bin/chromedriver").exists() {
        eprintln!("SKIPPED: chromium-driver is not installed (apt-get install chromium chromium-driver)");
        return;
    }
    let mut demo = certrail()
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let _demo = Running(demo);
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
    let _driver = Running(driver);
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
    let mut session = None;
    for _ in 0..50 {
        match WebDriver::new(format!("http://127.0.0.1:{port}"), caps.clone()).await {
            Ok(driver) => {
                session = Some(driver);
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    let browser = session.expect("a browser session");
    let outcome = walk(&browser, &address).await;
    browser.quit().await.unwrap();
    outcome.unwrap();
}

async fn walk(browser: &WebDriver, address: &str) -> WebDriverResult<()> {
    browser.goto(format!("{address}/r/payments-api/2.5.0")).await?;
    let sentence = browser.find(By::Tag("h1")).await?.text().await?;
    assert!(sentence.starts_with("2.5.0 is ") && sentence.contains("missing QA sign-off"), "{sentence}");
    // The first thing after the sentence is what is open, worst first.
    let first = browser.find(By::Css(".tasks > li")).await?;
    assert_eq!(first.id().await?.as_deref(), Some("findings"));
    first.find(By::Tag("summary")).await?.click().await?;
    first.find(By::Css(".rows a")).await?.click().await?;
    let evidence = browser.find(By::Tag("h1")).await?.text().await?;
    assert!(evidence.starts_with("security."), "{evidence}");
    let genuine = browser.find(By::Css(".good")).await?.text().await?;
    assert!(genuine.contains("Genuine"), "{genuine}");
    browser.goto(format!("{address}/r/payments-api/2.4.0")).await?;
    let href = browser.find(By::LinkText("Dossier (JSON)")).await?.attr("href").await?.unwrap_or_default();
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
        let forms = browser.find_all(By::Css("form.inline")).await?;
        assert!(forms.is_empty(), "{role} sees buttons that are not theirs");
    }
    Ok(())
}
