package cbr

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cindergate/driver"
	"cindergate/driver/otc"
)

// addReasons adds what the service tells only in its operation logs: why backups in
// error failed, and which of those that are available were not restored when they last
// should be. That is one question a kind, whatever the number of backups. Where the
// caller may not read the logs, backups show without.
func (d *Driver) addReasons(ctx context.Context, who driver.Caller, backups []driver.Backup) error {
	for kind, about := range map[string]driver.BackupStatus{"backup": driver.BackupError, "restore": driver.BackupAvailable} {
		since, any := oldest(backups, about)
		if !any {
			continue
		}
		last, err := d.last(ctx, who, kind, since)
		switch driver.KindOf(err) {
		case driver.Forbidden, driver.NotSupported:
			continue
		}
		if err != nil {
			return err
		}
		for i := range backups {
			b := &backups[i]
			o, logged := last[b.ID]
			if b.Status != about || !logged || !o.failed() {
				continue
			}
			b.FailReason = otc.Reason(string(o.Error.Code), o.Error.Message)
			if kind == "restore" {
				b.Status = driver.BackupErrorRestore
			}
		}
	}
	return nil
}

// oldest is when the first of the backups of a status was made.
func oldest(backups []driver.Backup, status driver.BackupStatus) (at time.Time, any bool) {
	for _, b := range backups {
		if b.Status == status && (!any || b.CreatedAt.Before(at)) {
			at, any = b.CreatedAt, true
		}
	}
	return at, any
}

// last are the latest operations of a kind by backup, of those since a time.
func (d *Driver) last(ctx context.Context, who driver.Caller, kind string, since time.Time) (map[string]*operation, error) {
	q := url.Values{"operation_type": {kind}}
	if !since.IsZero() {
		// The service's clocks need not agree to the second.
		q.Set("start_time", since.Add(-time.Minute).UTC().Format("2006-01-02T15:04:05Z"))
	}
	logs, err := d.operations(ctx, who, q)
	if err != nil {
		return nil, err
	}
	last := map[string]*operation{}
	for i := range logs {
		o := &logs[i]
		id := o.Extra.Restore.BackupID
		if kind == "backup" {
			id = o.Extra.Backup.BackupID
		}
		if seen, twice := last[id]; !twice || o.began().After(seen.began()) {
			last[id] = o
		}
	}
	return last, nil
}

// operations reads every page of the operation logs (GET
// /v3/{project_id}/operation-logs), in no order that is promised. offset=0 is refused.
func (d *Driver) operations(ctx context.Context, who driver.Caller, q url.Values) ([]operation, error) {
	q.Set("limit", strconv.Itoa(otc.MaxPage))
	var all []operation
	for {
		var page struct {
			Logs []operation `json:"operation_logs"`
		}
		if err := d.cbr.Call(ctx, who, http.MethodGet, "v3", "/operation-logs", q, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Logs...)
		if len(page.Logs) < otc.MaxPage {
			return all, nil
		}
		q.Set("offset", strconv.Itoa(len(all)))
	}
}

// checkpointFailed is the error for a checkpoint that failed, with the reason that the
// operation log of the volume's backup tells.
func (d *Driver) checkpointFailed(ctx context.Context, who driver.Caller, checkpointID, volumeID string) error {
	what := "Checkpoint " + checkpointID
	logs, err := d.operations(ctx, who, url.Values{"operation_type": {"backup"}, "resource_id": {volumeID}})
	if err != nil {
		return d.cbr.Failed(who, what, "", "the operation log, which tells why, could not be read")
	}
	at := slices.IndexFunc(logs, func(o operation) bool { return o.CheckpointID == checkpointID && o.failed() })
	if at < 0 {
		return d.cbr.Failed(who, what, "", "")
	}
	return d.cbr.Failed(who, what, string(logs[at].Error.Code), logs[at].Error.Message)
}
