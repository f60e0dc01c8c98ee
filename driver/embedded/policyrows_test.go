package embedded

import (
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// policyRuns returns the runs of a volume, the newest first.
func (r *rig) policyRuns(volumeID string) (all []*meta.PolicyRun) {
	r.t.Helper()
	check(r.t, r.core.Read(r.t.Context(), func(tx *meta.Tx) (err error) {
		all, err = tx.PolicyRuns(volumeID)
		return err
	}))
	return all
}

// setStatus sets the status of a volume.
func (r *rig) setStatus(volumeID, status string) {
	r.t.Helper()
	check(r.t, r.ActOnVolume(r.t.Context(), admin, volumeID, driver.ResetVolumeStatus{Status: status}))
}

// A run that waits for its volume ends when the policy does: it is not made up for when a policy is set again.
func TestWaitingRunEndsWithItsPolicy(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.setStatus(v.ID, "error")
	r.until("2026-11-22 02:30")
	r.setPolicy(v.ID, "off")
	if all := r.policyRuns(v.ID); len(all) != 1 || all[0].State != meta.RunFailed {
		t.Errorf("runs: %+v", all)
	}
	r.setStatus(v.ID, "available")
	r.until("2026-11-25 12:00")
	r.setPolicy(v.ID, "daily 02:30")
	r.until("2026-11-25 13:00")
	r.wantMade(v.ID, "")
	r.until("2026-11-26 02:30")
	r.wantMade(v.ID, "11-26T02:30:00Z full")
}

// What is known of the policy of a volume goes with the volume.
func TestPolicyOfADeletedVolumeLeavesNoRows(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.age(v.ID)
	for _, at := range []string{"2026-11-22 02:30", "2026-11-23 02:30"} {
		r.until(at)
	}
	b := r.backupsOf(v.ID)[0]
	r.setStatus(v.ID, "error")
	r.fill(v.ID, 2)
	r.until("2026-11-24 02:30") // it waits
	check(t, r.DeleteVolume(t.Context(), alpha, v.ID, driver.VolumeDelete{}))
	r.follow()
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.follow()
	if all := r.policyRuns(v.ID); len(all) != 0 {
		t.Errorf("%d runs are left: %+v", len(all), all[0])
	}
	if all, err := r.core.DB.Protections(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("protections: %+v, %v", all, err)
	}
}

// A volume that was transferred is backed up for its new project, from the next slot on.
func TestPolicyOfATransferredVolume(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.setStatus(v.ID, "error")
	r.until("2026-11-22 02:30") // a run waits
	r.setStatus(v.ID, "available")
	beta := driver.Caller{ProjectID: "beta", UserID: "u-beta", Role: driver.Member}
	offer, key, err := r.CreateTransfer(t.Context(), alpha, driver.TransferSpec{VolumeID: v.ID})
	check(t, err)
	_, err = r.AcceptTransfer(t.Context(), beta, offer.ID, key)
	check(t, err)
	r.follow()
	for _, run := range r.policyRuns(v.ID) {
		if run.State == meta.RunWaiting {
			t.Errorf("a run waits: %+v", run)
		}
	}
	r.until("2026-11-23 02:30")
	r.wantMade(v.ID, "")
	page, err := r.ListBackups(t.Context(), beta, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 1 || page.Items[0].Metadata[policy.SlotKey] != "2026-11-23T02:30:00Z" {
		t.Errorf("backups of the new project: %+v", page.Items)
	}
}

// Volumes whose policy the operator has taken away are no longer watched.
func TestDefaultPolicyIsTakenAway(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Policies = policy.Book{Named: map[string]policy.Policy{"gold": parsed(t, "daily 02:30")}, Default: "gold"}
	})
	v := r.volume(alpha, 1)
	r.follow()
	r.until("2026-11-22 02:30")
	if all, err := r.Protected(t.Context()); err != nil || len(all) != 1 || all[0].VolumeID != v.ID {
		t.Fatalf("%+v %v", all, err)
	}
	r.opts.Policies = policy.Book{}
	r.reopen()
	r.follow()
	if all, err := r.Protected(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
}

// A run that was missed is made up for, although the rules of retention were changed meanwhile.
func TestOtherRetentionKeepsTheSlot(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Policies = policy.Book{Named: map[string]policy.Policy{"gold": parsed(t, "daily 02:30; keep=7d")}, Default: "gold"}
	})
	v := r.volume(alpha, 1)
	r.follow()
	r.fill(v.ID, 1)
	r.opts.Policies.Named["gold"] = parsed(t, "daily 02:30; keep=14d")
	r.clock.Add(10 * time.Hour) // 03:00 of the next day
	r.reopen()
	r.follow()
	r.wantMade(v.ID, "11-22T02:30:00Z full")
}

