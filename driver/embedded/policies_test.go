package embedded

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// follow does what policies and jobs have to do at the present time.
func (r *rig) follow() {
	r.t.Helper()
	for range 100 {
		wait := r.policies.Pass(r.t.Context())
		ran, err := r.RunOne(r.t.Context())
		check(r.t, err)
		if !ran && wait > 0 && !r.core.Attention.Waits() {
			return
		}
		r.settle()
	}
	r.t.Fatal("the policies do not come to rest")
}

// until moves the clock to a time and follows policies at it.
func (r *rig) until(text string) {
	r.t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	check(r.t, err)
	if d := at.Sub(r.clock.Now()); d > 0 {
		r.clock.Add(d)
	}
	r.follow()
}

// protected makes a volume with a policy.
func (r *rig) protected(text string) driver.Volume {
	r.t.Helper()
	name := "db"
	v, err := r.CreateVolume(r.t.Context(), alpha, driver.VolumeSpec{Name: &name, Size: 1, Metadata: map[string]string{policy.Key: text}})
	check(r.t, err)
	r.follow()
	return v
}

// age makes a volume look as if it had not been written to for an hour.
func (r *rig) age(volumeID string) {
	r.t.Helper()
	past := time.Now().Add(-time.Hour)
	check(r.t, os.Chtimes(r.file(volumeID), past, past))
}

// backupsOf returns the backups of a volume, the oldest first.
func (r *rig) backupsOf(volumeID string) []driver.Backup {
	r.t.Helper()
	page, err := r.ListBackups(r.t.Context(), alpha, driver.Query{Filters: []driver.Filter{{Column: "volume_id", Value: volumeID}}, Limit: -1})
	check(r.t, err)
	slices.Reverse(page.Items)
	return page.Items
}

// made says what kinds the backups of a volume are, the oldest first.
func (r *rig) made(volumeID string) string {
	r.t.Helper()
	var kinds []string
	for _, b := range r.backupsOf(volumeID) {
		kind := "full"
		if b.IsIncremental {
			kind = "incr"
		}
		if b.Status != driver.BackupAvailable {
			kind += "!" + string(b.Status)
		}
		kinds = append(kinds, strings.TrimPrefix(b.Metadata[policy.SlotKey], "2026-")+" "+kind)
	}
	return strings.Join(kinds, ", ")
}

func (r *rig) wantMade(volumeID, want string) {
	r.t.Helper()
	if got := r.made(volumeID); got != want {
		r.t.Fatalf("backups:\n got %s\nwant %s", got, want)
	}
}

// told returns the texts of the messages about a volume.
func (r *rig) told(volumeID string) string {
	r.t.Helper()
	page, err := r.ListMessages(r.t.Context(), alpha, driver.Query{Limit: -1})
	check(r.t, err)
	var texts []string
	for _, m := range page.Items {
		if m.ResourceUUID == volumeID {
			texts = append(texts, m.UserMessage)
		}
	}
	return strings.Join(texts, "\n")
}

func (r *rig) setPolicy(volumeID, text string) {
	r.t.Helper()
	_, err := r.UpdateVolume(r.t.Context(), alpha, volumeID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: map[string]string{policy.Key: text}})})
	check(r.t, err)
	r.follow()
}

// The clock of a rig begins at 2026-11-21 17:00.

func TestPolicyOfAWeek(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30; full=3; keep=2")
	r.wantMade(v.ID, "") // the slot of this morning does not count
	digests := map[string]string{}
	for day := 22; day <= 27; day++ {
		r.fill(v.ID, uint64(day))
		slot := fmt.Sprintf("2026-11-%d 02:30", day)
		r.until(fmt.Sprintf("2026-11-%d 02:29", day))
		before := len(r.backupsOf(v.ID))
		r.until(slot)
		all := r.backupsOf(v.ID)
		if last := all[len(all)-1]; len(all) < 1 || before > 0 && last.Metadata[policy.SlotKey] != fmt.Sprintf("2026-11-%dT02:30:00Z", day) {
			t.Fatalf("at %s: %+v", slot, all)
		}
		digests[all[len(all)-1].ID] = r.digest(v.ID)
		r.until(fmt.Sprintf("2026-11-%d 12:00", day))
		if after := len(r.backupsOf(v.ID)); after != len(all) {
			t.Fatalf("at noon of day %d there are %d backups, %d in the morning", day, after, len(all))
		}
	}
	// Two chains of three. The first one is gone but for nothing: keep=2 needs the last two.
	r.wantMade(v.ID, "11-25T02:30:00Z full, 11-26T02:30:00Z incr, 11-27T02:30:00Z incr")
	all := r.backupsOf(v.ID)
	if *all[0].Name != "db 2026-11-25 02:30 +0000" {
		t.Errorf("the name is %q", *all[0].Name)
	}
	for _, b := range all {
		restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.RestoreTarget{})
		check(t, err)
		r.settle()
		if r.digest(restore.VolumeID) != digests[b.ID] {
			t.Errorf("the backup of %s restores other bytes", b.Metadata[policy.SlotKey])
		}
	}
}

