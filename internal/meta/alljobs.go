package meta

// Jobs returns all jobs that are not finished, in the order of the queue. Among them are
// cancelled ones whose worker has not stopped yet.
func (tx *Tx) Jobs() ([]*Job, error) { return jobs.find(tx.ctx, tx.q, "ORDER BY seq") }
