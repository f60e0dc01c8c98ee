package cbr

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cindergate/driver"
	"cindergate/internal/openstack"
	"cindergate/internal/otc"
)

// addReasons sets FailReason from the operation logs, and gives available backups whose
// last restore failed the status error_restoring. It sends one list request per operation
// type, whatever the number of backups. If the caller may not read the logs, backups have
// no reasons. An Unauthorized counts as such a refusal, because the token was valid for the
// request for the backups.
func (d *Driver) addReasons(ctx context.Context, caller driver.Caller, backups []driver.Backup) error {
	for kind, about := range map[string]driver.BackupStatus{"backup": driver.BackupError, "restore": driver.BackupAvailable} {
		since, found := oldest(backups, about)
		if !found {
			continue
		}
		last, err := d.last(ctx, caller, kind, since)
		switch driver.KindOf(err) {
		case driver.Forbidden, driver.NotSupported, driver.Unauthorized:
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

// oldest returns the creation time of the oldest backup with a status.
func oldest(backups []driver.Backup, status driver.BackupStatus) (at time.Time, found bool) {
	for _, b := range backups {
		if b.Status == status && (!found || b.CreatedAt.Before(at)) {
			at, found = b.CreatedAt, true
		}
	}
	return at, found
}

// last returns the latest operation of a kind for each backup, from the operations since a
// time.
func (d *Driver) last(ctx context.Context, caller driver.Caller, kind string, since time.Time) (map[string]*operation, error) {
	q := url.Values{"operation_type": {kind}}
	if !since.IsZero() {
		// The service's clocks may differ by some seconds.
		q.Set("start_time", since.Add(-time.Minute).UTC().Format("2006-01-02T15:04:05Z"))
	}
	logs, err := d.operations(ctx, caller, q)
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

// operations reads the operation logs (GET /v3/{project_id}/operation-logs). Their order is
// not documented.
func (d *Driver) operations(ctx context.Context, caller driver.Caller, q url.Values) ([]operation, error) {
	return all[operation](ctx, d, caller, "operation_logs", "/operation-logs", q)
}

// all reads every page of a list that pages by offset. The service refuses offset=0. A
// short page is the last one only if the count agrees.
func all[T any](ctx context.Context, d *Driver, caller driver.Caller, name, path string, q url.Values) ([]T, error) {
	q.Set("limit", strconv.Itoa(otc.MaxPage))
	var items []T
	for read := 0; ; {
		var members map[string]json.RawMessage
		if err := d.cbr.Call(ctx, caller, http.MethodGet, "v3", path, q, nil, &members); err != nil {
			return nil, err
		}
		var page otc.List[T]
		_ = page.UnmarshalJSON(members[name]) // it returns no error
		if !page.Told {
			return nil, d.cbr.Unreadable(name)
		}
		items, read = append(items, page.Items...), read+page.Len
		count, counted := openstack.ParseInt(members["count"])
		if page.Len == 0 || read >= count && (counted || page.Len < otc.MaxPage) {
			return items, nil
		}
		q.Set("offset", strconv.Itoa(read))
	}
}

// checkpointFailed returns the error for a failed checkpoint, with the reason from the
// operation log of the volume's backup.
func (d *Driver) checkpointFailed(ctx context.Context, caller driver.Caller, checkpointID, volumeID string) error {
	what := "Checkpoint " + checkpointID
	logs, err := d.operations(ctx, caller, url.Values{"operation_type": {"backup"}, "resource_id": {volumeID}})
	if err != nil {
		return d.cbr.Failed(caller, what, "", "the operation log, which tells why, could not be read")
	}
	at := slices.IndexFunc(logs, func(o operation) bool { return o.CheckpointID == checkpointID && o.failed() })
	if at < 0 {
		return d.cbr.Failed(caller, what, "", "")
	}
	return d.cbr.Failed(caller, what, string(logs[at].Error.Code), logs[at].Error.Message)
}