func TestMissedRunsRunOnce(t *testing.T) {
	r := newRig(t)
	v := r.protected("hourly")
	r.until("2026-11-21 18:00")
	r.fill(v.ID, 1)
	r.reopen()
	r.until("2026-11-24 09:17")
	r.wantMade(v.ID, "11-21T18:00:00Z full, 11-24T09:00:00Z full")
	r.reopen()
	r.until("2026-11-24 09:50")
	r.wantMade(v.ID, "11-21T18:00:00Z full, 11-24T09:00:00Z full")
}

func TestPolicyBeginsWhenItIsSet(t *testing.T) {
	r := newRig(t)
	v := r.protected("off")
	r.until("2026-11-22 10:00")
	r.setPolicy(v.ID, "daily 09:00")
	r.wantMade(v.ID, "")
	r.fill(v.ID, 1)
	r.until("2026-11-23 09:00")
	r.wantMade(v.ID, "11-23T09:00:00Z full")
	r.setPolicy(v.ID, "daily 12:00; paused")
	r.fill(v.ID, 2)
	r.until("2026-11-24 13:00")
	r.wantMade(v.ID, "11-23T09:00:00Z full")
	r.setPolicy(v.ID, "daily 12:00") // the slot of noon was in the pause
	r.until("2026-11-24 23:00")
	r.wantMade(v.ID, "11-23T09:00:00Z full")
	r.until("2026-11-25 12:00")
	r.wantMade(v.ID, "11-23T09:00:00Z full, 11-25T12:00:00Z full")
}

func TestNoBackupIfNothingHasChanged(t *testing.T) {
	outcomes := runs{}
	r := newRig(t, func(o *Options) { o.Observer = outcomes })
	v := r.protected("daily 02:30; incremental")
	r.fill(v.ID, 1)
	r.age(v.ID)
	r.until("2026-11-22 02:30")
	r.until("2026-11-23 02:30")
	r.wantMade(v.ID, "11-22T02:30:00Z full")
	r.fill(v.ID, 2) // just now: its time does not prove anything yet
	r.until("2026-11-24 02:30")
	r.until("2026-11-25 02:30")
	r.wantMade(v.ID, "11-22T02:30:00Z full, 11-24T02:30:00Z incr, 11-25T02:30:00Z incr")
	r.age(v.ID)
	r.until("2026-11-26 02:30")
	r.until("2026-11-27 02:30") // as in the run before
	r.wantMade(v.ID, "11-22T02:30:00Z full, 11-24T02:30:00Z incr, 11-25T02:30:00Z incr, 11-26T02:30:00Z incr")
	r.setPolicy(v.ID, "daily 02:30; incremental; always")
	r.until("2026-11-28 02:30")
	r.wantMade(v.ID, "11-22T02:30:00Z full, 11-24T02:30:00Z incr, 11-25T02:30:00Z incr, 11-26T02:30:00Z incr, 11-28T02:30:00Z incr")
	// The volume is as it was in the newest backup that is left.
	r.setPolicy(v.ID, "daily 02:30; incremental")
	all := r.backupsOf(v.ID)
	check(t, r.DeleteBackup(t.Context(), alpha, all[len(all)-1].ID))
	r.settle()
	r.until("2026-11-29 02:30")
	if got := r.made(v.ID); !strings.HasSuffix(got, "11-26T02:30:00Z incr") {
		t.Fatal(got)
	}
	if outcomes["done"] != 5 || outcomes["skipped"] != 3 || outcomes["failed"] != 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
}

