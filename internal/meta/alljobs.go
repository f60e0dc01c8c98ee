package meta

// Jobs returns all jobs that are not finished, in the order of the queue.
func (tx *Tx) Jobs() ([]*Job, error) { return jobs.find(tx.ctx, tx.q, "ORDER BY created_at, id") }
