package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// stamp is a time as the Block Storage API writes it: UTC, without a zone
// (cinder/api/openstack/wsgi.py). null, and what cannot be read, is no time.
type stamp struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *stamp) UnmarshalJSON(text []byte) error {
	var given string
	if json.Unmarshal(text, &given) != nil {
		return nil //nolint:nilerr // null, or of another type: no time
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999", time.RFC3339} {
		if t, err := time.Parse(layout, given); err == nil {
			s.Time = t.UTC()
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s stamp) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(s.UTC().Format(time.RFC3339))
}

// volume is a volume of the API.
type volume struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Status    string            `json:"status"`
	Size      int               `json:"size"` // GiB
	Type      string            `json:"volume_type"`
	Zone      string            `json:"availability_zone"`
	Host      string            `json:"os-vol-host-attr:host,omitempty"`
	ProjectID string            `json:"os-vol-tenant-attr:tenant_id,omitempty"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt stamp             `json:"created_at"`
}

// Label is the name, or the id of a volume without one.
func (v *volume) Label() string { return labelOf(v.Name, v.ID) }

// Policy is what the volume's own metadata says of its backups; "": nothing.
func (v *volume) Policy() string {
	if text := v.Metadata["cindergate:backup"]; text != "" {
		return text
	}
	if name := v.Metadata["cindergate:policy"]; name != "" {
		return "policy " + name
	}
	return ""
}

// backup is a backup of the API.
type backup struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Status      string            `json:"status"`
	FailReason  string            `json:"fail_reason"`
	Size        int               `json:"size"` // of the volume, in GiB
	Objects     int               `json:"object_count"`
	VolumeID    string            `json:"volume_id"`
	Incremental bool              `json:"is_incremental"`
	Dependents  bool              `json:"has_dependent_backups"`
	Metadata    map[string]string `json:"metadata"`
	ProjectID   string            `json:"os-backup-project-attr:project_id,omitempty"`
	CreatedAt   stamp             `json:"created_at"`
	UpdatedAt   stamp             `json:"updated_at"`
	DataAt      stamp             `json:"data_timestamp"`
}

// Scheduled reports whether the volume's own metadata has it backed up.
func (v *volume) Scheduled() bool {
	text := v.Policy()
	return text != "" && text != "off" && text != "policy off"
}

// Label is the name, or the id of a backup without one.
func (b *backup) Label() string { return labelOf(b.Name, b.ID) }

// Of is the time of the data.
func (b *backup) Of() stamp {
	if b.DataAt.IsZero() {
		return b.CreatedAt
	}
	return b.DataAt
}

// Kind is full or incremental.
func (b *backup) Kind() string {
	if b.Incremental {
		return "incremental"
	}
	return "full"
}

// Copy is what the metadata says of the backup's copy at another backend.
func (b *backup) Copy() copyState {
	m := b.Metadata
	return copyState{m["cindergate:copy-to"], m["cindergate:copy-status"], m["cindergate:copy-progress"], m["cindergate:copy-id"], m["cindergate:copy-error"]}
}

// copyState is that of a copy (docs/copies.md).
type copyState struct {
	To       string `json:"to"`
	Status   string `json:"status"`
	Progress string `json:"progress"`
	ID       string `json:"id"`
	Error    string `json:"error"`
}

// job is work that waits or runs (driver.Job).
type job struct {
	ID         string `json:"id"`
	Action     string `json:"action"`
	State      string `json:"state"`
	ProjectID  string `json:"project_id"`
	BackupID   string `json:"backup_id"`
	VolumeID   string `json:"volume_id"`
	SnapshotID string `json:"snapshot_id"`
	Host       string `json:"host"`
	Attempt    int    `json:"attempt"`
	CreatedAt  stamp  `json:"created_at"`
	NotBefore  stamp  `json:"not_before"`
	StartedAt  stamp  `json:"started_at"`
	Done       *int64 `json:"done"`
	Total      *int64 `json:"total"`
	Rate       *int64 `json:"rate"`
	Remaining  *int64 `json:"remaining_seconds"`
	Name       string `json:"name"` // of what it works on
}

// Percent is how much is done; -1: not known.
func (j *job) Percent() int {
	if j.Done == nil || j.Total == nil || *j.Total <= 0 || *j.Done < 0 || *j.Done > *j.Total {
		return -1
	}
	return int(float64(*j.Done) / float64(*j.Total) * 100)
}

// service is one of os-services.
type service struct {
	Binary    string `json:"binary"`
	Host      string `json:"host"`
	Zone      string `json:"zone"`
	Status    string `json:"status"`
	State     string `json:"state"`
	Reason    string `json:"disabled_reason"`
	UpdatedAt stamp  `json:"updated_at"`
}

// message is a user message.
type message struct {
	ID        string `json:"id"`
	Text      string `json:"user_message"`
	Level     string `json:"message_level"`
	CreatedAt stamp  `json:"created_at"`
}

func labelOf(name, id string) string {
	if strings.TrimSpace(name) == "" {
		return id
	}
	return name
}

// listing is a question for one page of a list.
type listing struct {
	url.Values
}

// list returns a question about what the session looks at.
func (q *request) list(limit int) listing {
	l := listing{url.Values{"limit": {strconv.Itoa(limit)}}}
	if q.wide() {
		l.Set("all_tenants", "1")
	}
	return l
}

func (l listing) with(key, value string) listing {
	if value != "" {
		l.Set(key, value)
	}
	return l
}

// listVolumes returns a page of volumes with their details.
func (q *request) listVolumes(l listing) ([]volume, error) {
	all, _, err := q.pageOfVolumes(l)
	return all, err
}

// pageOfVolumes is [request.listVolumes] that also tells whether there are more. A cloud's largest page
// (osapi_max_limit) may be smaller than what l asks for; then the answer has a link to the next one.
func (q *request) pageOfVolumes(l listing) (all []volume, more bool, err error) {
	var found struct {
		Volumes []volume          `json:"volumes"`
		Links   []json.RawMessage `json:"volumes_links"`
	}
	err = q.call(http.MethodGet, "/volumes/detail?"+l.Encode(), nil, &found)
	return found.Volumes, len(found.Links) > 0 || l.Get("limit") == strconv.Itoa(len(found.Volumes)), err
}

// listBackups returns a page of backups with their details, and how many there are in all if l asks
// for that; -1: the backend does not say.
func (q *request) listBackups(l listing) ([]backup, int, error) {
	all, count, _, err := q.pageOfBackups(l)
	return all, count, err
}

// pageOfBackups is [request.listBackups] that also tells whether there are more, as [request.pageOfVolumes].
func (q *request) pageOfBackups(l listing) (all []backup, count int, more bool, err error) {
	var found struct {
		Backups []backup          `json:"backups"`
		Links   []json.RawMessage `json:"backups_links"`
		Count   *int              `json:"count"`
	}
	if microversions[q.s.held.version.Load()] == "3.0" {
		l.Del("with_count") // it would be a filter
	}
	err = q.call(http.MethodGet, "/backups/detail?"+l.Encode(), nil, &found)
	if count = -1; found.Count != nil {
		count = *found.Count
	}
	return found.Backups, count, len(found.Links) > 0, err
}

// maxJobs is how many jobs a page shows.
const maxJobs = 100

// listJobs returns the jobs. A backend without that list shows them by the statuses of backups.
func (q *request) listJobs() ([]job, error) {
	var found struct {
		Jobs []job `json:"jobs"`
	}
	err := q.call(http.MethodGet, "/jobs?"+q.list(maxJobs).Encode(), nil, &found)
	if isStatus(err, http.StatusNotFound, http.StatusNotImplemented, http.StatusBadRequest) {
		return q.jobsByStatus()
	}
	return found.Jobs, err
}

// jobsByStatus returns what the statuses of backups tell of jobs.
func (q *request) jobsByStatus() ([]job, error) {
	var jobs []job
	for status, action := range map[string]string{"creating": "backup", "restoring": "restore", "deleting": "delete-backup"} {
		found, _, err := q.listBackups(q.list(maxJobs).with("status", status))
		if err != nil {
			return nil, err
		}
		for i := range found {
			b := &found[i]
			jobs = append(jobs, job{ID: b.ID, Action: action, State: "running", ProjectID: b.ProjectID, BackupID: b.ID, VolumeID: b.VolumeID, CreatedAt: b.UpdatedAt, Name: b.Label()})
		}
	}
	sortJobs(jobs)
	return jobs, nil
}
