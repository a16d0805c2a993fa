-- Version 1. Portable text: {bytes} becomes BLOB or BYTEA, {keyed} becomes WITHOUT ROWID or nothing, {id} becomes INTEGER
-- (in SQLite the only type whose primary key needs no index of its own) or BIGINT.
-- Times are microseconds since the Unix epoch, UTC. Never edit a released migration; add the next one.

-- The log: one row, the only hot one.
CREATE TABLE log (
  id {id} PRIMARY KEY,
  origin TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  size BIGINT NOT NULL,
  roots {bytes} NOT NULL,
  checkpoint TEXT NOT NULL,
  received BIGINT NOT NULL,
  -- Of signals from this entry on, keys of delivery and content may not be in their tables yet.
  keys_from BIGINT NOT NULL
);

-- The lives the log has had; the newest is the one that signs.
CREATE TABLE life (
  number {id} PRIMARY KEY,
  document TEXT NOT NULL
);

-- The entries between which the time of receipt is uncertain, because the clock jumped.
CREATE TABLE clock_doubt (
  from_index {id} PRIMARY KEY,
  to_index BIGINT
);

-- The entries with which an operator began a clock era, and when that was: what came before cannot have come later than that.
CREATE TABLE clock_era (
  log_index {id} PRIMARY KEY,
  began BIGINT NOT NULL
);

-- One row per commit: the signed checkpoint over the log with it (every one that ever left the process: they are what others
-- hold); its leaves, each with two bytes of length before it, in one zstd frame of `size` bytes; and its small bodies, one
-- after the other, a zstd frame each.
CREATE TABLE batch (
  first_index {id} PRIMARY KEY,
  log_size BIGINT NOT NULL,
  checkpoint TEXT NOT NULL,
  size BIGINT NOT NULL,
  leaves {bytes} NOT NULL,
  bodies {bytes}
);

-- Full tiles only; partial ones follow from the last leaves.
CREATE TABLE tile (
  level BIGINT NOT NULL,
  number BIGINT NOT NULL,
  hashes {bytes} NOT NULL,
  PRIMARY KEY (level, number)
) {keyed};

-- Which delivery became which entry.
CREATE TABLE delivery (
  key {bytes} PRIMARY KEY,
  log_index BIGINT NOT NULL
) {keyed};

-- Which signal brought some bytes first, by the first half of their digest.
CREATE TABLE content (
  key {bytes} PRIMARY KEY,
  log_index BIGINT NOT NULL
) {keyed};

-- Bytes that an entry rests on and that no signal brought: worlds and evaluations. `pack` is the commit they came with, null for a file of the blob folder.
CREATE TABLE body (
  log_index BIGINT NOT NULL,
  digest {bytes} NOT NULL,
  size BIGINT NOT NULL,
  pack BIGINT,
  start BIGINT NOT NULL,
  packed BIGINT NOT NULL,
  PRIMARY KEY (log_index, digest)
) {keyed};

CREATE TABLE signal (
  log_index {id} PRIMARY KEY,
  kind TEXT NOT NULL,
  connector TEXT NOT NULL,
  source TEXT NOT NULL,
  delivery TEXT NOT NULL,
  media TEXT NOT NULL,
  auth_how TEXT NOT NULL,
  auth_key TEXT NOT NULL,
  known TEXT NOT NULL,
  occurred BIGINT,
  received BIGINT NOT NULL,
  body {bytes} NOT NULL,
  -- Where its bytes are: `packed` bytes of a commit's bodies from `start`, `size` when unpacked; or a file of the blob folder
  -- (pack is null).
  size BIGINT NOT NULL,
  pack BIGINT,
  start BIGINT NOT NULL,
  packed BIGINT NOT NULL,
  -- What it says, people as numbers; and the people by number, if it speaks of any.
  facts TEXT NOT NULL,
  people TEXT,
  -- Each commitment has a salt of its own; one that is gone was erased.
  body_salt {bytes},
  facts_salt {bytes},
  people_salt {bytes},
  mapper TEXT NOT NULL,
  duplicate_of BIGINT,
  -- The entry of the delivery that this is a part of.
  part_of BIGINT
);
-- Those that concern every release of a product: few among many.
CREATE INDEX signal_of_products ON signal (log_index) WHERE kind LIKE 'security.%' OR kind = 'code.branch_rule';

