//! The PDF, rendered by a child process of this program, bounded in time and memory.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use certrail_domain::{Problem, ProblemKind};

/// The longest a rendering may take.
const RENDER_SECONDS: u64 = 60;

/// Runs the renderer: JSON in, PDF out, bounded in time by us and in memory by the child itself.
pub(super) fn render(program: &std::path::Path, json: &[u8]) -> Result<Vec<u8>, Problem> {
    let failed = |why: String| {
        Problem::new(
            ProblemKind::Internal,
            "no-pdf",
            "The PDF was not made.",
            why,
            "The JSON dossier holds the same; ask again, or look at the server's log.",
        )
    };
    let mut child = Command::new(program)
        .arg("render-pdf")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("The renderer could not be started: {e}.")))?;
    let mut stdin = child.stdin.take();
    let input = json.to_vec();
    let feeder = std::thread::spawn(move || stdin.as_mut().map(|s| s.write_all(&input)));
    let id = child.id();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if waiting.recv_timeout(std::time::Duration::from_secs(RENDER_SECONDS)).is_err() {
            // Ended from outside: the child is stuck and holds memory.
            drop(Command::new("kill").arg("-9").arg(id.to_string()).status());
        }
    });
    let output = child.wait_with_output().map_err(|e| failed(format!("The renderer was lost: {e}.")))?;
    let _ = done.send(());
    drop(feeder.join());
    drop(watchdog.join());
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!(
            "The renderer ended with {}: {}",
            output.status,
            said.lines().last().unwrap_or("no word")
        )));
    }
    Ok(output.stdout)
}
