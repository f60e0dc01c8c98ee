package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"cindergate/driver"
)

// decision is what a policy says of a backup (docs/policies.md).
type decision struct {
	ID       string    `json:"id"`
	ParentID string    `json:"parent_id"`
	Name     string    `json:"name"`
	Keep     bool      `json:"keep"`
	Reasons  []string  `json:"reasons"`
	Goes     time.Time `json:"goes,omitzero"`
	Created  time.Time `json:"created_at"`
	Bytes    *int64    `json:"data_bytes"` // nil: not known
}

// Stamp is when it goes.
func (d *decision) Stamp() stamp { return stamp{d.Goes} }

// Made is when it was made.
func (d *decision) Made() stamp { return stamp{d.Created} }

// explanation is what a policy does (docs/policies.md).
type explanation struct {
	Policy      string      `json:"policy"`
	From        string      `json:"from"`
	Schedule    string      `json:"schedule"`
	Keep        string      `json:"keep"`
	Paused      bool        `json:"paused"`
	Held        bool        `json:"held"`
	Rebases     bool        `json:"rebases"`
	Problem     string      `json:"problem"`
	LastSuccess string      `json:"last_success"`
	Failures    int         `json:"failures"`
	Next        []time.Time `json:"next"`
	NextKind    string      `json:"next_kind"`
	Runs        []run       `json:"runs"`
	Backups     []decision  `json:"backups"`
}

// Times are the next runs.
func (e *explanation) Times() []stamp {
	var all []stamp
	for _, t := range e.Next {
		all = append(all, stamp{t})
	}
	return all
}

// Goes is how many backups go now.
func (e *explanation) Goes() (n int) {
	for i := range e.Backups {
		if !e.Backups[i].Keep {
			n++
		}
	}
	return n
}

// run is a run of a policy.
type run struct {
	Slot     time.Time `json:"slot"`
	State    string    `json:"state"`
	BackupID string    `json:"backup_id"`
	Reason   string    `json:"reason"`
}

// At is the slot.
func (r run) At() stamp { return stamp{r.Slot} }

// volumeView is the page of a volume.
type volumeView struct {
	Volume      volume       `json:"volume"`
	State       protection   `json:"state"`
	Newest      *backup      `json:"newest"`
	Chains      []chain      `json:"chains"`
	MoreBackups bool         `json:"more_backups"` // only the newest ones are here
	Jobs        []job        `json:"jobs"`
	Policy      *explanation `json:"policy"`              // nil: the backend follows none
	NoPolicy    string       `json:"no_policy,omitempty"` // why
	Try         string       `json:"try,omitempty"`
	Tried       *explanation `json:"tried,omitempty"` // what the policy Try would do
	TryProblem  string       `json:"try_problem,omitempty"`
	Messages    []message    `json:"messages"`
	Targets     []volume     `json:"-"`       // of a restore
	Restore     string       `json:"-"`       // the backup that the form has chosen
	Foreign     bool         `json:"foreign"` // it belongs to another project
	Problems    []string     `json:"problems"`
}

// Restorable are the backups that can be restored, the newest first.
func (v *volumeView) Restorable() (all []backup) {
	for _, c := range v.Chains {
		for i := len(c.Links) - 1; i >= 0; i-- {
			if c.Links[i].Backup.Status == "available" {
				all = append(all, c.Links[i].Backup)
			}
		}
	}
	return all
}

// Bounds of the page of a volume.
const (
	backupsOfVolume = 200
	maxTargets      = 200
	maxMessages     = 20
)

