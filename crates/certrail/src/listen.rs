//! Accepting connections within limits, so that nobody silences the server by holding many of them open, or one half
//! request its end.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
};
use certrail_web::{Peer, Proxies};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};
use tower::ServiceExt;

/// How long, and how many.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// A client may take this long for the head of a request.
    pub(crate) head: Duration,
    /// Connections in all; beyond, one that asks for nothing makes room.
    pub(crate) most: usize,
    /// Connections from one address. This computer's own and those of `proxies` are exempt: behind them stands everybody.
    pub(crate) of_one_address: usize,
    /// The proxies in front.
    pub(crate) proxies: Arc<Proxies>,
    /// At the end, requests under way may take this long.
    pub(crate) last: Duration,
}

impl Limits {
    /// The usual ones, within the open files that this process may have.
    pub(crate) fn usual(proxies: Proxies) -> Self {
        // The store, bodies and renderers need files, too.
        let files = usize::try_from(open_files()).unwrap_or(usize::MAX);
        let most = files.saturating_sub(256).clamp(64, 8_192);
        let (head, last) = (Duration::from_secs(15), Duration::from_secs(10));
        Self { head, most, of_one_address: 256, proxies: Arc::new(proxies), last }
    }
}

/// It never asked for anything, is asking, or has been answered.
const NEW: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

struct Open {
    address: IpAddr,
    state: Arc<AtomicU8>,
    end: AbortHandle,
}

/// The connections that are open, oldest first.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<(u64, BTreeMap<u64, Open>)>>);

impl Connections {
    fn all(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Open>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for one from `address`; `false` if there is none for it.
    fn make_room(&self, address: IpAddr, limits: &Limits) -> bool {
        let mut all = self.all();
        let peer = Peer::of(address);
        let own = all.1.values().filter(|c| Peer::of(c.address) == peer).count();
        let shared = address.is_loopback() || limits.proxies.includes(address);
        if !shared && own >= limits.of_one_address {
            return false;
        }
        if all.1.len() < limits.most {
            return true;
        }
        // Whoever asked for nothing yet goes first, then whoever was answered; nobody is cut off while asking.
        let in_state = |state| all.1.iter().find(|(_, c)| c.state.load(Ordering::Relaxed) == state).map(|(id, _)| *id);
        let Some(id) = in_state(NEW).or_else(|| in_state(IDLE)) else { return false };
        if let Some(open) = all.1.remove(&id) {
            open.end.abort();
        }
        true
    }

    fn end(&self, which: impl Fn(&Open) -> bool) {
        self.all().1.values().filter(|open| which(open)).for_each(|open| open.end.abort());
    }
}

/// Serves until `stop`, then finishes what is under way.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, limits: Limits) {
    let (stopping, stopped) = watch::channel(false);
    let connections = Connections::default();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, from)) if connections.make_room(from.ip(), &limits) => {
                take(&connections, stream, from, router.clone(), stopped.clone(), &limits);
            }
            Ok(_) => metrics::counter!("certrail_connections_refused_total").increment(1),
            Err(error) => {
                // Out of files, say: those that end make room.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    connections.end(|open| open.state.load(Ordering::Relaxed) != BUSY);
    let under_way = async {
        while !connections.all().1.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(limits.last, under_way).await.is_err() {
        tracing::warn!("requests that were still under way were cut off");
        connections.end(|_| true);
    }
}

fn take(
    connections: &Connections,
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    limits: &Limits,
) {
    let (head, proxies) = (limits.head, limits.proxies.clone());
    let state = Arc::new(AtomicU8::new(NEW));
    let own = state.clone();
    let answer = move |mut request: hyper::Request<Incoming>| {
        own.store(BUSY, Ordering::Relaxed);
        let peer = proxies.client(from.ip(), request.headers());
        request.extensions_mut().insert(peer);
        let (router, own) = (router.clone(), own.clone());
        async move {
            let sent = Sent(own);
            let request: Request = request.map(Body::new);
            router.oneshot(request).await.map(|answer| answer.map(|body| Sending { body, _sent: sent }))
        }
    };
    let serve = async move {
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::pin!(connection);
        // A connection that ends early is the client's business.
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    };
    let mut all = connections.all();
    let id = all.0;
    all.0 += 1;
    let leave = Leave { connections: connections.clone(), id };
    let task = tokio::spawn(async move {
        let _leave = leave;
        serve.await;
    });
    all.1.insert(id, Open { address: from.ip(), state, end: task.abort_handle() });
}

/// Marks a connection as one that has been answered: when the whole answer is sent, or nobody takes it.
struct Sent(Arc<AtomicU8>);

impl Drop for Sent {
    fn drop(&mut self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

/// An answer under way.
struct Sending {
    body: Body,
    _sent: Sent,
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes a connection off the list, however it ends.
struct Leave {
    connections: Connections,
    id: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.connections.all().1.remove(&self.id);
    }
}

/// Asks for as many open files as this process may have; returns how many that is.
#[cfg(unix)]
#[expect(unsafe_code, reason = "getrlimit and setrlimit have no safe form in std; the arguments are plain values")]
fn open_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live local of the right type.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 1_024;
    }
    let more = libc::rlimit { rlim_cur: limit.rlim_max.min(65_536), rlim_max: limit.rlim_max };
    // SAFETY: the pointer is to a live local, and the call only reads it.
    if more.rlim_cur > limit.rlim_cur && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) } == 0 {
        return more.rlim_cur;
    }
    limit.rlim_cur
}

