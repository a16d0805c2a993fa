//! The PDF, rendered by a child process of this program, bounded in time and memory.

use std::{
    io::{Read, Write},
    process::{Command, Output, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use certrail_domain::{Problem, ProblemKind};

/// The longest a rendering may take.
const LONGEST: Duration = Duration::from_secs(60);
/// Everything a pipe gives, read beside.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until it broke tells why it did.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Runs the renderer: JSON in, PDF out, bounded in time by us and in memory by the child itself.
pub(super) fn render(program: &std::path::Path, json: &[u8]) -> Result<Vec<u8>, Problem> {
    let failed = |why: String| {
        Problem::new(ProblemKind::Internal, "no-pdf", "The PDF was not made.", why, "The JSON holds the same.")
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
    let feeder = std::thread::spawn(move || stdin.as_mut().map_or(Ok(()), |s| s.write_all(&input)));
    let (reader, errors) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|e| failed(format!("The renderer was lost: {e}.")))? {
            Some(status) => break status,
            None if begun.elapsed() > LONGEST => {
                // It is stuck and holds memory.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("The renderer took longer than {} s.", LONGEST.as_secs())));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let lost = |_| failed("What the renderer wrote was lost.".to_owned());
    let output = Output { status, stdout: reader.join().map_err(lost)?, stderr: errors.join().map_err(lost)? };
    let fed = feeder.join().map_err(lost)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!(
            "The renderer ended with {}: {}",
            output.status,
            said.lines().last().unwrap_or("no word")
        )));
    }
    fed.map_err(|e| failed(format!("The renderer did not take the dossier: {e}.")))?;
    Ok(output.stdout)
}
