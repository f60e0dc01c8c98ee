package console

import (
	"cmp"
	"slices"
	"time"
)

// link is a backup in its chain.
type link struct {
	Backup   backup    `json:"backup"`
	Parent   string    `json:"parent_id,omitempty"`
	Children int       `json:"children"`
	Keep     *decision `json:"keep,omitempty"`       // what the policy says of it; nil: it is not known
	Bytes    *int64    `json:"data_bytes,omitempty"` // of the volume that it holds; nil: not known
	Delete   string    `json:"delete"`               // what a delete would do, in words
}

// chain is a full backup and what builds on it, the oldest first.
type chain struct {
	Links    []link `json:"links"`
	Guessed  bool   `json:"guessed"` // by times, for the backend does not tell parents
	Branched bool   `json:"branched"`
}

// chainsOf arranges the backups of one volume. parents are known for the backups in it; others are
// guessed: an incremental backup builds on the one before it (cinder/backup/api.py create). rebases says
// that a delete gives what builds on a backup what it needs.
func chainsOf(backups []backup, parents map[string]string, decisions map[string]*decision, rebases bool, now time.Time) []chain {
	sorted := slices.Clone(backups)
	slices.SortStableFunc(sorted, func(a, b backup) int { return cmp.Or(a.Of().Compare(b.Of().Time), cmp.Compare(a.ID, b.ID)) })
	root, above, children := map[string]string{}, map[string]string{}, map[string]int{}
	guessed := map[string]bool{}
	before := ""
	var roots []string
	for i := range sorted {
		b := &sorted[i]
		parent, known := parents[b.ID]
		if !known && b.Incremental {
			parent = before
		}
		top := root[parent]
		if parent == "" || top == "" {
			top = b.ID
			roots = append(roots, top)
		}
		root[b.ID], above[b.ID] = top, parent
		if children[parent]++; !known && b.Incremental {
			guessed[top] = true
		}
		if b.Status == "available" || b.Status == "restoring" {
			before = b.ID
		}
	}
	members := map[string][]link{}
	branched := map[string]bool{}
	for i := range sorted {
		b := sorted[i]
		n := children[b.ID]
		l := link{Backup: b, Parent: above[b.ID], Children: n, Keep: decisions[b.ID], Delete: onDelete(&b, n, rebases, now)}
		if l.Keep != nil {
			l.Bytes = l.Keep.Bytes
		}
		members[root[b.ID]] = append(members[root[b.ID]], l)
		branched[root[b.ID]] = branched[root[b.ID]] || n > 1
	}
	chains := make([]chain, 0, len(roots))
	for _, top := range slices.Backward(roots) {
		chains = append(chains, chain{members[top], guessed[top], branched[top]})
	}
	return chains
}

// Size says how much the links hold, in words; "": that is not known of all.
func (c chain) Size() string {
	sum := int64(0)
	for i := range c.Links {
		if c.Links[i].Bytes == nil {
			return ""
		}
		sum += *c.Links[i].Bytes
	}
	return bytesText(sum)
}

// Size says how much the backup holds, in words.
func (l *link) Size() string {
	if l.Bytes == nil {
		return counted(l.Backup.Objects, "object")
	}
	return bytesText(*l.Bytes) + " in " + counted(l.Backup.Objects, "object")
}

// buildOn writes of how many backups something is said that build on another one.
func buildOn(n int) string {
	if n == 1 {
		return "1 backup builds on it"
	}
	return counted(n, "backup") + " build on it"
}

// onDelete says what a delete of a backup would do.
func onDelete(b *backup, children int, rebases bool, now time.Time) string {
	n := max(children, map[bool]int{true: 1}[b.Dependents])
	locked, _ := time.Parse(time.RFC3339, b.Metadata["cindergate:locked-until"]) // none: it is not locked
	switch {
	case locked.After(now):
		return "is refused: it is locked until " + locked.UTC().Format("2006-01-02 15:04") + " UTC"
	case b.Status != "available" && b.Status != "error":
		return "is refused while its status is " + b.Status
	case n == 0:
		return "removes this backup only"
	case rebases:
		return "removes this backup; " + buildOn(n) + " and will get what is needed of it"
	}
	return "is refused: " + buildOn(n)
}
