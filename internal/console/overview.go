package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Bounds of what an overview reads.
const (
	window      = 14 // days of the matrix
	pageSize    = 1000
	backupPages = 3
	freshFor    = 7 * 24 * time.Hour
	failuresOf  = 7 * 24 * time.Hour
	scanLife    = 5 * time.Second
)

// scan is what pages have in common: volumes and the newest backups, of a bounded number.
type scan struct {
	At          time.Time
	Volumes     []volume
	Backups     []backup  // the newest first
	Count       int       // of all backups; -1: not known
	Until       time.Time // backups up to here were read; zero: all were
	MoreVolumes bool
	Problems    []string
}

// scan reads the volumes and the newest backups. What the backend does not offer is a problem of the
// page, and no error.
func (q *request) scan() (*scan, error) {
	key := "scan"
	if q.wide() {
		key = "scan of all"
	}
	return keep(q.s, q.c.o.Clock, key, scanLife, func() (*scan, error) {
		s := &scan{At: q.c.o.Clock.Now(), Count: -1}
		var err error
		if s.Volumes, s.MoreVolumes, err = q.pageOfVolumes(q.list(pageSize)); err != nil {
			if isStatus(err, http.StatusUnauthorized) {
				return nil, err
			}
			s.Problems = append(s.Problems, "Volumes: "+textOf(err))
		}
		marker := ""
		for range backupPages {
			found, count, more, err := q.pageOfBackups(q.list(pageSize).with("with_count", "true").with("sort", "created_at:desc").with("marker", marker))
			if err != nil {
				if isStatus(err, http.StatusUnauthorized) {
					return nil, err
				}
				s.Problems = append(s.Problems, "Backups: "+textOf(err))
				break
			}
			s.Count = max(s.Count, count)
			s.Backups = append(s.Backups, found...)
			s.Until = time.Time{}
			if len(found) == 0 || !more && len(found) < pageSize && len(s.Backups) >= count {
				break
			}
			marker = found[len(found)-1].ID
			if s.Until = found[len(found)-1].CreatedAt.Time; s.At.Sub(s.Until) > window*24*time.Hour {
				break
			}
		}
		return s, nil
	})
}

// textOf returns the text of an error that users may see.
func textOf(err error) string {
	var f *fault
	if errors.As(err, &f) {
		return f.Text
	}
	return "the answer could not be read."
}

// protection is how well a volume is protected.
type protection string

// The protections of volumes.
const (
	fresh   protection = "protected" // its newest complete backup is at most a week old
	stale   protection = "old"       // it is older
	missing protection = "none"      // it has none
	unknown protection = "unknown"   // it has none among those that were read
)

// protectionOf returns how well each volume is protected, and the newest complete backup of each.
func (s *scan) protectionOf() (map[string]protection, map[string]*backup) {
	newest := map[string]*backup{}
	for i := range s.Backups {
		b := &s.Backups[i]
		if b.Status != "available" && b.Status != "restoring" {
			continue
		}
		if known := newest[b.VolumeID]; known == nil || b.Of().After(known.Of().Time) {
			newest[b.VolumeID] = b
		}
	}
	states := map[string]protection{}
	for i := range s.Volumes {
		id := s.Volumes[i].ID
		switch b := newest[id]; {
		case b == nil && !s.Until.IsZero():
			states[id] = unknown
		case b == nil:
			states[id] = missing
		case s.At.Sub(b.Of().Time) <= freshFor:
			states[id] = fresh
		default:
			states[id] = stale
		}
	}
	return states, newest
}

// overview is the first page.
type overview struct {
	At           time.Time  `json:"at"`
	Volumes      int        `json:"volumes"`
	MoreVolumes  bool       `json:"more_volumes"` // only the first ones were counted
	Protected    int        `json:"protected"`
	Old          int        `json:"old"`
	None         int        `json:"none"`
	Unknown      int        `json:"unknown"`
	Scheduled    int        `json:"scheduled"` // volumes whose metadata has a policy
	Backups      int        `json:"backups"`
	BackupsRead  int        `json:"backups_read"`
	LastSuccess  *backup    `json:"last_success"`
	Failures     []backup   `json:"failures"` // of a week, the newest first
	MoreFailures bool       `json:"more_failures"`
	Jobs         []job      `json:"jobs"`
	Unprotected  []row      `json:"unprotected"` // volumes to look at, the worst first
	Quotas       []quota    `json:"quotas"`
	Health       healths    `json:"health"`
	Spaces       []spaceNow `json:"spaces,omitempty"` // for admins
	Problems     []string   `json:"problems"`
}

// Well says in words whether there is something to do.
func (o *overview) Well() bool {
	return o.Old+o.None == 0 && len(o.Failures) == 0 && len(o.Problems) == 0 && !slices.ContainsFunc(o.Health, func(h health) bool { return h.Problem != "" })
}