func (q *request) volume() (*volumeView, error) {
	id := url.PathEscape(q.r.PathValue("id"))
	var found struct {
		Volume volume `json:"volume"`
	}
	if err := q.call(http.MethodGet, "/volumes/"+id, nil, &found); err != nil {
		return nil, err
	}
	v := &volumeView{Volume: found.Volume, Messages: []message{}, Jobs: []job{}, Restore: q.r.URL.Query().Get("backup")}
	v.Foreign = v.Volume.ProjectID != "" && v.Volume.ProjectID != q.s.caller.ProjectID
	l := listing{url.Values{"limit": {"200"}, "volume_id": {v.Volume.ID}, "sort": {"created_at:desc"}}}
	if q.s.caller.IsAdmin() && v.Foreign {
		l.Set("all_tenants", "1")
	}
	backups, _, err := q.listBackups(l)
	if err != nil {
		if isStatus(err, http.StatusUnauthorized) {
			return nil, err
		}
		v.Problems = append(v.Problems, "Backups: "+textOf(err))
	}
	v.MoreBackups = len(backups) == backupsOfVolume
	s := &scan{At: q.c.o.Clock.Now(), Volumes: []volume{v.Volume}, Backups: backups}
	states, newest := s.protectionOf()
	v.State, v.Newest = states[v.Volume.ID], newest[v.Volume.ID]
	q.explainTo(v)
	parents, decisions, rebases := map[string]string{}, map[string]*decision{}, false
	if v.Policy != nil {
		rebases = v.Policy.Rebases
		for i := range v.Policy.Backups {
			d := &v.Policy.Backups[i]
			parents[d.ID], decisions[d.ID] = d.ParentID, d
		}
	}
	v.Chains = chainsOf(backups, parents, decisions, rebases, s.At)
	return v, q.around(v, s)
}

// around adds what is not of the volume itself: jobs, messages, and targets of a restore.
func (q *request) around(v *volumeView, s *scan) error {
	jobs, err := q.jobs(s)
	switch {
	case isStatus(err, http.StatusUnauthorized):
		return err
	case err != nil:
		v.Problems = append(v.Problems, "Jobs: "+textOf(err))
	}
	for i := range jobs {
		if jobs[i].VolumeID == v.Volume.ID {
			v.Jobs = append(v.Jobs, jobs[i])
		}
	}
	var messages struct {
		Messages []message `json:"messages"`
	}
	if err := q.call(http.MethodGet, "/messages?limit=20&sort=created_at:desc&resource_uuid="+url.QueryEscape(v.Volume.ID), nil, &messages); err == nil {
		v.Messages = messages.Messages[:min(len(messages.Messages), maxMessages)]
	}
	targets, err := q.listVolumes(listing{url.Values{"limit": {"200"}, "status": {"available"}}})
	if err == nil {
		for i := range targets {
			if targets[i].ID != v.Volume.ID && len(v.Targets) < maxTargets {
				v.Targets = append(v.Targets, targets[i])
			}
		}
	}
	return nil
}

// maxPolicyText is the longest policy that is tried, which is the longest value of metadata.
const maxPolicyText = 255

// explainTo adds what the volume's policy does and, if the form has one, what another would do.
func (q *request) explainTo(v *volumeView) {
	var err error
	if v.Policy, err = q.explain(v.Volume, ""); err != nil {
		v.NoPolicy = explainProblem(err)
		return
	}
	if v.Policy == nil {
		v.NoPolicy = "The backend of this project does not follow policies."
		return
	}
	if v.Try = q.r.URL.Query().Get("try"); v.Try == "" {
		return
	}
	if len(v.Try) > maxPolicyText {
		v.TryProblem = "The policy must have at most 255 bytes."
		return
	}
	if v.Tried, err = q.explain(v.Volume, v.Try); err != nil {
		v.TryProblem = explainProblem(err)
	}
}

func explainProblem(err error) string {
	var classified *driver.Error
	if errors.As(err, &classified) && classified.Kind != driver.Internal {
		return classified.Message
	}
	return "The policy cannot be explained now."
}

// explain returns what a policy of the volume does; nil: the backend does not tell. The volume must be
// one that the API has shown to the session.
func (q *request) explain(v volume, text string) (*explanation, error) {
	if q.c.o.Explainer == nil {
		return nil, nil
	}
	explainer := q.c.o.Explainer(q.s.caller.ProjectID)
	if explainer == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(q.ctx, explainTime)
	defer cancel()
	said, err := explainer.ExplainPolicy(ctx, q.s.caller, v.ID, text)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(said)
	if err != nil {
		return nil, err
	}
	e := &explanation{}
	return e, json.Unmarshal(encoded, e)
}

// explainTime is how long an explanation may take.
const explainTime = 10 * time.Second
