package swift_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/swift"
)

// users returns a Keystone with members alice of project a, bob of b, and the store's user.
func users(t *testing.T) *chunktest.Keystone {
	k := chunktest.NewKeystone(t)
	k.Assign("gateway", "secret", "service", "service")
	k.Assign("alice", "a", "a", "reader", "member", "admin")
	k.Assign("bob", "b", "b", "member")
	return k
}

func accounts(t *testing.T, k *chunktest.Keystone, roles ...string) *swift.Accounts {
	t.Helper()
	a, err := swift.NewAccounts(swift.Options{Login: swift.Login{AuthURL: k.URL, User: "gateway", Key: "secret", UserDomain: "default"},
		RenewAfter: time.Nanosecond,
		Options:    object.Options{Name: "own", Pause: time.Millisecond, MaxPause: 4 * time.Millisecond, Budget: 1e6, Patience: 50 * time.Millisecond}}, roles)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func entrust(t *testing.T, k *chunktest.Keystone, a *swift.Accounts, user, project string) string {
	t.Helper()
	id, err := a.Entrust(t.Context(), project, k.Token(user, project, false), "")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func with(id string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return id, nil }
}

func TestAccountConformance(t *testing.T) {
	chunktest.RunBelow(t, "suite", func(t *testing.T) chunk.Store {
		k := users(t)
		a := accounts(t, k)
		k.Account("a").Set("suite", "", nil)
		s := a.Account("a", with(entrust(t, k, a, "alice", "a")))
		if _, err := s.Claim(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// Each account has its own objects, and a trust opens one account only.
func TestAccountsAreApart(t *testing.T) {
	k := users(t)
	a := accounts(t, k)
	trust := entrust(t, k, a, "alice", "a")
	if _, err := a.Account("a", with(trust)).Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if k.Account("a").Names("volumebackups") == nil || k.Account("b").Names("volumebackups") != nil {
		t.Error("the container is in the wrong account")
	}
	other := a.Account("b", with(trust))
	if _, err := other.Claim(t.Context(), "one"); !errors.Is(err, chunk.ErrNoTrust) || !strings.Contains(err.Error(), "the trust is for another project") {
		t.Errorf("the trust of a opened b: %v", err)
	}
	if !other.Untrusted() || k.Account("b").Names("volumebackups") != nil {
		t.Error("the account of b was used")
	}
	if _, err := a.Entrust(t.Context(), "b", k.Token("alice", "a", false), ""); !errors.Is(err, chunk.ErrNoTrust) {
		t.Errorf("a token of a made a trust for b: %v", err)
	}
}

// A token that has ended is replaced; a trust that has ended is an error at once.
func TestTrustEnds(t *testing.T) {
	k := users(t)
	a := accounts(t, k)
	s := a.Account("a", with(entrust(t, k, a, "alice", "a")))
	if _, err := s.Claim(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	k.Revoke()
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("after the token had ended: %v", err)
	}
	k.Assign("alice", "a", "a", "reader")
	fails := func(why string) {
		t.Helper()
		err := s.Check(t.Context())
		var failure *chunk.Failure
		if !errors.Is(err, chunk.ErrNoTrust) || !errors.As(err, &failure) || !s.Untrusted() ||
			!strings.Contains(failure.Text, why) || !strings.Contains(failure.Text, "A member of the project") || strings.Contains(err.Error(), "trust-") {
			t.Errorf("%s: %v", why, err)
		}
	}
	fails("Keystone no longer accepts the trust (403)")
	k.Assign("alice", "a", "a", "member")
	if err := s.Check(t.Context()); err != nil || s.Untrusted() {
		t.Fatalf("after the role came back: %v", err)
	}
	k.DropTrusts()
	fails("Keystone no longer accepts the trust (401)")
	// The same answer of Keystone, but another reason.
	k.Assign("gateway", "changed", "service", "service")
	if err := s.Check(t.Context()); err == nil || errors.Is(err, chunk.ErrNoTrust) || !strings.Contains(err.Error(), "the login was refused") {
		t.Errorf("with a wrong password of the store's user: %v", err)
	}
}

func TestEntrust(t *testing.T) {
	k := users(t)
	a := accounts(t, k)
	first := entrust(t, k, a, "alice", "a")
	second, err := a.Entrust(t.Context(), "a", k.Token("alice", "a", false), first)
	if err != nil || !slices.Equal(k.Trusts(), []string{second}) {
		t.Errorf("the old trust stays: %v %v", k.Trusts(), err)
	}
	if got := k.RolesOf(second); !slices.Equal(got, []string{"member"}) {
		t.Errorf("roles %v", got)
	}
	k.Assign("carol", "c", "a", "reader")
	ended := k.Token("alice", "a", false)
	k.Revoke(ended)
	for want, token := range map[string]string{
		"an application credential may not make one":             k.Token("alice", "a", true),
		"no longer accepts the caller's token (401)":             ended,
		"the caller has none of the roles member, swiftoperator": k.Token("carol", "a", false),
	} {
		if _, err := a.Entrust(t.Context(), "a", token, ""); !errors.Is(err, chunk.ErrNoTrust) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s: %v", want, err)
		}
	}
	k.SetAway(true)
	if _, err := a.Entrust(t.Context(), "a", k.Token("alice", "a", false), ""); err == nil || errors.Is(err, chunk.ErrNoTrust) {
		t.Errorf("with Keystone away: %v", err)
	}
	k.SetAway(false)
	if _, err := accounts(t, k, "operator").Entrust(t.Context(), "a", k.Token("alice", "a", false), ""); !errors.Is(err, chunk.ErrNoTrust) {
		t.Errorf("with other roles: %v", err)
	}
}

func TestFindTrust(t *testing.T) {
	k := users(t)
	a := accounts(t, k)
	entrust(t, k, a, "bob", "b")
	if id, err := a.FindTrust(t.Context(), "a"); err != nil || id != "" {
		t.Errorf("%q %v", id, err)
	}
	k.Assign("gone", "g", "a", "member")
	entrust(t, k, a, "gone", "a")
	k.Assign("gone", "g", "a")
	if id, err := a.FindTrust(t.Context(), "a"); err != nil || id != "" {
		t.Errorf("a trust of a user without a role: %q %v", id, err)
	}
	want := entrust(t, k, a, "alice", "a")
	if id, err := a.FindTrust(t.Context(), "a"); err != nil || id != want {
		t.Errorf("%q %v", id, err)
	}
	findings, err := a.Probe(t.Context())
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0], "logged in as gateway") {
		t.Errorf("%v %v", findings, err)
	}
	k.Assign("gateway", "changed", "service")
	if _, err := a.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "the login was refused") {
		t.Error(err)
	}
}
