-- 100 backups of each of 1,000 projects: 10 chains of one full and 9 incremental ones, and the
-- 10 volumes of each project.
INSERT INTO volumes (id, project_id, user_id, display_name, status, size, availability_zone, volume_type_id, bootable, multiattach,
        attach_status, host, metadata, admin_metadata, image_metadata, attachments, created_at, launched_at, file)
    SELECT 'f0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), lpad(to_hex(n % 1000 + 1), 32, '0'), 'u', 'volume ' || n, 'available', 100, 'nova',
        (SELECT id FROM volume_types LIMIT 1), FALSE, FALSE, 'detached', 'elsewhere@embedded#embedded', '{}', '{}', '{}', '[]',
        1790000000000000 + n, 1790000000000000 + n, NULL
    FROM generate_series(0, 9999) n;
INSERT INTO backups (id, project_id, user_id, volume_id, parent_id, display_name, status, size, object_count, container, availability_zone,
        metadata, service, store, service_metadata, host, created_at, data_timestamp)
    SELECT 'b0000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), lpad(to_hex(n % 1000 + 1), 32, '0'), 'u',
        'f0000000-0000-4000-8000-' || lpad(to_hex(n % 10000), 12, '0'),
        CASE WHEN n >= 10000 THEN 'b0000000-0000-4000-8000-' || lpad(to_hex(n - 10000), 12, '0') END,
        'backup ' || n, 'available', 100, 40, 'c', 'nova', '{"plan": "daily"}', 'cinder.backup.drivers.posix.PosixBackupDriver', 'disk', 'p' || n, 'g1',
        1790000000000000 + n * 1000, 1790000000000000 + n * 1000
    FROM generate_series(0, 99999) n;
ANALYZE;
UPDATE head SET seq = seq + 1, nonce = 'filled';
DELETE FROM changes;
