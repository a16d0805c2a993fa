//! A webhook arrives: verify the sender, map, take in.

use std::sync::Arc;

use certrail_domain::{Problem, ProblemKind};
use certrail_sources::{Refused, Source};

use crate::{
    accept::{Ack, Incoming, accept},
    engine::{Engine, LogHead, internal},
};

/// A delivery as it came over the wire.
#[derive(Debug)]
pub struct Delivery {
    /// The connector in the path.
    pub connector: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

fn source_of(connector: &str) -> Result<&'static dyn Source, Problem> {
    certrail_sources::find(connector).ok_or_else(|| {
        let known: Vec<&str> = certrail_sources::ALL.iter().map(|s| s.name()).collect();
        Problem::new(
            ProblemKind::NotFound,
            "no-such-connector",
            "The delivery was not recorded.",
            format!("There is no connector `{}`.", connector.chars().take(40).collect::<String>()),
            format!(
                "Send it to one of: {}.",
                known.iter().map(|k| format!("/hooks/{k}")).collect::<Vec<_>>().join(", ")
            ),
        )
    })
}

/// Refuses by its headers alone what would be refused whatever its body is: strangers make nobody read megabytes.
///
/// # Errors
/// An unknown connector, no signature, no delivery id or event, no secret.
pub fn expect_webhook(engine: &Engine, connector: &str, headers: &[(String, String)]) -> Result<(), Problem> {
    let source = source_of(connector)?;
    source.is_signed(headers).and_then(|()| source.envelope(headers)).map_err(|e| refused(source.name(), e))?;
    if engine.keys.secrets(source.name()).map_err(|e| internal(&e))?.is_empty() {
        return Err(refused(source.name(), Refused::NoSecret));
    }
    Ok(())
}

/// Takes a webhook delivery.
///
/// # Errors
/// An unknown connector, a wrong signature, missing headers, another body under a known delivery id, a failed commit.
pub async fn deliver_webhook(engine: &Arc<Engine>, delivery: Delivery) -> Result<(Ack, Arc<LogHead>), Problem> {
    let source = source_of(&delivery.connector)?;
    if delivery.body.is_empty() {
        return Err(empty_body("The delivery was not recorded."));
    }
    let secrets = engine.keys.secrets(source.name()).map_err(|e| internal(&e))?;
    let key = source.verify(&delivery.headers, &delivery.body, &secrets).map_err(|e| refused(source.name(), e))?;
    let (id, event) = source.envelope(&delivery.headers).map_err(|e| refused(source.name(), e))?;
    let signal = source.map(&event, &delivery.body);
    let incoming = Incoming {
        connector: source.name(),
        delivery: id,
        media: source.media(&delivery.body).into(),
        auth_how: "hmac-sha256".into(),
        auth_key: key,
        mapper: source.mapper().into(),
        body: delivery.body,
        signal: Arc::new(signal),
        part_of: None,
        findings: None,
        vex: None,
    };
    let ready = incoming.prepare(&engine.blobs).map_err(|e| internal(&e))?;
    engine.write(move |batch| accept(batch, &ready)).await
}

/// Nothing was sent: whoever meant to send something has to know.
pub(crate) fn empty_body(what: &str) -> Problem {
    let fix = "Send the bytes; an empty file is no evidence of anything.";
    Problem::new(ProblemKind::BadInput, "empty-body", what, "The body is empty.", fix)
}

fn refused(connector: &str, refusal: Refused) -> Problem {
    let what = "The delivery was not recorded.";
    let why = format!("{}.", upper_first(&refusal.to_string()));
    match refusal {
        Refused::Unsigned(_) | Refused::WrongSignature => Problem::new(
            ProblemKind::NotSignedIn,
            "wrong-signature",
            what,
            why,
            format!("Set the same secret at the sender as here; `certrail admin secret {connector}` makes a new one."),
        ),
        Refused::NoSecret => Problem::new(
            ProblemKind::NotSignedIn,
            "no-secret",
            what,
            why,
            format!("Make one with `certrail admin secret {connector}` and set it at the sender."),
        ),
        Refused::Header(_) => Problem::new(
            ProblemKind::BadInput,
            "header-missing",
            what,
            why,
            "Send the delivery as the provider sends it, headers included.",
        ),
    }
}

fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}
