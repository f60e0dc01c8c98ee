package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"cindergate/internal/sparse"
)

// Snapshot is a saved state of the whole cloud: rows, bytes, accounts, tokens, clock and seed.
type Snapshot struct {
	Name    string    `json:"name"`
	SavedAt time.Time `json:"saved_at"` // by the clock
	Manual  bool      `json:"manual"`   // the clock stood still
	Bytes   int64     `json:"bytes"`    // of all files, without holes

}

// maxSnapshots bounds the number of snapshots.
const maxSnapshots = 100

var snapshotName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Errors of snapshots.
var (
	ErrNoSnapshot   = errors.New("there is no snapshot of this name")
	errSnapshotName = errors.New("name: must have 1 to 64 letters, digits, dots, dashes and underscores, and begin with a letter or digit")
)

// savedSnapshot is the form of a snapshot's file state.json.
type savedSnapshot struct {
	Snapshot
	Seed sourceState
	Held map[string]Held // by id of the job
}

func (e *Environment) snapshotDir(name string) string {
	return filepath.Join(e.dir, "snapshots", name)
}

const stateFile = "state.json"

// Save saves the state of the whole cloud under a name, in place of an earlier one. Jobs that run
// are given back to the queue, and go on afterwards.
func (e *Environment) Save(ctx context.Context, name string) (Snapshot, error) {
	if !snapshotName.MatchString(name) {
		return Snapshot{}, errSnapshotName
	}
	all, err := e.Snapshots()
	if err != nil {
		return Snapshot{}, err
	}
	if len(all) >= maxSnapshots && !slices.ContainsFunc(all, func(s Snapshot) bool { return s.Name == name }) {
		return Snapshot{}, fmt.Errorf("name: there may be %d snapshots, and there are as many", maxSnapshots)
	}
	var saved savedSnapshot
	err = e.change(func() error {
		if err := e.close(errors.New("the harness is saving a snapshot")); err != nil {
			return err
		}
		state := e.Clock.State()
		saved = savedSnapshot{Snapshot{Name: name, SavedAt: state.Now.UTC(), Manual: state.Manual}, e.seed.save(), e.jobs.save()}
		err := e.save(ctx, &saved)
		return errors.Join(err, e.open(ctx))
	})
	return saved.Snapshot, err
}

// save copies the data directory beside the snapshots, and then gives the copy its name.
func (e *Environment) save(ctx context.Context, s *savedSnapshot) error {
	dir := e.snapshotDir(s.Name)
	fresh := filepath.Join(e.dir, "new-snapshot")
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(filepath.Dir(dir), 0o700)); err != nil {
		return err
	}
	var err error
	if s.Bytes, err = cloneTree(ctx, filepath.Join(fresh, "data"), e.dataDir()); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	state, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, stateFile), state, 0o600); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// Restore brings the whole cloud back to a saved state. A clock that stood still stands at that
// time again. Faults, transitions and the record of requests stay as they are.
func (e *Environment) Restore(ctx context.Context, name string) error {
	if !snapshotName.MatchString(name) {
		return errSnapshotName
	}
	return e.change(func() error {
		saved, err := e.readSnapshot(name)
		if err != nil {
			return err
		}
		fresh := filepath.Join(e.dir, "new-data")
		if err := os.RemoveAll(fresh); err != nil {
			return err
		}
		if _, err := cloneTree(ctx, fresh, filepath.Join(e.snapshotDir(name), "data")); err != nil {
			return errors.Join(err, os.RemoveAll(fresh))
		}
		err = e.close(errors.New("the harness is restoring a snapshot"))
		if err := errors.Join(err, os.RemoveAll(e.dataDir()), os.Rename(fresh, e.dataDir()), e.seed.restore(saved.Seed)); err != nil {
			return err
		}
		e.Clock.Reset(saved.Manual, saved.SavedAt)
		e.jobs.restore(saved.Held)
		return e.open(ctx)
	})
}

func (e *Environment) readSnapshot(name string) (s savedSnapshot, err error) {
	text, err := os.ReadFile(filepath.Join(e.snapshotDir(name), stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrNoSnapshot
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// Snapshots returns the saved states in the order of their names.
func (e *Environment) Snapshots() ([]Snapshot, error) {
	entries, err := os.ReadDir(filepath.Join(e.dir, "snapshots"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := []Snapshot{}
	for _, entry := range entries {
		s, err := e.readSnapshot(entry.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, s.Snapshot)
	}
	slices.SortFunc(all, func(a, b Snapshot) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// DeleteSnapshot deletes a saved state.
func (e *Environment) DeleteSnapshot(name string) error {
	if !snapshotName.MatchString(name) {
		return errSnapshotName
	}
	return e.change(func() error {
		if _, err := e.readSnapshot(name); err != nil {
			return err
		}
		return os.RemoveAll(e.snapshotDir(name))
	})
}

// cloneTree copies a directory: files by reference where the file system can, otherwise their data
// without the holes. It returns the bytes on the disk of all files.
func cloneTree(ctx context.Context, dst, src string) (bytes int64, err error) {
	err = filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, inside)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(to, info.Mode().Perm())
		}
		bytes += onDisk(info)
		if err := sparse.Clone(ctx, to, path, nil); err != nil {
			return err
		}
		return os.Chmod(to, info.Mode().Perm())
	})
	return bytes, err
}
