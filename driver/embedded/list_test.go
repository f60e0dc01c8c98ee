package embedded

import (
	"fmt"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// manyBackups creates rows of backups without data.
func manyBackups(tb testing.TB, r *rig, n int) {
	tb.Helper()
	check(tb, r.core.Write(tb.Context(), func(tx *meta.Tx) error {
		for i := range n {
			name := fmt.Sprint("backup ", i)
			b := &meta.Backup{Backup: driver.Backup{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), ProjectID: "alpha", VolumeID: "v",
				Name: &name, Status: driver.BackupAvailable, Size: 1, CreatedAt: tx.Now.Add(time.Duration(i%7) * time.Hour)}}
			if err := tx.PutBackup(b); err != nil {
				return err
			}
		}
		return nil
	}))
}

// The pages of a list are equal to slices of a sorted list: in every order, from every
// marker and offset.
func TestPagesOfTheCache(t *testing.T) {
	r := newRig(t)
	manyBackups(t, r, 40)
	all, err := r.ListBackups(t.Context(), alpha, driver.Query{Limit: -1})
	check(t, err)
	filters := [][]driver.Filter{nil, {{Column: "display_name", Value: "1", Like: true}}, {{Column: "status", Value: "error"}}}
	for _, filter := range filters {
		for marker := -1; marker < len(all.Items); marker++ {
			for _, limit := range []int{-1, 0, 1, 7, 100} {
				for _, offset := range []int{0, 1, 39, 50} {
					q := driver.Query{Filters: filter, Limit: limit, Offset: offset, WithCount: true}
					if marker >= 0 {
						q.Marker = all.Items[marker].ID
					}
					got, err := r.ListBackups(t.Context(), alpha, q)
					check(t, err)
					want, err := driver.Paginate(all.Items, driver.BackupColumns, q, driver.BackupNotFound)
					check(t, err)
					if fmt.Sprint(ids(got)) != fmt.Sprint(ids(want)) || got.Count != want.Count {
						t.Fatalf("%+v:\n%v %d\nwant\n%v %d", q, ids(got), got.Count, ids(want), want.Count)
					}
				}
			}
		}
	}
}

func ids(page driver.Page[driver.Backup]) []string {
	all := []string{}
	for _, b := range page.Items {
		all = append(all, b.ID)
	}
	return all
}

// A caller without a project sees empty lists. A marker of another project is unknown.
func TestListsWithoutAProject(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	_, err := r.CreateAttachment(ctx, alpha, driver.AttachmentSpec{VolumeID: r.volume(alpha, 1).ID})
	check(t, err)
	_, err = r.CreateGroup(ctx, admin, driver.GroupSpec{GroupType: driver.DefaultCGSnapshotType})
	if err == nil {
		t.Fatal("made")
	}
	r.settle()
	nobody := driver.Caller{Role: driver.Member}
	q := driver.Query{Limit: -1, AllProjects: true}
	backups, err := r.ListBackups(ctx, nobody, q)
	check(t, err)
	volumes, err := r.ListVolumes(ctx, nobody, q)
	check(t, err)
	attachments, err := r.ListAttachments(ctx, nobody, q)
	check(t, err)
	groups, err := r.ListGroups(ctx, nobody, q)
	check(t, err)
	messages, err := r.ListMessages(ctx, nobody, q)
	check(t, err)
	if n := len(backups.Items) + len(volumes.Items) + len(attachments.Items) + len(groups.Items) + len(messages.Items); n > 0 {
		t.Fatalf("%d items are shown", n)
	}
	own := r.backup(admin, driver.BackupSpec{VolumeID: r.volume(admin, 1).ID})
	_, err = r.ListBackups(ctx, admin, driver.Query{Limit: -1, Marker: own.ID})
	check(t, err)
	_, err = r.ListBackups(ctx, admin, driver.Query{Limit: -1, Marker: b.ID})
	refused(t, err, driver.NotFound, "Backup "+b.ID+" could not be found.")
}

// The first page after a write, in a project with many backups.
func BenchmarkListAfterWrite(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b)
			manyBackups(b, r, n)
			row := r.row("00000001-0000-4000-8000-000000000000")
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				check(b, r.core.Write(b.Context(), func(tx *meta.Tx) error { changed := *row; return tx.TouchBackup(&changed) }))
				b.StartTimer()
				page, err := r.ListBackups(b.Context(), alpha, driver.Query{Limit: 100})
				if err != nil || len(page.Items) != 100 {
					b.Fatal(len(page.Items), err)
				}
			}
		})
	}
}
