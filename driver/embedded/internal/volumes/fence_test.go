package volumes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

const unit = 1 << 20

// bench is a Volumes with a database and a data directory, whose workers do not run.
type bench struct {
	*Volumes
	t     *testing.T
	clock *clockwork.FakeClock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	clock := clockwork.NewFakeClockAt(time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC))
	db, err := meta.Open(t.Context(), meta.Options{Database: filepath.Join(dir, "db"), Now: clock.Now, Rehearse: true})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	c := &core.Core{DB: db, Files: core.NewFiles(dir), Spare: core.NewReserve(dir), Log: zap.NewNop(), Clock: clock, Work: core.NoWork{}, BlankByJob: func() bool { return false },
		NewID: uuid.NewString, Copier: core.NoCopies{}, AvailabilityZone: "nova", Unit: unit}
	c.Attention = c.NewAttention()
	c.Files.ID = "installation"
	check(t, c.Files.Create())
	b := &bench{New(c, jobs.NewRunner(c, jobs.Options{Workers: 1, Lease: time.Minute, MaxAttempts: 3}), nil), t, clock}
	check(t, c.Write(t.Context(), b.EnsureDefaultType))
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var user = driver.Caller{ProjectID: "p", UserID: "u", Role: driver.Member}

func (b *bench) claim() *meta.Job {
	b.t.Helper()
	var j *meta.Job
	check(b.t, b.core.Write(b.t.Context(), func(tx *meta.Tx) (err error) {
		j, err = tx.Claim("", "", time.Minute)
		return err
	}))
	if j == nil {
		b.t.Fatal("no job")
	}
	return j
}

func (b *bench) run() {
	b.t.Helper()
	for ran := true; ran; {
		var err error
		ran, err = b.jobs.RunOne(context.WithoutCancel(b.t.Context()))
		check(b.t, err)
		b.clock.Advance(time.Millisecond)
	}
}

func (b *bench) volume(spec driver.VolumeSpec) *meta.Volume {
	b.t.Helper()
	v, err := b.CreateVolume(b.t.Context(), user, spec)
	check(b.t, err)
	b.clock.Advance(time.Millisecond)
	return b.row(v.ID)
}

func (b *bench) row(id string) *meta.Volume {
	b.t.Helper()
	v, err := b.core.DB.Volume(b.t.Context(), id)
	check(b.t, err)
	return v
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(b.t, err)
	_, err = f.WriteAt([]byte(text), 0)
	check(b.t, err)
	check(b.t, f.Close())
}

func (b *bench) read(path string) string {
	b.t.Helper()
	data, err := os.ReadFile(path)
	check(b.t, err)
	if len(data) != unit {
		b.t.Fatalf("%s has %d bytes", path, len(data))
	}
	return string(data[:4])
}

// A worker is paused right after it has claimed a job. Another worker does the job, and a
// user changes the result and its source. Then the first worker does all its work, in vain:
// the result has the user's bytes, and the first worker's file is gone.
func TestPausedWorkers(t *testing.T) {
	type tested struct {
		task  func(j *meta.Job) jobs.Task // of the job that is queued
		file  func() string               // the result's
		isNew bool
		made  string
	}
	for name, queue := range map[string]func(b *bench, v *meta.Volume) tested{
		"snapshot": func(b *bench, v *meta.Volume) tested {
			s, err := b.CreateSnapshot(t.Context(), user, driver.SnapshotSpec{VolumeID: v.ID})
			check(t, err)
			return tested{
				func(j *meta.Job) jobs.Task { return b.snapshotTask(j, arguments[copyArguments](t, j)) },
				func() string {
					row, err := b.core.DB.Snapshot(t.Context(), s.ID)
					check(t, err)
					return b.core.Files.Snapshot(row)
				}, true, "data",
			}
		},
		"empty volume of another gateway's request": func(b *bench, v *meta.Volume) tested {
			row := *v
			row.ID, row.Status, row.CreatedAt = uuid.NewString(), core.Creating, v.CreatedAt.Add(time.Millisecond)
			check(t, b.core.Write(t.Context(), func(tx *meta.Tx) error {
				j, err := b.jobs.New(user, createVolumeJob, row.ID, struct{}{})
				check(t, err)
				j.VolumeID = row.ID
				return errors.Join(tx.PutVolume(&row), b.jobs.Enqueue(tx, j))
			}))
			return tested{
				func(j *meta.Job) jobs.Task { return b.createVolumeTask(j, struct{}{}) },
				func() string { return b.core.Files.Volume(b.row(row.ID)) }, true, "\x00\x00\x00\x00",
			}
		},
		"volume from a volume": func(b *bench, v *meta.Volume) tested {
			c := b.volume(driver.VolumeSpec{SourceVolumeID: v.ID})
			return tested{
				func(j *meta.Job) jobs.Task { return b.copyVolumeTask(j, arguments[copyArguments](t, j)) },
				func() string { return b.core.Files.Volume(b.row(c.ID)) }, true, "data",
			}
		},
		"revert": func(b *bench, v *meta.Volume) tested {
			s, err := b.CreateSnapshot(t.Context(), user, driver.SnapshotSpec{VolumeID: v.ID})
			check(t, err)
			b.clock.Advance(time.Millisecond)
			b.run()
			b.write(b.core.Files.Volume(v), "more")
			check(t, b.ActOnVolume(t.Context(), user, v.ID, driver.RevertVolume{SnapshotID: s.ID}))
			return tested{
				func(j *meta.Job) jobs.Task { return b.revertTask(j, struct{}{}) },
				func() string { return b.core.Files.Volume(b.row(v.ID)) }, false, "data",
			}
		},
	} {
		for _, both := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t)
				v := b.volume(driver.VolumeSpec{Size: 1})
				b.write(b.core.Files.Volume(v), "data")
				work := queue(b, v)
				j := b.claim()
				first := work.task(j)
				if both { // the first worker was paused at the end of its work
					_, _, err := first.Run(t.Context())
					check(t, err)
				}
				b.clock.Advance(time.Hour)
				b.run()
				if got := b.read(work.file()); got != work.made {
					t.Fatalf("the second worker has made %q", got)
				}
				b.write(work.file(), "user")
				if !both {
					_, settle, err := first.Run(t.Context())
					check(t, err)
					if settle == nil {
						t.Fatal("the first worker had nothing to do")
					}
				}
				check(t, first.Undo(t.Context()))
				if got := b.read(work.file()); got != "user" {
					t.Fatalf("the paused worker has changed the result to %q", got)
				}
				entries, err := filepath.Glob(work.file() + "*")
				check(t, err)
				out := core.VolumeOutput(j, work.isNew)
				if j.SnapshotID != "" && name == "snapshot" {
					out = core.SnapshotOutput(j)
				}
				if _, err := os.Stat(b.core.Files.Path(out.File(1))); !os.IsNotExist(err) || len(entries) != 1 {
					t.Fatalf("the paused worker has left its file (%v); there are %s", err, entries)
				}
			})
		}
	}
}

