package embedded

import (
	"fmt"
	"testing"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// hundred returns a driver with 100 finished backups of alpha, and others of beta.
func hundred(b *testing.B) (*rig, string) {
	r := newRig(b, func(o *Options) { o.Quotas = map[string]int{driver.QuotaBackups: -1} })
	last := ""
	check(b, r.core.Write(b.Context(), func(tx *meta.Tx) error {
		for i := range 200 {
			name := fmt.Sprintf("backup %d", i)
			row := &meta.Backup{Backup: driver.Backup{ID: r.core.NewID(), ProjectID: []string{"alpha", "beta"}[i%2], UserID: "u",
				VolumeID: r.core.NewID(), Name: &name, Status: driver.BackupAvailable, Size: 1, ObjectCount: 1,
				Container: "volumebackups", Metadata: map[string]string{"k": "v"}, CreatedAt: r.clock.Now()}}
			if i%2 == 0 {
				last = row.ID
			}
			if err := tx.TouchBackup(row); err != nil {
				return err
			}
		}
		return nil
	}))
	b.ReportAllocs()
	b.ResetTimer()
	return r, last
}

func BenchmarkGetBackup(b *testing.B) {
	r, id := hundred(b)
	for b.Loop() {
		if _, err := r.GetBackup(b.Context(), alpha, id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListBackups(b *testing.B) {
	for name, q := range map[string]driver.Query{
		"100":               {Limit: 1000},
		"1 of 100 by name":  {Limit: 1000, Filters: []driver.Filter{{Column: "display_name", Value: "backup 42"}}},
		"10 after a marker": {Limit: 10},
	} {
		b.Run(name, func(b *testing.B) {
			r, id := hundred(b)
			if q.Limit == 10 {
				q.Marker = id
			}
			for b.Loop() {
				if _, err := r.ListBackups(b.Context(), alpha, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAcceptBackup measures a request that is durable before it is answered.
func BenchmarkAcceptBackup(b *testing.B) {
	r := newRig(b, func(o *Options) { o.Quotas = map[string]int{driver.QuotaBackups: -1, driver.QuotaBackupGigabytes: -1} })
	v := r.volume(alpha, 1)
	for b.Loop() {
		made := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		check(b, r.ForceDeleteBackup(b.Context(), admin, made.ID))
	}
}