// quota is a limit of the project.
type quota struct {
	Name  string `json:"name"`
	Used  int    `json:"used"`
	Limit int    `json:"limit"` // -1: none
}

// Bounds of what the overview lists.
const (
	maxFailures    = 20
	maxUnprotected = 10
)

func (q *request) overview() (*overview, error) {
	s, err := q.scan()
	if err != nil {
		return nil, err
	}
	o := &overview{At: s.At, Volumes: len(s.Volumes), MoreVolumes: s.MoreVolumes, Backups: s.Count, BackupsRead: len(s.Backups), Problems: slices.Clone(s.Problems), Failures: []backup{}, Unprotected: []row{}}
	states, newest := s.protectionOf()
	for i := range s.Volumes {
		v := &s.Volumes[i]
		if v.Scheduled() {
			o.Scheduled++
		}
		state := states[v.ID]
		switch state {
		case fresh:
			o.Protected++
		case stale:
			o.Old++
		case missing:
			o.None++
		default:
			o.Unknown++
		}
		if state == stale || state == missing {
			o.Unprotected = append(o.Unprotected, row{Volume: *v, State: state, Newest: newest[v.ID]})
		}
		if b := newest[v.ID]; b != nil && (o.LastSuccess == nil || b.Of().After(o.LastSuccess.Of().Time)) {
			o.LastSuccess = b
		}
	}
	slices.SortStableFunc(o.Unprotected, func(a, b row) int { return cmp.Compare(a.rank(), b.rank()) })
	o.Unprotected = o.Unprotected[:min(len(o.Unprotected), maxUnprotected)]
	if err := q.failures(o); err != nil {
		return nil, err
	}
	if o.Jobs, err = q.jobs(s); err != nil {
		if isStatus(err, http.StatusUnauthorized) {
			return nil, err
		}
		o.Problems = append(o.Problems, "Jobs: "+textOf(err))
	}
	o.Quotas = q.quotas()
	o.Health = q.c.watch.healths(q.ctx, q.s.caller.IsAdmin() && q.c.o.Mode != Tenant)
	if q.s.caller.IsAdmin() && q.c.o.Mode != Tenant {
		o.Spaces = q.c.watch.now(q.ctx)
	}
	return o, nil
}

// failures adds the backups that failed within a week.
func (q *request) failures(o *overview) error {
	found, _, err := q.listBackups(q.list(maxFailures+1).with("status", "error").with("sort", "created_at:desc"))
	switch {
	case isStatus(err, http.StatusUnauthorized):
		return err
	case err != nil:
		o.Problems = append(o.Problems, "Failures: "+textOf(err))
	}
	for i := range found {
		if o.At.Sub(found[i].CreatedAt.Time) <= failuresOf {
			o.Failures = append(o.Failures, found[i])
		}
	}
	if o.MoreFailures = len(o.Failures) > maxFailures; o.MoreFailures {
		o.Failures = o.Failures[:maxFailures]
	}
	return nil
}

// jobs returns the jobs with the names of what they work on.
func (q *request) jobs(s *scan) ([]job, error) {
	jobs, err := q.listJobs()
	if err != nil {
		return nil, err
	}
	volumes, backups := map[string]string{}, map[string]string{}
	for i := range s.Volumes {
		volumes[s.Volumes[i].ID] = s.Volumes[i].Label()
	}
	for i := range s.Backups {
		backups[s.Backups[i].ID] = s.Backups[i].Label()
	}
	for i := range jobs {
		j := &jobs[i]
		j.Name = cmp.Or(j.Name, backups[j.BackupID], volumes[j.VolumeID], j.BackupID, j.VolumeID, j.SnapshotID)
	}
	return jobs, nil
}

func sortJobs(jobs []job) {
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(a.ID, b.ID)) })
}

// quotas returns the limits of the session's project that concern backups. A backend that does not
// tell them has none to show.
func (q *request) quotas() []quota {
	var found struct {
		Limits struct {
			Absolute map[string]int `json:"absolute"`
		} `json:"limits"`
	}
	if q.call(http.MethodGet, "/limits", nil, &found) != nil {
		return nil
	}
	var all []quota
	for _, of := range [][3]string{
		{"Backups", "totalBackupsUsed", "maxTotalBackups"}, {"GiB of backups", "totalBackupGigabytesUsed", "maxTotalBackupGigabytes"},
		{"Volumes", "totalVolumesUsed", "maxTotalVolumes"}, {"GiB of volumes", "totalGigabytesUsed", "maxTotalVolumeGigabytes"},
	} {
		limit, ok := found.Limits.Absolute[of[2]]
		if ok {
			all = append(all, quota{of[0], found.Limits.Absolute[of[1]], limit})
		}
	}
	return all
}
