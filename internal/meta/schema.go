package meta

import "cindergate/internal/database"

var schema = database.Schema{Name: "schema_version", Migrations: migrations}

// migrations are applied in order, each in one transaction. A released entry never changes;
// a new version adds an entry. They use only SQL that SQLite and PostgreSQL share. Times
// are unix microseconds, documents are JSON text.
var migrations = []string{
	`CREATE TABLE backups (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		user_id TEXT,
		volume_id TEXT NOT NULL,
		snapshot_id TEXT,
		parent_id TEXT,
		display_name TEXT,
		display_description TEXT,
		status TEXT NOT NULL,
		fail_reason TEXT,
		size INTEGER NOT NULL,
		object_count INTEGER NOT NULL,
		container TEXT,
		availability_zone TEXT,
		encryption_key_id TEXT,
		metadata TEXT NOT NULL,
		service TEXT,
		service_metadata TEXT,
		data_backup_id TEXT,
		host TEXT,
		restore_volume_id TEXT,
		created_at BIGINT NOT NULL,
		updated_at BIGINT,
		data_timestamp BIGINT,
		deleted_at BIGINT
	);
	CREATE INDEX backups_by_project ON backups (project_id, deleted_at);
	CREATE INDEX backups_by_volume ON backups (volume_id);
	CREATE INDEX backups_by_parent ON backups (parent_id);
	CREATE INDEX backups_by_data ON backups (container, service_metadata);

	CREATE TABLE volumes (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		user_id TEXT,
		display_name TEXT,
		display_description TEXT,
		status TEXT NOT NULL,
		previous_status TEXT,
		size INTEGER NOT NULL,
		availability_zone TEXT,
		volume_type_id TEXT,
		snapshot_id TEXT,
		source_volid TEXT,
		bootable BOOLEAN NOT NULL,
		multiattach BOOLEAN NOT NULL,
		attach_status TEXT NOT NULL,
		migration_status TEXT,
		host TEXT,
		group_id TEXT,
		metadata TEXT NOT NULL,
		admin_metadata TEXT NOT NULL,
		image_metadata TEXT NOT NULL,
		attachments TEXT NOT NULL,
		created_at BIGINT NOT NULL,
		updated_at BIGINT,
		launched_at BIGINT
	);
	CREATE INDEX volumes_by_project ON volumes (project_id);
	CREATE INDEX volumes_by_type ON volumes (volume_type_id);

	CREATE TABLE snapshots (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		user_id TEXT,
		volume_id TEXT NOT NULL REFERENCES volumes (id),
		display_name TEXT,
		display_description TEXT,
		status TEXT NOT NULL,
		progress TEXT,
		volume_size INTEGER NOT NULL,
		volume_type_id TEXT,
		metadata TEXT NOT NULL,
		created_at BIGINT NOT NULL,
		updated_at BIGINT
	);
	CREATE INDEX snapshots_by_project ON snapshots (project_id);
	CREATE INDEX snapshots_by_volume ON snapshots (volume_id);

	CREATE TABLE volume_types (
		id TEXT PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		description TEXT,
		is_public BOOLEAN NOT NULL,
		extra_specs TEXT NOT NULL,
		qos_specs_id TEXT,
		projects TEXT NOT NULL,
		created_at BIGINT NOT NULL,
		updated_at BIGINT
	);

	CREATE TABLE quotas (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		resource TEXT NOT NULL,
		hard_limit INTEGER NOT NULL,
		UNIQUE (project_id, resource)
	);

	CREATE TABLE messages (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		event_id TEXT NOT NULL,
		user_message TEXT NOT NULL,
		message_level TEXT NOT NULL,
		request_id TEXT,
		resource_type TEXT,
		resource_uuid TEXT,
		created_at BIGINT NOT NULL,
		expires_at BIGINT NOT NULL
	);
	CREATE INDEX messages_by_project ON messages (project_id);

	CREATE TABLE jobs (
		id TEXT PRIMARY KEY,
		kind TEXT NOT NULL,
		lane TEXT NOT NULL,
		backup_id TEXT,
		volume_id TEXT,
		snapshot_id TEXT,
		resource TEXT NOT NULL,
		state TEXT NOT NULL,
		attempts INTEGER NOT NULL,
		released INTEGER NOT NULL,
		lease_until BIGINT NOT NULL,
		created_at BIGINT NOT NULL,
		project_id TEXT,
		user_id TEXT,
		request_id TEXT,
		arguments TEXT NOT NULL
	);
	CREATE INDEX jobs_by_state ON jobs (state, created_at, id);
	CREATE INDEX jobs_by_resource ON jobs (resource);
	CREATE INDEX jobs_by_backup ON jobs (backup_id);
	CREATE INDEX jobs_by_volume ON jobs (volume_id);
	CREATE INDEX jobs_by_snapshot ON jobs (snapshot_id);`,
	`ALTER TABLE volume_types ADD COLUMN encryption TEXT;
	ALTER TABLE snapshots ADD COLUMN group_snapshot_id TEXT;
	CREATE INDEX snapshots_by_group_snapshot ON snapshots (group_snapshot_id);
	CREATE INDEX volumes_by_group ON volumes (group_id);

	CREATE TABLE qos_specs (
		id TEXT PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		consumer TEXT NOT NULL,
		specs TEXT NOT NULL,
		created_at BIGINT NOT NULL,
		updated_at BIGINT
	);

	CREATE TABLE group_types (
		id TEXT PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		description TEXT,
		is_public BOOLEAN NOT NULL,
		group_specs TEXT NOT NULL,
		created_at BIGINT NOT NULL,
		updated_at BIGINT
	);

	CREATE TABLE volume_groups (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		user_id TEXT,
		name TEXT,
		description TEXT,
		status TEXT NOT NULL,
		availability_zone TEXT,
		group_type_id TEXT NOT NULL,
		volume_type_ids TEXT NOT NULL,
		group_snapshot_id TEXT,
		source_group_id TEXT,
		host TEXT,
		created_at BIGINT NOT NULL,
		updated_at BIGINT
	);
	CREATE INDEX volume_groups_by_project ON volume_groups (project_id);

	CREATE TABLE group_snapshots (
		id TEXT PRIMARY KEY,
		project_id TEXT NOT NULL,
		user_id TEXT,
		group_id TEXT NOT NULL,
		group_type_id TEXT NOT NULL,
		name TEXT,
		description TEXT,
		status TEXT NOT NULL,
		created_at BIGINT NOT NULL,
		updated_at BIGINT
	);
	CREATE INDEX group_snapshots_by_group ON group_snapshots (group_id);

	CREATE TABLE transfers (
		id TEXT PRIMARY KEY,
		volume_id TEXT NOT NULL UNIQUE,
		display_name TEXT,
		salt TEXT NOT NULL,
		key_hash TEXT NOT NULL,
		no_snapshots BOOLEAN NOT NULL,
		source_project_id TEXT NOT NULL,
		created_at BIGINT NOT NULL
	);

	CREATE TABLE services (
		id TEXT PRIMARY KEY,
		disabled BOOLEAN NOT NULL,
		disabled_reason TEXT,
		frozen BOOLEAN NOT NULL
	);

	CREATE TABLE default_types (
		id TEXT PRIMARY KEY,
		volume_type_id TEXT NOT NULL
	);`,
	`CREATE TABLE installation (
		id TEXT PRIMARY KEY,
		ready BOOLEAN NOT NULL
	);
	ALTER TABLE backups ADD COLUMN imported BOOLEAN NOT NULL DEFAULT FALSE;
	ALTER TABLE backups ADD COLUMN import_record TEXT;
	UPDATE backups SET size = 2147483647 WHERE size > 2147483647;`,
	`ALTER TABLE backups ADD COLUMN store TEXT;
	CREATE TABLE stores (
		id TEXT PRIMARY KEY,
		marker TEXT NOT NULL
	);`,
	`CREATE TABLE scrubs (
		id TEXT PRIMARY KEY,
		started_at BIGINT NOT NULL,
		finished_at BIGINT
	);`,
	`CREATE TABLE uploads (
		id TEXT PRIMARY KEY,
		volume_meta TEXT,
		committed BOOLEAN NOT NULL,
		ranges INTEGER NOT NULL,
		received BIGINT NOT NULL,
		expires_at BIGINT NOT NULL
	);
	CREATE TABLE upload_ranges (
		upload_id TEXT NOT NULL,
		from_byte BIGINT NOT NULL,
		to_byte BIGINT NOT NULL,
		sha256 TEXT NOT NULL,
		PRIMARY KEY (upload_id, from_byte)
	);`,
	`CREATE TABLE trusts (
		id TEXT PRIMARY KEY,
		trust TEXT NOT NULL,
		created_at BIGINT NOT NULL
	);`,
	`ALTER TABLE jobs ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
	CREATE TABLE copies (
		id TEXT PRIMARY KEY,
		backup_id TEXT NOT NULL,
		backend TEXT NOT NULL,
		state TEXT NOT NULL,
		copy_id TEXT,
		started BOOLEAN NOT NULL,
		failures INTEGER NOT NULL,
		misconfigured BOOLEAN NOT NULL,
		created_at BIGINT NOT NULL
	);
	CREATE INDEX copies_by_backup ON copies (backup_id);
	CREATE INDEX copies_by_state ON copies (state);`,
	`ALTER TABLE jobs ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
	ALTER TABLE jobs ADD COLUMN host TEXT;
	ALTER TABLE jobs ADD COLUMN worker TEXT;
	UPDATE jobs SET seq = (SELECT COUNT(*) FROM jobs o
		WHERE o.created_at < jobs.created_at OR (o.created_at = jobs.created_at AND o.id <= jobs.id));
	CREATE INDEX jobs_by_seq ON jobs (seq);

	CREATE TABLE head (
		seq BIGINT NOT NULL,
		nonce TEXT NOT NULL
	);
	CREATE TABLE changes (
		seq BIGINT NOT NULL,
		nonce TEXT NOT NULL,
		kind TEXT NOT NULL,
		id TEXT NOT NULL,
		PRIMARY KEY (seq, kind, id)
	);
	INSERT INTO head (seq, nonce) VALUES (0, 'new');
	INSERT INTO changes (seq, nonce, kind, id) VALUES (0, 'new', '', '');

	CREATE TABLE job_ends (
		id TEXT PRIMARY KEY,
		attempts INTEGER NOT NULL,
		ended_at BIGINT NOT NULL
	);
	CREATE INDEX job_ends_by_time ON job_ends (ended_at);

	CREATE TABLE gateways (
		id TEXT PRIMARY KEY,
		directory TEXT NOT NULL,
		availability_zone TEXT NOT NULL,
		total_bytes BIGINT NOT NULL,
		free_bytes BIGINT NOT NULL,
		seen_at BIGINT NOT NULL
	);`,
	`ALTER TABLE jobs ADD COLUMN trace TEXT;`,
	`ALTER TABLE volumes ADD COLUMN file TEXT;
	ALTER TABLE snapshots ADD COLUMN file TEXT;`,
	`CREATE TABLE protections (
		id TEXT PRIMARY KEY,
		held BOOLEAN NOT NULL,
		policy TEXT,
		since BIGINT,
		slot BIGINT,
		last_success BIGINT,
		failures INTEGER NOT NULL,
		problem TEXT,
		blocked TEXT
	);
	CREATE TABLE policy_runs (
		id TEXT PRIMARY KEY,
		volume_id TEXT NOT NULL,
		project_id TEXT NOT NULL,
		slot BIGINT NOT NULL,
		state TEXT NOT NULL,
		backup_id TEXT,
		reason TEXT,
		fingerprint TEXT,
		created_at BIGINT NOT NULL,
		ended_at BIGINT
	);
	CREATE INDEX policy_runs_by_volume ON policy_runs (volume_id, slot);`,
	`ALTER TABLE jobs ADD COLUMN started_at BIGINT;
	ALTER TABLE jobs ADD COLUMN seen_at BIGINT;
	ALTER TABLE jobs ADD COLUMN done BIGINT NOT NULL DEFAULT 0;
	ALTER TABLE jobs ADD COLUMN total BIGINT NOT NULL DEFAULT 0;`,
	`ALTER TABLE backups ADD COLUMN locked_until BIGINT;`,
	`ALTER TABLE backups ADD COLUMN data_bytes BIGINT;`,
}