// A backup that is deleted by force while it is made is no success of its run.
func TestForceDeletedBackupFailsItsRun(t *testing.T) {
	outcomes := runs{}
	r := newRig(t, func(o *Options) { o.Observer = outcomes })
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.clock.Add(10 * time.Hour)
	r.policies.Pass(t.Context())
	b := r.backupsOf(v.ID)[0]
	check(t, r.ForceDeleteBackup(t.Context(), admin, b.ID))
	_, err := r.UpdateBackup(t.Context(), alpha, b.ID, driver.BackupPatch{Metadata: driver.Some(map[string]string{"k": "v"})})
	check(t, err)
	r.policies.Pass(t.Context())
	r.follow()
	if outcomes["failed"] != 1 || outcomes["done"] != 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
	if all := r.policyRuns(v.ID); len(all) != 1 || !strings.Contains(all[0].Reason, "deleted before it was complete") {
		t.Errorf("runs: %+v", all)
	}
}

// Gateways go by the clock of the database, whatever their own clocks say.
func TestPoliciesGoByTheClockOfTheDatabase(t *testing.T) {
	g := newGateways(t)[0] // its clock is not that of the database
	v, err := g.CreateVolume(t.Context(), alpha, driver.VolumeSpec{Size: 1, Metadata: map[string]string{
		policy.Key: "hourly :" + time.Now().UTC().Add(-30*time.Minute).Format("04") + "; always"}})
	check(t, err)
	g.follow()
	if all := g.policyRuns(v.ID); len(all) != 0 {
		t.Fatalf("runs: %+v", all[0])
	}
	check(t, g.core.Write(t.Context(), func(tx *meta.Tx) error { // as if it had been set two hours ago
		p, err := tx.Protection(v.ID)
		if err == nil {
			p.Since = tx.Now.Add(-2 * time.Hour)
			err = tx.PutProtection(p)
		}
		return err
	}))
	g.clock.Add(61 * time.Minute)
	g.policies.Pass(t.Context())
	if all := g.policyRuns(v.ID); len(all) != 1 {
		t.Error("the volume was not looked at when its next slot was due")
	}
}

// The gateway that has a volume begins its runs, and another one only if that is late. Jitter does not count.
func TestTheGatewayWithTheVolumeBeginsItsRuns(t *testing.T) {
	all := newGateways(t)
	v, err := all[0].CreateVolume(t.Context(), alpha, driver.VolumeSpec{Size: 1})
	check(t, err)
	all.settle()
	at := all.at(v.ID)
	delay := parsed(t, "daily 00:00; jitter=6h").Delay(v.ID)
	// The run is due now: its slot was before, by what jitter adds.
	text := "daily " + time.Now().UTC().Add(-delay-time.Minute).Format("15:04") + "; jitter=6h; always"
	_, err = all[0].UpdateVolume(t.Context(), alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: map[string]string{policy.Key: text}})})
	check(t, err)
	pass := func(g *rig) {
		g.core.Attention.Call(core.AttentionKey{ProjectID: v.ProjectID, VolumeID: v.ID})
		g.policies.Pass(t.Context())
	}
	pass(at)
	check(t, at.core.Write(t.Context(), func(tx *meta.Tx) error {
		p, err := tx.Protection(v.ID)
		if err == nil {
			p.Since, p.Slot = tx.Now.Add(-24*time.Hour), time.Time{}
			err = tx.PutProtection(p)
		}
		return err
	}))
	for _, g := range all {
		if g != at {
			pass(g)
		}
	}
	if runs := at.policyRuns(v.ID); len(runs) != 0 {
		t.Errorf("another gateway has begun a run that is not late: %+v", runs[0])
	}
	pass(at)
	if runs := at.policyRuns(v.ID); len(runs) != 1 {
		t.Error("the gateway that has the volume has begun no run")
	}
}

// A run ends at once when an admin sets the status of its backup.
func TestResetBackupEndsItsRun(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30")
	r.fill(v.ID, 1)
	r.clock.Add(10 * time.Hour)
	r.policies.Pass(t.Context())
	check(t, r.ResetBackupStatus(t.Context(), admin, r.backupsOf(v.ID)[0].ID, driver.BackupError))
	r.follow()
	if all := r.policyRuns(v.ID); len(all) != 1 || all[0].State != meta.RunFailed || all[0].Reason == "" {
		t.Errorf("runs: %+v", all[0])
	}
}