#[cfg(not(unix))]
fn open_files() -> u64 {
    8_448
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::{Extension, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    use super::*;

    /// One address has a share of the connections; whoever else comes has theirs. Behind this computer's own stands everybody.
    #[tokio::test]
    async fn one_address_takes_no_more_than_its_share() {
        let limits = Limits { of_one_address: 5, ..Limits::usual(Proxies::default()) };
        let connections = Connections::default();
        let open = |address: &str| {
            let (address, end) = (address.parse().expect("an address"), tokio::spawn(async {}).abort_handle());
            let mut all = connections.all();
            all.0 += 1;
            let id = all.0;
            all.1.insert(id, Open { address, state: Arc::new(AtomicU8::new(BUSY)), end });
        };
        let room = |address: &str| connections.make_room(address.parse().expect("an address"), &limits);
        for n in 0..5 {
            assert!(room("192.0.2.1"), "{n}");
            open("192.0.2.1");
        }
        assert!(!room("192.0.2.1") && room("192.0.2.2"));
        // One subscriber has a whole network of them.
        for n in 0..5 {
            open(&format!("2001:db8::{n}"));
        }
        assert!(!room("2001:db8::ffff") && room("2001:db8:0:1::1"));
        for _ in 0..10 {
            open("127.0.0.1");
        }
        assert!(room("127.0.0.1"));
    }

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        done: tokio::task::JoinHandle<()>,
    }

    async fn start(limits: Limits) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "slow"
        };
        let piece = |n: u8| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (n < 5).then(|| (Ok::<_, std::io::Error>(format!("{n}")), n + 1))
        };
        let long = move || async move { Body::from_stream(futures_util::stream::unfold(0, piece)) };
        let router =
            Router::new().route("/", get(|| async { "ok" })).route("/slow", get(slow)).route("/long", get(long));
        let who = |Extension(peer): Extension<Peer>| async move { format!("{peer:?}") };
        let router = router.route("/who", get(who));
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(serve(listener, router, async move { drop(stopped.await) }, limits));
        Running { address, stop, done }
    }

    async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.9\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    fn limits() -> Limits {
        let last = Duration::from_secs(5);
        Limits { head: Duration::from_millis(400), most: 20, of_one_address: 5, proxies: Arc::default(), last }
    }

    /// Many half requests: the next whole one is answered at once, and they are closed in time.
    #[tokio::test(flavor = "multi_thread")]
    async fn half_requests_make_room_and_end() {
        let server = start(limits()).await;
        let mut half = Vec::new();
        for _ in 0..60 {
            let mut stream = TcpStream::connect(server.address).await.expect("connects");
            stream.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.expect("writes");
            half.push(stream);
        }
        let begun = Instant::now();
        assert!(ask(server.address, "/").await.expect("answered").ends_with("ok"));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        let ended = tokio::time::timeout(Duration::from_secs(5), async {
            for stream in &mut half {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
            }
        });
        ended.await.expect("each of them is closed");
        let _ = server.stop.send(());
        server.done.await.expect("ends");
    }

    /// Clients behind a proxy that is named are told apart; nobody else chooses their address.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_named_proxy_tells_its_clients_apart() {
        let proxies = Proxies::new(vec!["127.0.0.1".parse().expect("an address")]);
        for (proxies, expected) in [(proxies, "Alone(192.0.2.9)"), (Proxies::default(), "Together")] {
            let server = start(Limits { proxies: Arc::new(proxies), ..limits() }).await;
            let answer = ask(server.address, "/who").await.expect("answered");
            assert!(answer.ends_with(expected), "{answer}");
            let _ = server.stop.send(());
            server.done.await.expect("ends");
        }
    }

    /// A stop waits for what is under way, and for no half request.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_stop_finishes_requests_and_waits_for_no_half_one() {
        let server = start(Limits { head: Duration::from_secs(60), ..limits() }).await;
        let mut half = TcpStream::connect(server.address).await.expect("connects");
        half.write_all(b"POST / HTTP/1.1\r\nx: ").await.expect("writes");
        let whole = tokio::spawn(ask(server.address, "/slow"));
        let long = tokio::spawn(ask(server.address, "/long"));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        let _ = server.stop.send(());
        assert!(whole.await.expect("runs").expect("answered").ends_with("slow"));
        let long = long.await.expect("runs").expect("answered");
        assert!(long.trim_end().ends_with('0') && long.contains('4'), "to its last piece: {long}");
        server.done.await.expect("ends");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}
