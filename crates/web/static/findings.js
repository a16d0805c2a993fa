// Keys of the findings queue (ux.md J4): j and k move, x selects, e decides, u takes back. And the line that says what
// a decision would change while it is being filled in. The page works without any of this.
(() => {
  const rows = [...document.querySelectorAll("li[data-finding]")];
  const form = document.getElementById("decide");
  const line = document.getElementById("effect");
  let at = -1;
  const go = (to) => {
    if (!rows.length) return;
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows[at].focus();
  };
  const box = (row) => row.querySelector("input[name=id]");
  const chosen = () => [...document.querySelectorAll("input[name=id]:checked, input[name=id][type=hidden]")];
  let asked = 0;
  const effect = async () => {
    if (!form || !line) return;
    const own = ++asked;
    if (!chosen().length) { line.textContent = "Select a finding to see what a decision would change."; return; }
    const answer = await fetch("/findings/effect?" + new URLSearchParams(new FormData(form)), { headers: { accept: "text/plain" } }).catch(() => null);
    if (own !== asked) return;
    line.textContent = answer ? await answer.text() : "The server does not answer.";
  };
  const show = () => {
    if (!form) return;
    const claim = new FormData(form).get("claim");
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(claim);
    const count = document.getElementById("chosen");
    if (count) count.textContent = chosen().length + " selected";
  };
  let wait;
  const changed = () => { show(); clearTimeout(wait); wait = setTimeout(effect, 250); };
  form?.addEventListener("input", changed);
  document.addEventListener("change", (e) => { if (e.target.name === "id") changed(); });
  rows.forEach((row, i) => row.addEventListener("focusin", () => { at = i; }));
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select")) return;
    const keys = {
      j: () => go(at + 1),
      k: () => go(at - 1),
      x: () => { const b = at >= 0 && box(rows[at]); if (b) { b.checked = !b.checked; changed(); } },
      e: () => {
        if (!form) return;
        if (!chosen().length && at >= 0) { const b = box(rows[at]); if (b) b.checked = true; }
        changed();
        form.scrollIntoView({ block: "nearest" });
        form.querySelector("input[name=claim]")?.focus();
      },
      u: () => document.querySelector("form.undo")?.requestSubmit(),
    };
    if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
  });
  show();
  if (chosen().length) effect();
})();
