package console

import "strings"

// moved is a backup with a copy at another backend.
type moved struct {
	Backup backup    `json:"backup"`
	Copy   copyState `json:"copy"`
}

// movesView is the page of copies at other backends.
type movesView struct {
	Jobs   []job   `json:"jobs"`
	Copies []moved `json:"copies"`
	More   bool    `json:"more"` // there are more than these
	Read   int     `json:"backups_read"`
	Count  int     `json:"backups"`
}

// Cut reports whether not all backups were read.
func (v *movesView) Cut() bool { return v.Count > v.Read }

// maxCopies is how many copies the page shows.
const maxCopies = 200

func (q *request) moves() (*movesView, error) {
	s, err := q.scan()
	if err != nil {
		return nil, err
	}
	v := &movesView{Jobs: []job{}, Copies: []moved{}, Read: len(s.Backups), Count: s.Count}
	jobs, err := q.jobs(s)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		if strings.HasPrefix(jobs[i].Action, "copy") {
			v.Jobs = append(v.Jobs, jobs[i])
		}
	}
	for i := range s.Backups {
		state := s.Backups[i].Copy()
		if state.To == "" && state.Status == "" {
			continue
		}
		if len(v.Copies) == maxCopies {
			v.More = true
			break
		}
		v.Copies = append(v.Copies, moved{s.Backups[i], state})
	}
	return v, nil
}