-- Every other entry of the log: its document, as it was committed to.
CREATE TABLE act (
  log_index {id} PRIMARY KEY,
  act TEXT NOT NULL,
  actor TEXT NOT NULL,
  received BIGINT NOT NULL,
  salt {bytes},
  document TEXT NOT NULL
);
-- Whose signatures are believed: a handful among all entries.
CREATE INDEX act_of_trust ON act (log_index) WHERE act = 'trust';

CREATE TABLE product (
  name TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  log_index BIGINT NOT NULL
);

-- Each state a product ever had, from a log position on.
CREATE TABLE product_version (
  name TEXT NOT NULL,
  from_index BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (name, from_index)
) {keyed};

-- Each state a connector ever had.
CREATE TABLE connector (
  id TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (id, log_index)
) {keyed};

-- The names of the secrets of connectors; what they are stands in the key folder alone.
CREATE TABLE connector_secret (
  name TEXT PRIMARY KEY,
  connector TEXT NOT NULL,
  log_index BIGINT NOT NULL
);

-- What forges call their repositories, from an entry on, as connectors heard it: a repository is its id there.
CREATE TABLE repository_name (
  connector TEXT NOT NULL,
  host TEXT NOT NULL,
  forge_id TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  name TEXT NOT NULL,
  canonical TEXT NOT NULL,
  PRIMARY KEY (connector, forge_id, log_index)
) {keyed};

CREATE TABLE product_repository (
  repository TEXT NOT NULL,
  product TEXT NOT NULL,
  held BIGINT NOT NULL,
  PRIMARY KEY (repository, product)
) {keyed};

CREATE TABLE release (
  seq {id} PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  product TEXT NOT NULL,
  version TEXT NOT NULL,
  state TEXT NOT NULL,
  document TEXT NOT NULL,
  label_key {bytes} NOT NULL,
  created BIGINT NOT NULL,
  UNIQUE (product, version)
);
CREATE INDEX release_by_created ON release (product, created, seq);

-- Each state a release ever had, from a log position on: what a past evaluation is run on again.
CREATE TABLE release_version (
  release BIGINT NOT NULL,
  from_index BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (release, from_index)
) {keyed};

-- When what went into production.
CREATE TABLE shipment (
  product TEXT NOT NULL,
  environment TEXT NOT NULL,
  at BIGINT NOT NULL,
  release BIGINT NOT NULL,
  PRIMARY KEY (product, environment, at, release)
) {keyed};
CREATE INDEX shipment_by_release ON shipment (release);

-- Names a release used to have.
CREATE TABLE release_alias (
  product TEXT NOT NULL,
  version TEXT NOT NULL,
  release BIGINT NOT NULL,
  PRIMARY KEY (product, version)
) {keyed};

-- Which release is cut at which commit.
CREATE TABLE cut (
  commit_id TEXT NOT NULL,
  release BIGINT NOT NULL,
  PRIMARY KEY (commit_id, release)
) {keyed};

-- What a commit follows, everything anybody told: in the order of a push, or its exact parents by a checkout.
-- Whose word reaches one product only counts for that one; empty means all.
CREATE TABLE edge (
  child TEXT NOT NULL,
  parents TEXT NOT NULL,
  told BIGINT NOT NULL,
  product TEXT NOT NULL,
  repository TEXT NOT NULL,
  PRIMARY KEY (child, parents, told, product, repository)
) {keyed};

