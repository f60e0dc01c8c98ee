package meta

// AllProjects is the project id of limits that apply to projects without their own.
const AllProjects = "*"

// Use is the use of a project's live rows, by volume type where Cinder counts so.
type Use struct {
	Volumes, Snapshots   map[string]int // by volume type id
	VolumeGB, SnapshotGB map[string]int // by volume type id
	Backups, BackupGB    int
	Groups               int
}

// Limits returns the limits set for a project id or for [AllProjects].
func (tx *Tx) Limits(projectID string) (map[string]int, error) {
	rows, err := quotas.find(tx.ctx, tx.q, "WHERE project_id = $1", projectID)
	if err != nil {
		return nil, err
	}
	found := make(map[string]int, len(rows))
	for _, row := range rows {
		found[row.Resource] = row.Limit
	}
	return found, nil
}

// SetLimit sets one limit.
func (tx *Tx) SetLimit(projectID, resource string, limit int) error {
	return quotas.put(tx.ctx, tx.q, &Quota{projectID + "/" + resource, projectID, resource, limit})
}

// ResetLimits removes the limits set for a project.
func (tx *Tx) ResetLimits(projectID string) error {
	_, err := tx.q.ExecContext(tx.ctx, "DELETE FROM quotas WHERE project_id = $1", projectID)
	return err
}

// RenameLimits renames a resource in all limits.
func (tx *Tx) RenameLimits(from, to string) error {
	_, err := tx.q.ExecContext(tx.ctx,
		"UPDATE quotas SET resource = $2, id = project_id || '/' || $2 WHERE resource = $1", from, to)
	return err
}

// Use returns what a project uses.
func (tx *Tx) Use(projectID string) (Use, error) {
	u := Use{Volumes: map[string]int{}, Snapshots: map[string]int{}, VolumeGB: map[string]int{}, SnapshotGB: map[string]int{}}
	count := func(statement string, each func(typeID string, n, gb int)) error {
		rows, err := tx.q.QueryContext(tx.ctx, statement, projectID)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var typeID string
			var n, gb int
			if err := rows.Scan(&typeID, &n, &gb); err != nil {
				return err
			}
			each(typeID, n, gb)
		}
		return rows.Err()
	}
	err := count(`SELECT COALESCE(volume_type_id, ''), COUNT(*), COALESCE(SUM(size), 0)
		FROM volumes WHERE project_id = $1 GROUP BY volume_type_id`,
		func(t string, n, gb int) { u.Volumes[t], u.VolumeGB[t] = n, gb })
	if err != nil {
		return Use{}, err
	}
	err = count(`SELECT COALESCE(volume_type_id, ''), COUNT(*), COALESCE(SUM(volume_size), 0)
		FROM snapshots WHERE project_id = $1 GROUP BY volume_type_id`,
		func(t string, n, gb int) { u.Snapshots[t], u.SnapshotGB[t] = n, gb })
	if err != nil {
		return Use{}, err
	}
	err = count("SELECT '', COUNT(*), COALESCE(SUM(size), 0) FROM backups WHERE project_id = $1 AND deleted_at IS NULL",
		func(_ string, n, gb int) { u.Backups, u.BackupGB = n, gb })
	if err != nil {
		return Use{}, err
	}
	err = count("SELECT '', COUNT(*), 0 FROM volume_groups WHERE project_id = $1", func(_ string, n, _ int) { u.Groups = n })
	return u, err
}
