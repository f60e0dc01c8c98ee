package otcfake

import (
	"cmp"
	"slices"
	"strings"
)

// resource has an id and a project.
type resource interface{ key() (id, projectID string) }

func (v *Volume) key() (string, string)     { return v.ID, v.ProjectID }
func (s *Snapshot) key() (string, string)   { return s.ID, s.ProjectID }
func (b *Backup) key() (string, string)     { return b.ID, b.ProjectID }
func (v *Vault) key() (string, string)      { return v.ID, v.ProjectID }
func (p *checkpoint) key() (string, string) { return p.id, p.projectID }
func (o *operation) key() (string, string)  { return o.id, o.projectID }
func (j *job) key() (string, string)        { return j.id, j.projectID }

// find looks an id up in all projects.
func find[R resource](all []R, id string) R {
	var none R
	for _, r := range all {
		if has, _ := r.key(); has == id {
			return r
		}
	}
	return none
}

// own looks an id up in one project.
func own[R resource](all []R, projectID, id string) R {
	var none R
	for _, r := range all {
		if has, of := r.key(); has == id && of == projectID {
			return r
		}
	}
	return none
}

// of returns the project's resources.
func of[R resource](all []R, projectID string) []R {
	mine := make([]R, 0, len(all))
	for _, r := range all {
		if _, of := r.key(); of == projectID {
			mine = append(mine, r)
		}
	}
	return mine
}

func remove[R resource](all *[]R, id string) {
	*all = slices.DeleteFunc(*all, func(r R) bool { has, _ := r.key(); return has == id })
}

// cut returns at most limit elements of a list from offset on.
func cut[R any](all []R, offset, limit int) []R {
	all = all[min(offset, len(all)):]
	return all[:min(limit, len(all))]
}

// sortBy sorts by the text of a field.
func sortBy[R any](all []R, desc bool, field func(R) string) {
	slices.SortStableFunc(all, func(a, b R) int {
		order := cmp.Compare(strings.ToLower(field(a)), strings.ToLower(field(b)))
		if desc {
			return -order
		}
		return order
	})
}