-- Which commits reached which branch.
CREATE TABLE pushed (
  commit_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  branch TEXT NOT NULL,
  product TEXT NOT NULL,
  PRIMARY KEY (commit_id, repository, branch, product)
) {keyed};

-- Releases whose range ends at a commit we know nothing of yet.
CREATE TABLE frontier (
  release BIGINT NOT NULL,
  commit_id TEXT NOT NULL,
  PRIMARY KEY (release, commit_id)
) {keyed};
CREATE INDEX frontier_by_commit ON frontier (commit_id);

-- Releases that end the range of others, with the entry from which on, and the commits that they contain.
CREATE TABLE range_base (
  release BIGINT PRIMARY KEY,
  from_index BIGINT NOT NULL,
  kind TEXT NOT NULL
);
CREATE TABLE range_base_commit (
  commit_id TEXT NOT NULL,
  release BIGINT NOT NULL,
  PRIMARY KEY (commit_id, release)
) {keyed};
CREATE INDEX range_base_commit_by_release ON range_base_commit (release);

-- What the baseline of a product contains, with the entry from which on it counts.
CREATE TABLE baseline_commit (
  product TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  from_index BIGINT NOT NULL,
  PRIMARY KEY (product, commit_id, from_index)
) {keyed};

-- What a signal is about.
CREATE TABLE subject (
  key TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  PRIMARY KEY (key, log_index)
) {keyed};

-- Whoever owns `source` owns `target`: every product's release, or those of the one product that the teller reaches.
CREATE TABLE link (
  source TEXT NOT NULL,
  target TEXT NOT NULL,
  product TEXT NOT NULL,
  repository TEXT NOT NULL,
  rule BIGINT NOT NULL,
  PRIMARY KEY (source, target, product, repository)
) {keyed};

-- What a release owns: base keys, and what links reach from them.
CREATE TABLE member (
  key TEXT NOT NULL,
  release BIGINT NOT NULL,
  rule BIGINT NOT NULL,
  base BIGINT NOT NULL,
  PRIMARY KEY (key, release)
) {keyed};
CREATE INDEX member_by_release ON member (release);

-- The edge signal to release, valid for log positions from_index <= p < to_index.
CREATE TABLE binding (
  release BIGINT NOT NULL,
  log_index BIGINT NOT NULL,
  from_index BIGINT NOT NULL,
  to_index BIGINT,
  rule BIGINT NOT NULL,
  key TEXT NOT NULL,
  -- Of the few kinds that somebody looks for by themselves.
  kind TEXT,
  PRIMARY KEY (release, log_index, from_index)
) {keyed};
CREATE INDEX binding_by_signal ON binding (log_index);
CREATE INDEX binding_by_kind ON binding (release, kind) WHERE kind IS NOT NULL;

-- The entry at which signals moved to a release, or away from it, last.
CREATE TABLE moved (
  release BIGINT PRIMARY KEY,
  at_index BIGINT NOT NULL
);

-- Repositories that signals spoke of as a whole, each with the key that blinds its label.
CREATE TABLE repository (
  seq {id} PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  label_key {bytes} NOT NULL,
  log_index BIGINT NOT NULL
);

-- What was told of a repository as a whole and is read by time: from `at` until what was told next of the same object.
CREATE TABLE context (
  repository BIGINT NOT NULL,
  kind TEXT NOT NULL,
  object {bytes} NOT NULL,
  at BIGINT NOT NULL,
  log_index BIGINT NOT NULL,
  -- It says that something is so; what says that it is over is read only beside the others.
  stands BIGINT NOT NULL,
  -- Far in the future and -1 where nothing followed.
  until_at BIGINT NOT NULL,
  until_index BIGINT NOT NULL,
  PRIMARY KEY (repository, kind, object, at, log_index)
) {keyed};
CREATE INDEX context_by_end ON context (repository, kind, until_at) WHERE stands = 1;
CREATE INDEX context_by_end_entry ON context (repository, kind, until_index) WHERE stands = 1;