func arguments[A any](t *testing.T, j *meta.Job) A {
	t.Helper()
	a, err := jobs.Arguments[A](j)
	check(t, err)
	return a
}

// An attempt whose end is committed, but reported as failed, is undone. Its file stays,
// because the row names it.
func TestUndoAfterTheCommit(t *testing.T) {
	b := newBench(t)
	v := b.volume(driver.VolumeSpec{Size: 1})
	b.write(b.core.Files.Volume(v), "data")
	c := b.volume(driver.VolumeSpec{SourceVolumeID: v.ID})
	j := b.claim()
	task := b.copyVolumeTask(j, arguments[copyArguments](t, j))
	_, settle, err := task.Run(t.Context())
	check(t, err)
	check(t, b.core.Write(t.Context(), settle))
	check(t, task.Undo(t.Context()))
	if got := b.read(b.core.Files.Volume(b.row(c.ID))); got != "data" {
		t.Fatal(got)
	}
}

// The job that removes a volume's old file removes nothing that the volume uses.
func TestFilesInUseAreNotRemoved(t *testing.T) {
	b := newBench(t)
	v := b.volume(driver.VolumeSpec{Size: 1})
	b.write(b.core.Files.Volume(v), "data")
	check(t, b.core.Write(t.Context(), func(tx *meta.Tx) error {
		return b.discard(tx, &meta.Job{}, v.ID, core.VolumePrefix+v.ID)
	}))
	b.run()
	if got := b.read(b.core.Files.Volume(b.row(v.ID))); got != "data" {
		t.Fatal(got)
	}
}

// A file grows for a request to extend while a job gives the volume another file. The size
// is not stored without growing that file, too.
func TestExtendMeetsAnotherFile(t *testing.T) {
	b := newBench(t)
	v := b.volume(driver.VolumeSpec{Size: 1})
	swapped := false
	err := b.extendWith(t.Context(), user, v.ID, driver.ExtendVolume{Size: 2}, func() {
		if swapped {
			return
		}
		swapped = true
		check(t, b.core.Files.Clone(t.Context(), b.core.Files.Path(filepath.Join(core.VolumesDir, "other")), b.core.Files.Volume(v), nil))
		check(t, b.core.Files.Resize(b.core.Files.Path(filepath.Join(core.VolumesDir, "other")), unit))
		check(t, b.core.Write(t.Context(), func(tx *meta.Tx) error {
			row, err := tx.Volume(v.ID)
			check(t, err)
			row.File = "other"
			return tx.PutVolume(row)
		}))
	})
	check(t, err)
	row := b.row(v.ID)
	st, err := os.Stat(b.core.Files.Volume(row))
	check(t, err)
	if !swapped || row.Size != 2 || row.File != "other" || st.Size() != 2*unit {
		t.Fatalf("size %d, file %s of %d bytes", row.Size, row.File, st.Size())
	}
}

// A file is removed only when no transaction is left that may give it a row: the answer to a commit
// can be lost while the commit is still on its way.
func TestCommitInDoubtKeepsItsFile(t *testing.T) {
	b := newBench(t)
	id := b.core.NewID()
	v := &meta.Volume{Volume: driver.Volume{ID: id, ProjectID: "p", Status: core.Available, Size: 1}}
	check(t, b.core.Files.CreateBlank(b.core.Files.Volume(v), unit))
	began, release, committed, dropped := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan struct{})
	first := true
	go func() {
		committed <- b.core.Write(context.Background(), func(tx *meta.Tx) error {
			if first { // the rehearsal
				first = false
				return nil
			}
			close(began)
			<-release
			v.CreatedAt, v.AttachStatus = tx.Now, core.Detached
			return tx.PutVolume(v)
		})
	}()
	<-began
	go func() { b.dropFile(context.Background(), id); close(dropped) }()
	select {
	case <-dropped:
		t.Error("it does not wait for the transaction in doubt")
	case <-time.After(100 * time.Millisecond): // only a wrong one is seen by this
	}
	close(release)
	check(t, <-committed)
	<-dropped
	if !core.IsFile(b.core.Files.Volume(v)) {
		t.Error("the file of a volume is gone")
	}
}
