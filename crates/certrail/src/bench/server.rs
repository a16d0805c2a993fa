//! A server in a process of its own, so that its memory is its own, and connections to it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;

/// A server of our own on a data folder; it ends with this value.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    pub(super) fn start(data: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().context("the server says nothing")?;
        let mut lines = BufReader::new(out).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("http://")?;
            line.starts_with("Ready").then(|| rest.split_whitespace().next()?.parse().ok())?
        });
        // What else it says is read and thrown away, so that it never waits for us.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        match address {
            Some(address) => Ok(Self { child, address }),
            None => bail!("the server did not start"),
        }
    }

    /// Its renderers that run now, and the memory they and the server hold together now, megabytes.
    pub(super) fn family(&self) -> anyhow::Result<(u64, u64)> {
        let (own, mut count) = (self.child.id().to_string(), 0);
        let mut all = self.resident()?.1;
        for entry in std::fs::read_dir("/proc")?.flatten() {
            // Processes come and go while they are counted.
            let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
            let of = |name: &str| status.lines().find(|l| l.starts_with(name))?.split_whitespace().nth(1);
            if of("PPid:") == Some(&own) {
                count += 1;
                all += of("VmRSS:").and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024;
            }
        }
        Ok((count, all))
    }

    /// The most memory it ever held, and what it holds now, megabytes.
    pub(super) fn resident(&self) -> anyhow::Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
        };
        Ok((of("VmHWM:").context("no VmHWM")?, of("VmRSS:").context("no VmRSS")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One connection that stays open.
pub(super) struct Line(SendRequest<Full<Bytes>>);

impl Line {
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Asks, reads the whole answer and returns its size and how long that took.
    pub(super) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(Response<()>, usize, Duration)> {
        self.0.ready().await?;
        let begun = Instant::now();
        let (head, body) = self.0.send_request(request).await?.into_parts();
        let size = body.collect().await?.to_bytes().len();
        Ok((Response::from_parts(head, ()), size, begun.elapsed()))
    }
}
