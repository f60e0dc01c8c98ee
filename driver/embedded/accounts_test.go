package embedded

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/swift"
)

const betaProject = "beta"

// perUser is a rig whose default store keeps the backups of each project in the project's
// Swift account.
type perUser struct {
	*rig
	keystone *chunktest.Keystone
	logs     *observer.ObservedLogs
}

func perUserStore(t testing.TB, k *chunktest.Keystone) BackupStore {
	t.Helper()
	a, err := swift.NewAccounts(swift.Options{Login: swift.Login{AuthURL: k.URL, User: "gateway", Key: "secret", UserDomain: "default"},
		RenewAfter: time.Nanosecond, Options: quick("own")}, nil)
	check(t, err)
	return BackupStore{Accounts: a}
}

func newPerUser(t *testing.T) *perUser {
	k := chunktest.NewKeystone(t)
	k.Assign("gateway", "secret", "service", "service")
	k.Assign("alice", "a", "alpha", "reader", "member")
	k.Assign("ann", "a", "alpha", "member")
	k.Assign("bob", "b", betaProject, "member")
	k.Assign("root", "r", "admin", "admin", "member")
	logger, logs := observer.New(zap.DebugLevel)
	r := newRig(t, func(o *Options) {
		o.Stores, o.DefaultStore, o.Log = map[string]BackupStore{"own": perUserStore(t, k)}, "own", zap.New(logger)
	})
	return &perUser{r, k, logs}
}

// as returns a caller with a token.
func (p *perUser) as(user, project string) driver.Caller {
	role := driver.Member
	if user == "root" {
		role = driver.Admin
	}
	return driver.Caller{ProjectID: project, UserID: "id-of-" + user, Role: role, Token: driver.Token(p.keystone.Token(user, project, false))}
}

// application returns alice with the token of an application credential.
func (p *perUser) application() driver.Caller {
	who := p.as("alice", "alpha")
	who.Token = driver.Token(p.keystone.Token("alice", "alpha", true))
	return who
}

func (p *perUser) in(project string) []string {
	return objects(p.keystone.Account(project).Server, "volumebackups")
}

