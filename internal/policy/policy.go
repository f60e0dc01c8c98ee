// Package policy says when a volume is backed up and how long its backups are kept: the grammar
// that users write into metadata, the calendar of runs, the rules of retention, and the reasons
// for each decision in words.
//
// It is arithmetic on times and does nothing itself: no clock, no database, no requests.
package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Keys of metadata.
const (
	// Key is the policy of a volume in words, for instance "daily 02:30 Europe/Berlin;
	// incremental; keep=7d,4w". "off": the volume has none, whatever its type and project have.
	Key = "cindergate:backup"
	// NameKey is the name of a policy that the operator defines; "off" as in [Key].
	NameKey = "cindergate:policy"
	// ExpiresKey, on a backup, is when it is deleted.
	ExpiresKey = "cindergate:expires"
	// LockKey, on a backup, is until when nobody can delete it. LockedKey is that time; the gateway sets it.
	LockKey   = "cindergate:lock"
	LockedKey = "cindergate:locked-until"
	// LockedByKey is who refuses the delete: one of the values below. The gateway sets it.
	LockedByKey     = "cindergate:locked-by"
	LockedByGateway = "gateway"           // whoever can reach the store can delete the objects
	LockedByStore   = "gateway and store" // the store refuses it as well
	// SyntheticKey, with the value SyntheticFull on a new incremental backup, makes it a full one, of the
	// chain that it builds on.
	SyntheticKey  = "cindergate:synthetic"
	SyntheticFull = "full"
	// SlotKey, on a backup, is the time that its run was due. The gateway sets it.
	SlotKey = "cindergate:scheduled"
)

// Off is the value of [Key] and [NameKey] that ends a policy.
const Off = "off"

// defaultFull is how many backups a chain has if the policy does not say so: the full one and
// six that are incremental.
const defaultFull = 7

// Policy is what a text asks for.
type Policy struct {
	Schedule Schedule
	// Chain is the number of backups from one full backup to the next; 1: all are full.
	Chain int
	Keep  Keep
	// Synthetic makes full backups of the chain before, where there is one.
	Synthetic bool
	// Copy is the backend that the backups are copied to; "": none.
	Copy string
	// Lock is how long nobody can delete a backup; zero: it is not locked.
	Lock   Span
	Jitter time.Duration // runs begin up to that much after their slot
	Paused bool          // no run begins; what there is, is kept
	Always bool          // also makes a backup if nothing has changed
	text   string
}

// String returns the text that the policy was made of.
func (p Policy) String() string { return p.text }

// Delay returns how long after its slot a run of a volume begins. It is the same each time and
// differs from volume to volume, so that a thousand volumes do not begin at once.
func (p Policy) Delay(volumeID string) time.Duration {
	if p.Jitter <= 0 {
		return 0
	}
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(volumeID) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return time.Duration(h % uint64(p.Jitter)).Truncate(time.Second)
}

// Book has the policies that the operator defines.
type Book struct {
	Named map[string]Policy // by name, in lower case
	// Default is the name of the policy of volumes that say nothing; "": none. Projects has those
	// of projects, by id.
	Default  string
	Projects map[string]string
}

// Effective is the policy of a volume.
type Effective struct {
	Policy
	From string // where it stands, in words
}

// Of returns the policy of a volume, by its metadata, the extra specs of its type and its
// project; nil if it has none. The first place that says anything decides. The error says what
// is wrong there.
func (b Book) Of(metadata, typeSpecs map[string]string, projectID string) (*Effective, error) {
	for _, place := range []struct {
		values map[string]string
		what   string
	}{{metadata, "metadata"}, {typeSpecs, "extra spec of the volume's type"}} {
		if text, ok := place.values[Key]; ok {
			return b.read(text, fmt.Sprintf("%s %s", place.what, Key))
		}
		if name, ok := place.values[NameKey]; ok {
			return b.named(name, fmt.Sprintf("%s %s", place.what, NameKey))
		}
	}
	if name, ok := b.Projects[strings.ToLower(projectID)]; ok {
		return b.named(name, "the operator's default for the project")
	}
	if b.Default != "" {
		return b.named(b.Default, "the operator's default")
	}
	return nil, nil
}

func (b Book) read(text, from string) (*Effective, error) {
	if isOff(text) {
		return nil, nil
	}
	p, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return &Effective{p, from}, nil
}

func (b Book) named(name, from string) (*Effective, error) {
	if isOff(name) {
		return nil, nil
	}
	p, ok := b.Named[strings.ToLower(name)]
	if !ok {
		return nil, fmt.Errorf("%s: there is no policy %q; there are: %s", from, name, b.names())
	}
	return &Effective{p, from + "=" + name}, nil
}

func (b Book) names() string {
	var names []string
	for name := range b.Named {
		names = append(names, name)
	}
	slices.Sort(names)
	return cmp.Or(strings.Join(names, ", "), "none")
}

// isOff reports whether a value says that there is no policy. An empty one does: it is what some
// clients can do in place of removing a key.
func isOff(value string) bool {
	value = strings.TrimSpace(value)
	return value == "" || strings.EqualFold(value, Off)
}

// Check returns an error that says what is wrong with the policy in the metadata of a volume or
// in the extra specs of a type; what says which of them.
func (b Book) Check(what string, values map[string]string) error {
	for _, key := range []string{Key, NameKey} {
		value, ok := values[key]
		if !ok {
			continue
		}
		read := b.named
		if key == Key {
			read = b.read
		}
		if _, err := read(value, what+" "+key); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether metadata says anything about a policy.
func Has(metadata map[string]string) bool {
	_, text := metadata[Key]
	_, name := metadata[NameKey]
	return text || name
}

// SameSlots reports whether two policies in words have runs at the same times. A text that cannot be read
// has none.
func SameSlots(a, b string) bool {
	if a == b {
		return true
	}
	one, bad := Parse(a)
	other, worse := Parse(b)
	return bad == nil && worse == nil && one.Paused == other.Paused && one.Schedule.String() == other.Schedule.String()
}

// Concerns reports whether anything says which policy a volume has, as in [Book.Of].
func (b Book) Concerns(metadata, typeSpecs map[string]string, projectID string) bool {
	_, project := b.Projects[strings.ToLower(projectID)]
	return b.Default != "" || project || Has(metadata) || Has(typeSpecs)
}