CREATE TABLE unbound (
  log_index {id} PRIMARY KEY
);

CREATE TABLE exception (
  id TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  to_index BIGINT,
  release TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (id, log_index)
) {keyed};
CREATE INDEX exception_by_release ON exception (release);

-- A change of criteria or of a product that somebody asked for, each state of it a row.
CREATE TABLE settings_change (
  id TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  to_index BIGINT,
  -- What changes: of one thing only one change waits at a time.
  changes TEXT NOT NULL,
  open BIGINT NOT NULL,
  -- It is what releases are judged by from this state on.
  applied BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (id, log_index)
) {keyed};
CREATE INDEX settings_change_of ON settings_change (changes, log_index);
CREATE INDEX settings_change_open ON settings_change (id) WHERE open = 1;

CREATE TABLE decision (
  id TEXT PRIMARY KEY,
  log_index BIGINT NOT NULL,
  release TEXT NOT NULL,
  kind TEXT NOT NULL,
  result TEXT NOT NULL,
  actor TEXT NOT NULL,
  decided BIGINT NOT NULL,
  envelope TEXT NOT NULL,
  world {bytes} NOT NULL
);
CREATE INDEX decision_by_release ON decision (release, log_index);

CREATE TABLE gate_ask (
  log_index {id} PRIMARY KEY,
  release TEXT NOT NULL,
  gate TEXT NOT NULL,
  answer TEXT NOT NULL,
  actor TEXT NOT NULL,
  asked BIGINT NOT NULL,
  evaluation {bytes} NOT NULL
);
CREATE INDEX gate_ask_by_release ON gate_ask (release, log_index);

CREATE TABLE dossier (
  release TEXT NOT NULL,
  number BIGINT NOT NULL,
  log_index BIGINT NOT NULL,
  made BIGINT NOT NULL,
  maker TEXT NOT NULL,
  json {bytes} NOT NULL,
  pdf {bytes},
  PRIMARY KEY (release, number)
) {keyed};

CREATE TABLE person (
  id TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  to_index BIGINT,
  document TEXT NOT NULL,
  PRIMARY KEY (id, log_index)
) {keyed};

-- Tokens, sessions and set-up links; only the digest of the secret is kept.
CREATE TABLE token (
  digest {bytes} PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  person TEXT,
  role TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  last_used BIGINT,
  revoked BIGINT,
  -- The token a session was opened with: it ends with it.
  parent TEXT,
  scope TEXT NOT NULL,
  made_by TEXT NOT NULL
) {keyed};
CREATE INDEX token_by_person ON token (person) WHERE person IS NOT NULL;
CREATE INDEX token_by_parent ON token (parent) WHERE parent IS NOT NULL;

-- A set may come back into force after another one: the same text then has two rows.
CREATE TABLE criteria (
  log_index {id} PRIMARY KEY,
  digest {bytes} NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  text TEXT NOT NULL
);