func TestBusyVolumeWaits(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	busy := func(status string) {
		check(t, r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: status}))
	}
	busy("maintenance")
	r.until("2026-11-22 02:30")
	r.wantMade(v.ID, "")
	busy("available")
	r.clock.Add(2 * time.Minute)
	r.follow()
	r.wantMade(v.ID, "11-22T02:30:00Z full")
	busy("error")
	r.until("2026-11-23 02:30")
	r.until("2026-11-24 02:30")
	told := r.told(v.ID)
	if !strings.Contains(told, "The backup that was due 2026-11-23T02:30:00Z was not made: Invalid volume: ") || !strings.Contains(told, "That did not change until the next run was due.") {
		t.Errorf("messages: %s", told)
	}
	busy("available")
	r.until("2026-11-24 02:32")
	r.wantMade(v.ID, "11-22T02:30:00Z full, 11-24T02:30:00Z full")
}

func TestMistakesInPolicies(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Policies = policy.Book{Named: map[string]policy.Policy{"gold": parsed(t, "hourly")}}
	})
	ctx := t.Context()
	v := r.protected("daily 02:30")
	const bad = `Invalid input received: metadata cindergate:backup: word 2, "25:00": a time is HH:MM, from 00:00 to 23:59.`
	metadata := func(key, value string) map[string]string { return map[string]string{key: value} }
	_, err := r.CreateVolume(ctx, alpha, driver.VolumeSpec{Size: 1, Metadata: metadata(policy.Key, "daily 25:00")})
	refused(t, err, driver.InvalidInput, bad)
	update := func(key, value string) error {
		_, err := r.UpdateVolume(ctx, alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: metadata(key, value)})})
		return err
	}
	if err := update(policy.Key, "daily 25:00"); driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "25:00") {
		t.Error(err)
	}
	if err := update(policy.NameKey, "silver"); driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), `there is no policy "silver"; there are: gold`) {
		t.Error(err)
	}
	if err := update(policy.Key, "daily 02:30; copy=west"); driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "no backend takes copies") {
		t.Error(err)
	}
	if got := r.getVolume(v.ID).Metadata[policy.Key]; got != "daily 02:30" {
		t.Errorf("a refused update has set %q", got)
	}
	if _, err := r.CreateVolumeType(ctx, admin, driver.VolumeType{Name: "t", ExtraSpecs: metadata(policy.NameKey, "silver")}); driver.KindOf(err) != driver.InvalidInput {
		t.Error(err)
	}
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	for _, value := range []string{"tomorrow", "-3d", "2026-02-30"} {
		if _, err := r.CreateBackup(ctx, alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: metadata(policy.ExpiresKey, value)}); driver.KindOf(err) != driver.InvalidInput {
			t.Errorf("create, expires %s: %v", value, err)
		}
		if _, err := r.UpdateBackup(ctx, alpha, b.ID, driver.BackupPatch{Metadata: driver.Some(metadata(policy.ExpiresKey, value))}); driver.KindOf(err) != driver.InvalidInput {
			t.Errorf("update, expires %s: %v", value, err)
		}
	}
	// A policy that the operator has removed since: the user is told, once.
	check(t, update(policy.Key, policy.Off))
	check(t, update(policy.NameKey, "gold"))
	_, err = r.UpdateVolume(ctx, alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Remove: []string{policy.Key}})})
	check(t, err)
	r.follow()
	r.opts.Policies = policy.Book{}
	r.reopen()
	r.until("2026-11-22 01:00")
	r.until("2026-11-22 09:00")
	if told := r.told(v.ID); strings.Count(told, `there is no policy "gold"`) != 1 {
		t.Errorf("messages: %s", told)
	}
}

func parsed(t *testing.T, text string) policy.Policy {
	t.Helper()
	p, err := policy.Parse(text)
	check(t, err)
	return p
}

