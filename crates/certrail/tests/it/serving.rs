//! A server as an operator starts it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::command::certrail;

/// A server that runs until it is dropped.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// The link by which the first person comes in, where nobody is there yet.
    pub(crate) set_up: Option<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Serving {
    /// On a port that is free.
    pub(crate) fn start(data: &Path) -> Self {
        Self::run(certrail().arg("serve"), data, "127.0.0.1:0")
    }

    /// `certrail serve` as it is given, at an address.
    pub(crate) fn run(program: &mut Command, data: &Path, listen: &str) -> Self {
        let mut child = program
            .args(["--listen", listen, "--data"])
            .arg(data)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut set_up, mut lines) = (None, BufReader::new(child.stdout.take().unwrap()).lines());
        let address = loop {
            let line = lines.next().expect("the server says that it is ready").unwrap();
            if let Some(link) = line.strip_prefix("Set up   ") {
                set_up = link.split_whitespace().next().map(str::to_owned);
            }
            if let Some(rest) = line.strip_prefix("Ready    http://") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        Self { child, address, set_up }
    }

    /// Ends it as a loss of power does.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks it to stop as a system does, and returns how long it took.
    pub(crate) fn stop(mut self, at_most: Duration) -> Duration {
        let begun = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return begun.elapsed();
            }
            assert!(begun.elapsed() < at_most, "it still runs");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Signs the first person in, who makes the product `pay` of `acme/pay` and a pipeline's token for it.
    pub(crate) fn pipeline_of_pay(&self) -> String {
        let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let signed = http
            .post(self.set_up.as_ref().expect("a set-up link"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("name=Olaf&account=olaf")
            .send()
            .unwrap();
        let cookie = signed.headers()["set-cookie"].to_str().unwrap().to_owned();
        let session = cookie.split(['=', ';']).nth(1).unwrap();
        let base = format!("http://{}/api/v1", self.address);
        let product = json!({ "repositories": ["acme/pay"] });
        let made = http.put(format!("{base}/products/pay")).bearer_auth(session).json(&product).send().unwrap();
        assert!(made.status().is_success(), "{:?}", made.text());
        let wanted = json!({ "name": "ci", "role": "contributor", "days": 1, "products": ["pay"] });
        let token = http.post(format!("{base}/tokens")).bearer_auth(session).json(&wanted).send().unwrap();
        token.json::<Value>().unwrap()["secret"].as_str().expect("a token").to_owned()
    }
}