-- A finding across scans. What a scan saw of it last is its document; the key is a digest of product and fingerprint.
CREATE TABLE finding (
  seq {id} PRIMARY KEY,
  key {bytes} NOT NULL UNIQUE,
  product TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- What it was called when it was first seen.
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  -- Open, decided, left out by the report itself, fixed: what lists are of.
  shelf BIGINT NOT NULL,
  -- Every report that shows it leaves it out itself.
  suppressed BIGINT NOT NULL,
  level BIGINT NOT NULL,
  exploited BIGINT NOT NULL,
  -- The release whose scan no longer saw it; 0 while it is seen.
  fixed_in BIGINT NOT NULL,
  -- The scan that no longer saw it: an older one that becomes known later reopens nothing.
  fixed_by BIGINT NOT NULL,
  first_index BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  -- When its clock started, and the entry from which on that is known.
  clock_from BIGINT NOT NULL,
  clock_index BIGINT NOT NULL,
  -- Far in the future where there is no limit, so that lists can go on from a place in them.
  due BIGINT NOT NULL,
  -- When the decision ends that its state rests on; 0 where it rests on none.
  until BIGINT NOT NULL,
  -- The spot in the source, hashed with the product; 0 where it has none.
  spot BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX finding_by_spot ON finding (spot) WHERE spot <> 0;
CREATE INDEX finding_by_due ON finding (shelf, due, seq);
CREATE INDEX finding_by_product ON finding (product, shelf, due, seq);
CREATE INDEX finding_by_end ON finding (until) WHERE until > 0;

-- Every state of every decision about findings.
CREATE TABLE finding_decision (
  id TEXT NOT NULL,
  log_index BIGINT NOT NULL,
  to_index BIGINT,
  product TEXT NOT NULL,
  -- The key of the finding it was asked for.
  finding {bytes} NOT NULL,
  -- It reaches every product that has a finding of this fingerprint; else empty.
  everywhere TEXT NOT NULL,
  state TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (id, log_index)
) {keyed};
CREATE INDEX finding_decision_by_product ON finding_decision (product, log_index);
CREATE INDEX finding_decision_by_finding ON finding_decision (finding, log_index);
CREATE INDEX finding_decision_everywhere ON finding_decision (everywhere, log_index);
CREATE INDEX finding_decision_by_state ON finding_decision (state, log_index) WHERE to_index IS NULL;

-- What people said about a finding when they looked at it or began to work on it.
CREATE TABLE finding_triage (
  finding BIGINT NOT NULL,
  log_index BIGINT NOT NULL,
  product TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (finding, log_index)
) {keyed};
CREATE INDEX finding_triage_by_product ON finding_triage (product, log_index);

-- Each step in the life of a finding.
CREATE TABLE finding_move (
  finding BIGINT NOT NULL,
  log_index BIGINT NOT NULL,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  -- Its clock starts with this step.
  clock BIGINT NOT NULL,
  PRIMARY KEY (finding, log_index, state)
) {keyed};

-- What answers for each other: product, kind of scan, tool, sender and what was scanned.
CREATE TABLE scan_scope (
  seq {id} PRIMARY KEY,
  product TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (product, name)
);

-- A scan of a product.
CREATE TABLE scan (
  log_index {id} PRIMARY KEY,
  scope BIGINT NOT NULL,
  complete BIGINT NOT NULL,
  at BIGINT NOT NULL,
  -- The entry from which on all that it saw is known: its own, or the last of those that took in a large one. Null until then.
  taken_in BIGINT,
  -- The entry that says that it never will be. Null unless there is one.
  given_up BIGINT
);
-- What it saw: findings with their level, packed; a large list in pieces.
CREATE TABLE scan_found (
  log_index BIGINT NOT NULL,
  piece BIGINT NOT NULL,
  found {bytes} NOT NULL,
  PRIMARY KEY (log_index, piece)
) {keyed};
CREATE INDEX scan_by_scope ON scan (scope, complete, at, log_index);

-- Which scope sees a finding, and the newest release it saw it in (0 where it belongs to none).
CREATE TABLE sighting (
  scope BIGINT NOT NULL,
  finding BIGINT NOT NULL,
  -- The scan that saw it last, and when that was made.
  log_index BIGINT NOT NULL,
  at BIGINT NOT NULL,
  -- What that scan said: level and marks.
  mark BIGINT NOT NULL,
  release BIGINT NOT NULL,
  PRIMARY KEY (scope, finding)
) {keyed};
CREATE INDEX sighting_by_finding ON sighting (finding);

-- What commits left to later ones, in the order in which it is done, and how far each has come.
CREATE TABLE job (
  seq {id} PRIMARY KEY,
  product TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- What it is about: an entry of the log, or a document.
  subject TEXT NOT NULL,
  step BIGINT NOT NULL,
  next BIGINT NOT NULL,
  UNIQUE (kind, subject)
);
CREATE INDEX job_by_product ON job (product, kind);