func TestDefaultsOfTypesAndProjects(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Policies = policy.Book{Named: map[string]policy.Policy{"gold": parsed(t, "daily 01:00"), "silver": parsed(t, "daily 02:00")}, Projects: map[string]string{"alpha": "silver"}}
	})
	gold, err := r.CreateVolumeType(t.Context(), admin, driver.VolumeType{Name: "gold", IsPublic: true, ExtraSpecs: map[string]string{policy.NameKey: "gold"}})
	check(t, err)
	typed, err := r.CreateVolume(t.Context(), alpha, driver.VolumeSpec{Size: 1, VolumeType: gold.Name})
	check(t, err)
	plain := r.volume(alpha, 1)
	none := r.protected("off")
	other, err := r.CreateVolume(t.Context(), driver.Caller{ProjectID: "beta", Role: driver.Member}, driver.VolumeSpec{Size: 1})
	check(t, err)
	r.follow()
	r.until("2026-11-22 03:00")
	r.wantMade(typed.ID, "11-22T01:00:00Z full")
	r.wantMade(plain.ID, "11-22T02:00:00Z full")
	r.wantMade(none.ID, "")
	r.wantMade(other.ID, "")
	_, err = r.UpdateVolumeType(t.Context(), admin, gold.ID, driver.VolumeTypePatch{ExtraSpecs: driver.Some(driver.MetadataChange{Set: map[string]string{policy.NameKey: "off"}})})
	check(t, err)
	r.until("2026-11-23 03:00")
	r.wantMade(typed.ID, "11-22T01:00:00Z full")
}

func TestRestoredVolumesWait(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.until("2026-11-22 02:30")
	b := r.backupsOf(v.ID)[0]
	restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.RestoreTarget{})
	check(t, err)
	r.follow()
	restored := r.wantVolume(restore.VolumeID, core.Available)
	if restored.Metadata[policy.Key] != "daily 02:30" {
		t.Fatalf("metadata of the restored volume: %v", restored.Metadata)
	}
	r.fill(restored.ID, 2)
	r.until("2026-11-24 12:00")
	r.wantMade(restored.ID, "")
	if told := r.told(restored.ID); strings.Count(told, "its policy (metadata cindergate:backup) waits") != 1 {
		t.Errorf("messages: %s", told)
	}
	r.setPolicy(restored.ID, "daily 02:30")
	r.until("2026-11-25 02:30")
	r.wantMade(restored.ID, "11-25T02:30:00Z full")

	// A restore to a volume with another policy, or with none, changes nothing about that.
	own, bare := r.protected("daily 05:00"), r.protected("off")
	_, err = r.UpdateVolume(t.Context(), alpha, bare.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Remove: []string{policy.Key}})})
	check(t, err)
	for _, target := range []driver.Volume{own, bare} {
		_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(target.ID))
		check(t, err)
		r.follow()
	}
	r.until("2026-11-26 12:00")
	r.wantMade(own.ID, "11-26T05:00:00Z full")
	r.wantMade(bare.ID, "")
	if got := r.getVolume(bare.ID).Metadata[policy.Key]; got != "" {
		t.Errorf("the volume has got the policy %q", got)
	}
}

func TestBackupsByHand(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30; keep=1")
	r.fill(v.ID, 1)
	byHand := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	brief := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{policy.ExpiresKey: "36h"}})
	r.settle()
	for day := 22; day <= 25; day++ {
		r.fill(v.ID, uint64(day))
		r.until(fmt.Sprintf("2026-11-%d 02:30", day))
	}
	r.wantMade(v.ID, " full, 11-25T02:30:00Z full")
	r.wantBackup(byHand.ID, driver.BackupAvailable)
	if _, err := r.GetBackup(t.Context(), alpha, brief.ID); driver.KindOf(err) != driver.NotFound {
		t.Errorf("the backup that expires after 36 hours: %v", err)
	}
	_, err := r.UpdateBackup(t.Context(), alpha, byHand.ID, driver.BackupPatch{Metadata: driver.Some(map[string]string{policy.ExpiresKey: "2026-11-26"})})
	check(t, err)
	r.until("2026-11-26 23:59")
	r.wantBackup(byHand.ID, driver.BackupAvailable)
	r.until("2026-11-27 00:00")
	if _, err := r.GetBackup(t.Context(), alpha, byHand.ID); driver.KindOf(err) != driver.NotFound {
		t.Errorf("the backup that expires with 2026-11-26: %v", err)
	}
}

