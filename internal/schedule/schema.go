package schedule

import "cindergate/internal/database"

// schema is the history of the tables. Times are unix microseconds, 0: never.
//
// A run has the state waiting when it has been claimed, asking from before its backup is asked for until the
// answer is known, then running, and done, skipped or failed when it has ended.
var schema = database.Schema{Name: "schedule_schema", Migrations: []string{
	`CREATE TABLE schedule_volumes (
		backend TEXT NOT NULL, volume_id TEXT NOT NULL, project_id TEXT NOT NULL,
		policy TEXT NOT NULL, problem TEXT NOT NULL, blocked TEXT NOT NULL,
		held TEXT NOT NULL, gone BIGINT NOT NULL,
		since BIGINT NOT NULL, slot BIGINT NOT NULL, last_success BIGINT NOT NULL, failures INTEGER NOT NULL,
		PRIMARY KEY (backend, volume_id));
	CREATE TABLE schedule_runs (
		backend TEXT NOT NULL, volume_id TEXT NOT NULL, slot BIGINT NOT NULL, project_id TEXT NOT NULL,
		state TEXT NOT NULL, reason TEXT NOT NULL, backup_id TEXT NOT NULL,
		attempts INTEGER NOT NULL, not_before BIGINT NOT NULL, asked BIGINT NOT NULL,
		created BIGINT NOT NULL, ended BIGINT NOT NULL, gone BIGINT NOT NULL,
		PRIMARY KEY (backend, volume_id, slot));
	CREATE TABLE schedule_backends (backend TEXT NOT NULL PRIMARY KEY, looked BIGINT NOT NULL)`,
}}
