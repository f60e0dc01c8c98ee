package verify

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// thing is something that a run made.
type thing struct {
	collection string // backups, snapshots, volumes, images
	id         string
	who        Who
}

// things are what several cases use, made when the first of them needs it.
type things struct {
	mu   sync.Mutex
	have map[string]*made
}

type made struct {
	once   sync.Once
	id     string
	reason string      // why there is none
	left   atomic.Bool // by a case that may not have waited for what it began
}

func newThings() *things { return &things{have: map[string]*made{}} }

func (t *things) of(key string) *made {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.have[key] == nil {
		t.have[key] = &made{}
	}
	return t.have[key]
}

// leave records that a case has ended early, so that what it began may go on.
func (t *things) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.have {
		m.left.Store(true)
	}
}

// Sizes in GiB.
const (
	small = 1
	large = 2
)

// thing returns the id of what several cases share, and makes it if it is not there yet. Where
// that fails, the cases are not tested: the case that makes the like says what deviates. After a case
// that ended early, thing waits until the status passes no more: a restore that still runs must not
// make the next case deviate.
func (x *X) thing(collection, key string, make func(*X) string) string {
	m := x.r.things.of(key)
	m.once.Do(func() {
		// Made with the newest microversion and outside of the case's own list of things.
		own := &X{ctx: x.ctx, r: x.r, version: x.r.highest()}
		defer func() {
			if x.r.o.shared == nil {
				x.r.keep(own.made)
			}
			x.r.record(own.exchanges)
			switch p := recover().(type) {
			case nil:
			case deviates:
				m.reason = fmt.Sprintf("the %s for it could not be made: %s, not %s", key, p.Got, p.Expected)
			case notTested:
				m.reason = p.reason
			case notOffered:
				m.reason = p.reason
			default:
				panic(p)
			}
		}()
		m.id = make(own)
	})
	if m.reason != "" {
		x.notTested("%s", m.reason)
	}
	if m.left.Swap(false) {
		x.await(collection, m.id)
	}
	return m.id
}

// sourceMetadata is that of the volume that backups are made of.
const sourceMetadata = `{"verify": "source"}`

// volume is a blank volume of 1 GiB, which cases do not change.
func (x *X) volume() string {
	return x.thing("volumes", "volume", func(x *X) string {
		return x.newVolume(x.name("volume"), small, `, "description": "the source", "metadata": `+sourceMetadata)
	})
}

// target is a volume of 1 GiB to restore to.
func (x *X) target() string {
	return x.thing("volumes", "target volume", func(x *X) string { return x.newVolume(x.name("target"), small, "") })
}

// wide is a volume of 2 GiB.
func (x *X) wide() string {
	return x.thing("volumes", "volume of 2 GiB", func(x *X) string { return x.newVolume(x.name("large"), large, "") })
}

// newVolume makes a volume and waits for it. more is further JSON of the body.
func (x *X) newVolume(name string, size int, more string) string {
	a := x.post("/volumes", fmt.Sprintf(`{"volume": {"name": %q, "size": %d%s}}`, name, size, more))
	x.overQuota(a)
	a.is(http.StatusAccepted)
	id := a.str("volume.id")
	x.keep("volumes", id)
	x.settled("volumes", id)
	return id
}

// overQuota ends the case if the answer is that a quota is used up.
func (x *X) overQuota(a *answer) {
	switch a.e.Status {
	case http.StatusRequestEntityTooLarge:
		x.notTested("the quota of the project is used up%s", a.said())
	case http.StatusForbidden:
		x.notTested("the login may not do this%s", a.said())
	case http.StatusNotImplemented:
		x.notTested("the endpoint does not make what the case needs%s", a.said())
	}
}

// keep notes something to be removed.
func (x *X) keep(collection, id string, who ...Who) string {
	t := thing{collection, id, Tester}
	if len(who) > 0 {
		t.who = who[0]
	}
	x.made = append(x.made, t)
	return id
}

// newBackup makes a backup and waits for it. more is further JSON of the body.
func (x *X) newBackup(name, volume, more string) string {
	a := x.post("/backups", fmt.Sprintf(`{"backup": {"name": %q, "volume_id": %q%s}}`, name, volume, more))
	x.overQuota(a)
	a.is(http.StatusAccepted)
	id := x.keep("backups", a.str("backup.id"))
	x.settled("backups", id)
	return id
}

// full is a full backup of volume.
func (x *X) full() string {
	volume := x.volume()
	return x.thing("backups", "backup", func(x *X) string {
		return x.newBackup(x.name("full"), volume, `, "description": "a full one"`)
	})
}

// incremental is a backup on top of full.
func (x *X) incremental() string {
	x.full()
	volume := x.volume()
	return x.thing("backups", "incremental backup", func(x *X) string {
		return x.newBackup(x.name("incremental"), volume, `, "incremental": true`)
	})
}

// snapshot is a snapshot of volume. It is younger than the full backup, for a volume that is
// being backed up takes no snapshot.
func (x *X) snapshot() string {
	x.full()
	volume := x.volume()
	return x.thing("snapshots", "snapshot", func(x *X) string {
		a := x.post("/snapshots", fmt.Sprintf(`{"snapshot": {"name": %q, "volume_id": %q}}`, x.name("snapshot"), volume))
		x.overQuota(a)
		a.is(http.StatusAccepted)
		id := x.keep("snapshots", a.str("snapshot.id"))
		x.settled("snapshots", id)
		return id
	})
}

// ofSnapshot is a full backup of snapshot.
func (x *X) ofSnapshot() string {
	volume, snapshot := x.volume(), x.snapshot()
	// The snapshot is older than the incremental backup, whose parent it must not become.
	x.incremental()
	return x.thing("backups", "backup of a snapshot", func(x *X) string {
		return x.newBackup(x.name("of-snapshot"), volume, fmt.Sprintf(`, "snapshot_id": %q`, snapshot))
	})
}

// quick makes a backup of target that needs little time: an incremental one where the endpoint
// makes any. It goes with the case.
func (x *X) quick(name, more string) string {
	x.changed()
	a := x.post("/backups", x.quickBody(name, more))
	if a.e.Status == http.StatusBadRequest {
		return x.newBackup(name, x.target(), more)
	}
	x.overQuota(a)
	id := x.keep("backups", a.is(http.StatusAccepted).str("backup.id"))
	x.settled("backups", id)
	return id
}

func (x *X) quickBody(name, more string) string {
	return fmt.Sprintf(`{"backup": {"name": %q, "volume_id": %q, "incremental": true%s}}`, name, x.target(), more)
}

// wideBackup is a backup of 2 GiB.
func (x *X) wideBackup() string {
	volume := x.wide()
	return x.thing("backups", "backup of 2 GiB", func(x *X) string { return x.newBackup(x.name("large"), volume, "") })
}