// A backup that is in the way of nothing may still be lost: the newest one that can be restored stays.
func TestNothingGoesIfTheNewestIsDamaged(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30; keep=1")
	r.fill(v.ID, 1)
	r.until("2026-11-22 02:30")
	r.fill(v.ID, 2)
	r.until("2026-11-23 02:28")
	r.clock.Add(2 * time.Minute)
	r.policies.Pass(t.Context())
	r.settle()
	newest := r.backupsOf(v.ID)[1]
	row := r.row(newest.ID)
	removed := false
	for key := range r.store.Objects() {
		if strings.HasPrefix(key, r.attempt(row, 1)) && strings.HasSuffix(key, "-00001") {
			check(t, r.store.Delete(t.Context(), key))
			removed = true
		}
	}
	if !removed {
		t.Fatal("no object was removed")
	}
	r.follow()
	r.wantMade(v.ID, "11-22T02:30:00Z full, 11-23T02:30:00Z full")
	r.until("2026-11-23 12:00")
	if told := r.told(v.ID); strings.Count(told, "No older backup is deleted") != 1 {
		t.Errorf("messages: %s", told)
	}
	r.fill(v.ID, 3)
	r.until("2026-11-24 02:30")
	r.wantMade(v.ID, "11-24T02:30:00Z full")
}

// What the run of a slot has begun goes on after a crash, and is not done twice.
func TestRunsSurviveACrash(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.clock.Add(10 * time.Hour)
	s := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error { // the process dies after it has claimed the slot
		p, err := tx.Protection(v.ID)
		if err != nil {
			return err
		}
		p.Slot = s
		if err := tx.PutProtection(p); err != nil {
			return err
		}
		return tx.PutPolicyRun(&meta.PolicyRun{ID: meta.RunID(v.ID, s), VolumeID: v.ID, ProjectID: v.ProjectID, Slot: s, State: meta.RunWaiting, CreatedAt: tx.Now})
	}))
	r.reopen()
	r.policies.Pass(t.Context()) // and again, while the backup is being made
	r.reopen()
	r.follow()
	r.wantMade(v.ID, "11-22T02:30:00Z full")
	check(t, r.core.Read(t.Context(), func(tx *meta.Tx) error {
		all, err := tx.PolicyRuns(v.ID)
		if err == nil && (len(all) != 1 || all[0].State != meta.RunDone) {
			t.Errorf("runs: %+v", all[0])
		}
		return err
	}))
}

// Several gateways look at the same time. They go by the clock of the database.
func TestSlotHasOneRunAtSeveralGateways(t *testing.T) {
	all := newGateways(t)
	v, err := all[0].CreateVolume(t.Context(), alpha, driver.VolumeSpec{Size: 1})
	check(t, err)
	all.settle()
	pass := func() {
		var passes sync.WaitGroup
		for _, g := range all {
			g.core.Attention.Call(core.AttentionKey{ProjectID: v.ProjectID, VolumeID: v.ID})
			passes.Go(func() { g.policies.Pass(t.Context()) })
		}
		passes.Wait()
		all.settle()
	}
	const rounds = 5
	for n := range rounds {
		minute := time.Now().Add(-time.Duration(15+7*n) * time.Minute).Minute() // late enough for all of them
		text := fmt.Sprintf("hourly :%02d; always", minute)
		_, err := all[0].UpdateVolume(t.Context(), alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: map[string]string{policy.Key: text}})})
		check(t, err)
		pass()
		check(t, all[0].core.Write(t.Context(), func(tx *meta.Tx) error { // as if it had been set two hours ago
			p, err := tx.Protection(v.ID)
			if err != nil || p == nil {
				return fmt.Errorf("%+v, %w", p, err)
			}
			p.Since, p.Slot = tx.Now.Add(-2*time.Hour), time.Time{}
			return tx.PutProtection(p)
		}))
		for range 3 {
			pass()
		}
	}
	slots := map[string]int{}
	for _, b := range all[0].backupsOf(v.ID) {
		slots[b.Metadata[policy.SlotKey]]++
	}
	if len(slots) != rounds || slices.Max(slices.Collect(maps.Values(slots))) != 1 {
		t.Errorf("backups by slot: %v", slots)
	}
}

// runs counts the outcomes of runs of policies.
type runs map[string]int

func (r runs) JobDone(string, string, int64, time.Duration) {}
func (r runs) Scrubbed(string, int64)                       {}
func (r runs) StrayFile(string)                             {}
func (r runs) PolicyRun(outcome string)                     { r[outcome]++ }
