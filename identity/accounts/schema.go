package accounts

import "cindergate/internal/database"

// schema is the history of the tables. A released entry never changes. The first one was
// released for SQLite without the table identity_schema, so it must do nothing where its
// tables are.
var schema = database.Schema{Name: "identity_schema", Migrations: []string{`
	CREATE TABLE IF NOT EXISTS projects (
		id          TEXT PRIMARY KEY,
		name        TEXT NOT NULL,
		description TEXT NOT NULL,
		enabled     BOOLEAN NOT NULL,
		tags        TEXT NOT NULL, -- a JSON list
		extra       TEXT NOT NULL  -- a JSON object
	);
	CREATE TABLE IF NOT EXISTS users (
		id              TEXT PRIMARY KEY,
		name            TEXT NOT NULL,
		password_hash   TEXT NOT NULL,
		default_project TEXT NOT NULL,
		enabled         BOOLEAN NOT NULL,
		extra           TEXT NOT NULL -- a JSON object
	);
	-- Users and projects may be those of the configuration, which have no rows.
	CREATE TABLE IF NOT EXISTS grants (
		user_id    TEXT NOT NULL,
		project_id TEXT NOT NULL,
		role       TEXT NOT NULL,
		PRIMARY KEY (user_id, project_id, role)
	);`, `
	-- The order of creation; 0: before there was this column.
	ALTER TABLE projects ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
	ALTER TABLE users ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
	ALTER TABLE grants ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
	ALTER TABLE users ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

	-- One row. The versions are random, so that a database that was restored or failed over has
	-- others than those that gateways know.
	CREATE TABLE identity_head (
		accounts TEXT NOT NULL,
		tokens   TEXT NOT NULL,
		count    BIGINT NOT NULL -- of rows of tokens
	);
	INSERT INTO identity_head (accounts, tokens, count) VALUES ('', '', 0);

	CREATE TABLE tokens (
		hash          TEXT PRIMARY KEY, -- SHA-256, hexadecimal
		user_id       TEXT NOT NULL,
		project_id    TEXT NOT NULL,
		role          TEXT NOT NULL,
		methods       TEXT NOT NULL, -- a JSON list
		credential_id TEXT NOT NULL,
		stamp         TEXT NOT NULL,
		audit_id      TEXT NOT NULL,
		issued_at     BIGINT NOT NULL,
		expires_at    BIGINT NOT NULL
	);
	CREATE INDEX tokens_by_user ON tokens (user_id, issued_at);
	CREATE INDEX tokens_by_end ON tokens (expires_at);

	CREATE TABLE login_failures (
		id    TEXT PRIMARY KEY, -- SHA-256 of the key, hexadecimal
		until BIGINT NOT NULL   -- when all failures are forgotten
	);
	CREATE INDEX login_failures_by_end ON login_failures (until);`,
}}
