//! Talking to the server.

use std::time::Duration;

use reqwest::{Method, StatusCode, blocking};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    ci,
    commands::Global,
    config,
    failure::{Failure, NO, NOT_FOUND, SIGN_IN, UNKNOWN, USAGE},
    terminal::plain_in,
};

/// The server as the command line sees it.
pub(crate) struct Client {
    http: blocking::Client,
    base: String,
    token: Option<String>,
    /// People read the answers, at a terminal.
    people: bool,
}

const TRIES: u32 = 3;

impl Client {
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let (file, _) = config::file()?;
        let base =
            config::setting(global.server.as_deref(), "server", file.server.as_deref(), Some("http://127.0.0.1:8787"))?;
        let token = config::setting(None, "token", None, None)?.map(|t| t.value);
        if let Some(server) = base.as_ref().filter(|b| b.source == config::FILE && token.is_some()) {
            trusted(&server.value)?;
        }
        let base = base.map(|b| b.value).unwrap_or_default();
        let url = url::Url::parse(&base).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
        if url.is_none() {
            return Err(Failure::new(
                SIGN_IN,
                "The server was not asked.",
                format!("`{base}` is not an http address."),
                "Give --server or CERTRAIL_SERVER like https://certrail.example.com.",
            ));
        }
        let http = blocking::Client::builder()
            .timeout(Duration::from_secs(global.timeout))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(format!("certrail/{}", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| anyhow::anyhow!(e))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token, people: !global.json() })
    }

    /// What tells this token from others, without being it.
    pub(crate) fn token_mark(&self) -> String {
        let token = self.token.as_deref().unwrap_or_default();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        data_encoding::HEXLOWER.encode(&digest.as_ref()[..8])
    }

    /// The address of a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn ask(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: &[u8],
        key: Option<&str>,
    ) -> Result<Vec<u8>, Failure> {
        let mut tried = 0;
        loop {
            tried += 1;
            let mut request = self.http.request(method.clone(), self.address(path)).query(query);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            if *method != Method::GET {
                request = request.body(body.to_vec());
            }
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            match request.send() {
                Ok(response) if answers_later(response.status()) && tried < TRIES => {}
                Ok(response) => {
                    let status = response.status();
                    let bytes = response.bytes().map_err(|e| unreachable(&self.base, &e.to_string(), tried))?;
                    return if status.is_success() { Ok(bytes.to_vec()) } else { Err(refused(status, &bytes)) };
                }
                Err(e) if tried >= TRIES => return Err(unreachable(&self.base, &root_cause(&e), tried)),
                Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(400 * u64::from(tried)));
        }
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Failure> {
        self.read(&self.ask(&Method::GET, path, query, &[], None)?)
    }

    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.ask(&Method::GET, path, &[], &[], None)
    }

    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &[u8],
    ) -> Result<T, Failure> {
        self.read(&self.ask(&Method::POST, path, query, body, None)?)
    }

    /// Sends something that is recorded once however often it has to be tried: `key` names the delivery.
    pub(crate) fn deliver(&self, path: &str, query: &[(&str, &str)], body: &[u8], key: &str) -> Result<Value, Failure> {
        self.read(&self.ask(&Method::POST, path, query, body, Some(key))?)
    }

    pub(crate) fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &[u8],
    ) -> Result<T, Failure> {
        self.read(&self.ask(&Method::PUT, path, query, body, None)?)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, method: &Method, path: &str, body: &Value) -> Result<T, Failure> {
        self.read(&self.ask(method, path, &[], &serde_json::to_vec(body).unwrap_or_default(), None)?)
    }

    fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Failure> {
        let mut answer: Value = serde_json::from_slice(bytes).map_err(unread)?;
        if self.people {
            plain_in(&mut answer);
        }
        serde_json::from_value(answer).map_err(unread)
    }
}

/// A checkout may name the server, and whoever wrote the checkout must not get a person's token by it. In a pipeline
/// the same people write both; elsewhere only this computer's own server is taken from the file.
fn trusted(server: &str) -> Result<(), Failure> {
    let host = url::Url::parse(server).ok().and_then(|u| u.host().map(|h| h.to_owned()));
    let own = match &host {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if own || ci::detect().is_some() {
        return Ok(());
    }
    Err(Failure::new(
        SIGN_IN,
        "The server was not asked.",
        format!("{server} is named by this checkout's certrail.toml, and would be sent your CERTRAIL_TOKEN."),
        "If that is your server, say so with --server or CERTRAIL_SERVER.",
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unread(e: serde_json::Error) -> Failure {
    let fix = "Is --server really a certrail server?";
    Failure::new(UNKNOWN, "The server's answer could not be read.", format!("{e}."), fix)
}

fn unreachable(base: &str, why: &str, tries: u32) -> Failure {
    Failure::new(
        UNKNOWN,
        "Could not tell: the server did not answer.",
        format!("{base}: {why} ({tries} tries)."),
        "Check --server and the network, and run it again: repeated deliveries are recorded once.",
    )
    .undelivered()
}

fn root_cause(e: &dyn std::error::Error) -> String {
    let mut cause = e;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The server, or what stands before it, has too much to do.
fn answers_later(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
}

/// A problem of the server in our pattern.
fn refused(status: StatusCode, bytes: &[u8]) -> Failure {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let exit = match status.as_u16() {
        401 | 403 => SIGN_IN,
        404 => NOT_FOUND,
        409 | 422 => NO,
        429 => UNKNOWN,
        400..500 => USAGE,
        _ => UNKNOWN,
    };
    let what = match text("title") {
        empty if empty.is_empty() => format!("The server answered {status}."),
        title => title,
    };
    let problem = value["code"].is_string();
    let (why, fix) = match problem {
        true => (text("detail"), text("fix")),
        false => (
            "What answered does not speak like certrail.".to_owned(),
            "Is --server really a certrail server, and is a proxy before it in order?".to_owned(),
        ),
    };
    let failure = Failure::new(exit, what, why, fix);
    match status.as_u16() {
        429 | 500.. => failure.undelivered(),
        400 | 404 | 409 | 413 | 422 if problem => failure.refused(),
        403 if problem => failure.not_allowed(),
        _ => failure,
    }
}

/// A key for one delivery: made once, and kept through every retry.
pub(crate) fn delivery_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the operating system gave no random bytes"))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// Percent-encodes one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
