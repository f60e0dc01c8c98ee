package sessions

import "cindergate/internal/database"

// schema is the history of the tables. Times are unix microseconds.
var schema = database.Schema{Name: "console_schema", Migrations: []string{`
	CREATE TABLE console_sessions (
		key     TEXT PRIMARY KEY, -- Session.Key, hexadecimal
		user_id TEXT NOT NULL,    -- Session.User, hexadecimal
		used    BIGINT NOT NULL,
		ends    BIGINT NOT NULL,
		sealed  TEXT NOT NULL     -- base64
	);
	CREATE INDEX console_sessions_by_use ON console_sessions (used, key);
	CREATE INDEX console_sessions_by_user ON console_sessions (user_id, used, key);
	CREATE INDEX console_sessions_by_end ON console_sessions (ends);

	-- One row. Who begins a session changes it first, so that logins of all gateways take turns.
	CREATE TABLE console_head (logins BIGINT NOT NULL);
	INSERT INTO console_head (logins) VALUES (0);`,
}}
