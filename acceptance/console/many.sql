-- Copies a backup in the database of a gateway that is stopped 10,000 times: one for each three minutes
-- (times are in microseconds).
CREATE TEMPORARY TABLE pattern AS SELECT * FROM backups WHERE status = 'available' AND parent_id IS NULL AND deleted_at IS NULL LIMIT 1;
CREATE TEMPORARY TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i, i * 180000000 AS ago FROM n;
INSERT INTO backups (id, project_id, user_id, volume_id, display_name, status, size, object_count, container, availability_zone, metadata, service,
    service_metadata, host, created_at, updated_at, data_timestamp, imported, import_record)
SELECT printf('%08x-0000-4000-8000-000000000000', i), project_id, user_id, volume_id, 'backup ' || i, 'available', size, object_count, container, availability_zone,
    metadata, service, service_metadata || '-' || i, host, created_at - ago, updated_at - ago, data_timestamp - ago, imported, import_record
FROM pattern, numbers;