// Jobs outlive the token of their caller, and a restart. Each project has its own account.
func TestBackupsInTheAccountOfTheProject(t *testing.T) {
	p := newPerUser(t)
	ctx := t.Context()
	alice := p.as("alice", "alpha")
	v := p.volume(alice, 1)
	p.fill(v.ID, 1)
	first := p.digest(v.ID)
	full := p.backup(alice, driver.BackupSpec{VolumeID: v.ID})
	p.keystone.Revoke() // all tokens, while the job is queued
	p.reopen()
	p.settle()
	p.wantBackup(full.ID, driver.BackupAvailable)
	p.fill(v.ID, 2)
	alice = p.as("alice", "alpha")
	bob, root := p.as("bob", betaProject), p.as("root", "admin")
	more := p.backup(alice, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	p.settle()
	p.wantBackup(more.ID, driver.BackupAvailable)
	if n := len(p.keystone.Trusts()); n != 1 {
		t.Errorf("%d trusts", n)
	}
	if len(p.in("alpha")) == 0 || p.keystone.Account(betaProject).Names("volumebackups") != nil || p.keystone.Account("admin").Names("volumebackups") != nil {
		t.Fatal("the objects are in another account")
	}
	// An admin acts on the backup with the trust of its project.
	for id, digest := range map[string]string{full.ID: first, more.ID: p.digest(v.ID)} {
		restore, err := p.RestoreBackup(ctx, root, id, driver.RestoreTarget{})
		check(t, err)
		p.settle()
		if p.wantVolume(restore.VolumeID, core.Available); p.digest(restore.VolumeID) != digest {
			t.Error("restored bytes differ")
		}
	}
	created, err := p.CreateVolume(ctx, alice, driver.VolumeSpec{BackupID: more.ID})
	check(t, err)
	p.settle()
	if p.wantVolume(created.ID, core.Available); p.digest(created.ID) != p.digest(v.ID) {
		t.Error("the bytes of the volume made of the backup differ")
	}
	want, err := os.ReadFile(p.file(v.ID))
	check(t, err)
	if !bytes.Equal(p.content(more.ID), want) {
		t.Error("the content differs")
	}
	// The other project: a record that names the objects of alpha finds nothing.
	record, err := p.ExportRecord(ctx, root, full.ID)
	check(t, err)
	stolen, err := p.ImportRecord(ctx, bob, edit(t, record, func(f map[string]any) { f["id"] = twinID }))
	check(t, err)
	p.settle()
	p.wantBackup(stolen.ID, driver.BackupError)
	check(t, p.DeleteBackup(ctx, bob, stolen.ID))
	p.settle()
	before := p.in("alpha")
	other := p.volume(bob, 1)
	b := p.backup(bob, driver.BackupSpec{VolumeID: other.ID})
	p.settle()
	p.wantBackup(b.ID, driver.BackupAvailable)
	if !sameNames(before, p.in("alpha")) || len(p.in(betaProject)) == 0 {
		t.Error("a backup of beta changed the account of alpha, or has no objects")
	}
	// A lost row, and an import in place.
	scrubbed := p.scrubbed(ScrubOptions{})
	if len(scrubbed) != 3 || scrubbed[more.ID].Result != ScrubOK || scrubbed[b.ID].Result != ScrubOK {
		t.Errorf("%+v", scrubbed)
	}
	check(t, p.ForceDeleteBackup(ctx, root, more.ID))
	p.settle()
	check(t, p.DeleteBackup(ctx, alice, full.ID))
	p.settle()
	if left := p.in("alpha"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	for _, e := range p.logs.All() {
		for _, f := range e.Context {
			if strings.Contains(f.String, "trust-") || strings.Contains(e.Message, "trust-") {
				t.Errorf("the log has the id of a trust: %s %v", e.Message, f)
			}
		}
	}
}

func sameNames(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// A trust that ends makes jobs fail, and nothing is deleted. The next request of a member
// makes another one.
func TestTrustOfAProjectEnds(t *testing.T) {
	p := newPerUser(t)
	ctx := t.Context()
	v := p.volume(p.as("alice", "alpha"), 1)
	full := p.backup(p.as("alice", "alpha"), driver.BackupSpec{VolumeID: v.ID})
	p.settle()
	lost := p.backup(p.as("alice", "alpha"), driver.BackupSpec{VolumeID: v.ID})
	p.keystone.Assign("alice", "a", "alpha") // she leaves
	p.settle()
	if b := p.wantBackup(lost.ID, driver.BackupError); !strings.Contains(b.FailReason, "Keystone no longer accepts the trust (403)") ||
		!strings.Contains(b.FailReason, "A member of the project who logged in with a password renews the trust") {
		t.Errorf("fail_reason: %s", b.FailReason)
	}
	held := p.in("alpha")
	// An admin cannot make a trust for another project.
	err := p.ForceDeleteBackup(ctx, p.as("root", "admin"), full.ID)
	if driver.KindOf(err) != driver.Forbidden || !strings.Contains(err.Error(), "A member of the project") {
		t.Errorf("%v", err)
	}
	p.wantBackup(full.ID, driver.BackupAvailable)
	for id, r := range p.scrubFails() {
		if r.Result != "" && r.Result != "unreadable" {
			t.Errorf("%s: %+v", id, r)
		}
	}
	p.wantBackup(full.ID, driver.BackupAvailable)
	if !sameNames(held, p.in("alpha")) {
		t.Error("objects are gone")
	}
	for _, id := range []string{lost.ID, full.ID} {
		check(t, p.DeleteBackup(ctx, p.as("ann", "alpha"), id))
		p.settle()
		if _, err := p.GetBackup(ctx, admin, id); driver.KindOf(err) != driver.NotFound {
			t.Errorf("%s is still there: %v", id, err)
		}
	}
	if left := p.in("alpha"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// scrubFails scrubs a store that cannot be read.
func (p *perUser) scrubFails() map[string]Scrubbed {
	p.t.Helper()
	found := map[string]Scrubbed{}
	if err := p.Scrub(p.t.Context(), ScrubOptions{Report: func(s Scrubbed) { found[s.BackupID] = s }}); err == nil {
		p.t.Error("a scrub without a trust reports success")
	}
	return found
}

// An application credential cannot make a trust, and uses one that is there.
func TestTrustAndApplicationCredentials(t *testing.T) {
	p := newPerUser(t)
	ctx := t.Context()
	v := p.volume(p.as("alice", "alpha"), 1)
	_, err := p.CreateBackup(ctx, p.application(), driver.BackupSpec{VolumeID: v.ID})
	if driver.KindOf(err) != driver.Forbidden || !strings.Contains(err.Error(), "an application credential may not make one") {
		t.Fatalf("%v", err)
	}
	p.wantVolume(v.ID, core.Available) // the request changed nothing
	if _, _, err := p.StartUpload(ctx, p.application(), driver.UploadSpec{Size: 1}); driver.KindOf(err) != driver.Forbidden {
		t.Errorf("upload: %v", err)
	}
	// What is wrong with the request itself comes first.
	if _, err := p.CreateBackup(ctx, p.application(), driver.BackupSpec{VolumeID: twinID}); driver.KindOf(err) != driver.NotFound {
		t.Errorf("%v", err)
	}
	p.keystone.SetAway(true)
	if _, err := p.CreateBackup(ctx, p.as("alice", "alpha"), driver.BackupSpec{VolumeID: v.ID}); driver.KindOf(err) != driver.Unavailable {
		t.Errorf("without Keystone: %v", err)
	}
	p.keystone.SetAway(false)
	b := p.backup(p.as("alice", "alpha"), driver.BackupSpec{VolumeID: v.ID})
	p.settle()
	p.wantBackup(b.ID, driver.BackupAvailable)
	b = p.backup(p.application(), driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	p.settle()
	p.wantBackup(b.ID, driver.BackupAvailable)
}

// An upload of content goes to the account, too.
func TestUploadToTheAccountOfTheProject(t *testing.T) {
	p := newPerUser(t)
	ctx, alice := t.Context(), p.as("alice", "alpha")
	b, _, err := p.StartUpload(ctx, alice, driver.UploadSpec{Size: 1})
	check(t, err)
	check(t, p.put(b.ID, 0, noise(1, piece)))
	check(t, p.CommitUpload(ctx, alice, b.ID, piece))
	p.settle()
	p.wantBackup(b.ID, driver.BackupAvailable)
	if len(p.in("alpha")) == 0 {
		t.Error("no objects")
	}
}

// After the database was lost, the trust is found again.
func TestRescueInTheAccountOfAProject(t *testing.T) {
	p := newPerUser(t)
	v := p.volume(p.as("alice", "alpha"), 1)
	b := p.backup(p.as("alice", "alpha"), driver.BackupSpec{VolumeID: v.ID})
	p.settle()
	p.wantBackup(b.ID, driver.BackupAvailable)
	found := anotherRig(t, func(o *Options) { o.Stores = map[string]BackupStore{"own": perUserStore(t, p.keystone)} })
	if err := found.Rescue(t.Context(), Rescue{Store: "own"}); err == nil || !strings.Contains(err.Error(), "Name the project") {
		t.Errorf("%v", err)
	}
	check(t, found.Rescue(t.Context(), Rescue{Store: "own", ProjectID: "alpha"}))
	found.wantBackup(b.ID, driver.BackupAvailable)
	found.restored(b.ID, p.digest(v.ID))
	err := found.Rescue(t.Context(), Rescue{Store: "own", ProjectID: betaProject})
	if err == nil || !strings.Contains(core.ReasonOf(err), "no user of the project has made a trust") {
		t.Errorf("%v", err)
	}
}

// A container that is gone is an error, and never made again.
func TestAccountWithoutItsContainer(t *testing.T) {
	p := newPerUser(t)
	ctx, alice := t.Context(), p.as("alice", "alpha")
	v := p.volume(alice, 1)
	b := p.backup(alice, driver.BackupSpec{VolumeID: v.ID})
	p.settle()
	p.keystone.Account("alpha").Drop("volumebackups")
	p.reopen()
	check(t, p.DeleteBackup(ctx, alice, b.ID))
	p.settle()
	if b := p.wantBackup(b.ID, driver.BackupError); !strings.Contains(b.FailReason, "has no container volumebackups") {
		t.Error(b.FailReason)
	}
	if p.keystone.Account("alpha").Names("volumebackups") != nil {
		t.Error("the container was made again")
	}
}

// More accounts than are kept ready work as well.
func TestManyAccounts(t *testing.T) {
	p := newPerUser(t)
	s := p.core.Stores.Named("own")
	first, err := s.In("p0")
	check(t, err)
	for i := range 300 {
		_, err := s.In("p" + string(rune('0'+i%10)) + strings.Repeat("x", i/10))
		check(t, err)
	}
	again, err := s.In("p0")
	check(t, err)
	if again == first || again.ProjectID != "p0" {
		t.Errorf("the oldest account was kept: %v", again.ProjectID)
	}
	if err := s.Check(t.Context()); err == nil {
		t.Error("the store can be used without an account")
	}
}
