//! The product that hears the stories: the whole of it, through its hooks and its API.

use std::sync::Arc;

use certrail_domain::{Role, Scope, Time};
use certrail_usecases::{
    Caller, Engine, NewPerson, NewToken, Person, SettingsRequest, create_token, fsck, put_criteria, put_person,
    session_for, wait_for_ranges,
};
use serde_json::json;

use crate::demo::world::{Sender, StoryClock};

/// A server with its people, on which one story after another is told.
pub(super) struct Product {
    pub(super) engine: Arc<Engine>,
    pub(super) sender: Sender,
    olaf: Person,
    pub(super) admin: String,
    pub(super) pipeline: String,
    /// From when on the next story is told.
    pub(super) now: Time,
    _folder: tempfile::TempDir,
}

impl Product {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = StoryClock::default();
        let now = Time::parse("2026-01-05T08:00:00Z").expect("a time");
        clock.set(now);
        let engine = crate::commands::open_engine(folder.path(), "oracle/log", clock.as_clock())
            .unwrap_or_else(|f| panic!("{f:?}"));
        engine.keys.add_secret("github", "hush").expect("writes");
        let app = crate::commands::web_app(engine.clone(), None).unwrap_or_else(|f| panic!("{f:?}"));
        let sender = Sender::new(certrail_web::router(app), "hush".into(), clock);
        let system = Caller::internal("oracle");
        let olaf =
            NewPerson { name: "olaf".into(), accounts: vec!["olaf".into()], role: Role::Admin, scope: Scope::ALL };
        let olaf = put_person(&engine, &system, olaf).await.expect("a person");
        let mut product =
            Self { engine, sender, olaf, admin: String::new(), pipeline: String::new(), now, _folder: folder };
        product.renew().await;
        product
    }

    /// Sessions and tokens end; a story that is told much later has its own.
    pub(super) async fn renew(&mut self) {
        let system = Caller::internal("oracle");
        self.admin = session_for(&self.engine, &self.olaf).await.expect("a session").secret;
        let token = create_token(&self.engine, &system, NewToken::pipeline("ci", &["*"])).await;
        self.pipeline = token.expect("a token").secret;
    }

    /// A set of criteria that products may name.
    pub(super) async fn judges_by(&self, text: &str) {
        let (system, asked) = (Caller::internal("oracle"), SettingsRequest::default());
        put_criteria(&self.engine, &system, text.to_owned(), asked).await.expect("admitted");
    }

    /// A product with one repository, whose history is judged from a commit on.
    pub(super) async fn begin(&self, name: &str, repository: &str, root: &str) {
        self.begin_with(name, repository, root, "standard").await;
    }

    /// [`Product::begin`], judged by a set of criteria.
    pub(super) async fn begin_with(&self, name: &str, repository: &str, root: &str, criteria: &str) {
        let path = format!("/api/v1/products/{name}");
        let made = json!({ "repositories": [repository], "criteria": criteria });
        self.sender.call(self.now, &self.admin, "PUT", &path, &made).await.expect("a product");
        let stated = json!({ "commit": root, "version": "0.9.0", "reason": "It was there before." });
        let path = format!("/api/v1/products/{name}/baselines");
        self.sender.call(self.now, &self.admin, "POST", &path, &stated).await.expect("a baseline");
    }

    /// Everything the product keeps agrees with its log.
    pub(super) fn is_sound(&self) {
        assert_eq!(fsck(&self.engine).expect("runs").faults, Vec::<String>::new());
    }

    pub(super) async fn settled(&self, name: &str) {
        wait_for_ranges(&self.engine, name).await.expect("settles");
    }
}
