package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// gateways are two consoles with one cloud and one database of sessions, and a load balancer in front of them
// that sends each request to the other one.
type gateways struct {
	*rig
	one, two *rig
}

func newGateways(t *testing.T, url string, change ...func(*Options)) *gateways {
	t.Helper()
	one := newRig(t, append(change, stored(t, url))...)
	two := *one
	two.start(stored(t, url))
	front := *one
	var n atomic.Int64
	front.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 0 {
			two.c.ServeHTTP(w, r)
		} else {
			one.c.ServeHTTP(w, r)
		}
	}))
	return &gateways{&front, one, &two}
}

// gateway is the same browser at the address of one gateway: cookies hold for all ports of a host.
func (b *browser) gateway(r *rig) *browser { return &browser{rig: r, client: b.client, form: b.form} }

// A user who comes to another gateway with each request notices nothing of it.
func TestTwoGateways(t *testing.T) { onShared(t, testTwoGateways) }

func testTwoGateways(t *testing.T, at string) {
	g := newGateways(t, at)
	b := g.login("admin")
	v := b.volume("photos")
	both := func(path string) []string { return []string{b.gateway(g.one).get(path), b.gateway(g.two).get(path)} }
	for _, seen := range both("/ui/api/overview") {
		if !strings.Contains(seen, `"backups_read":0`) {
			t.Errorf("at first: %s", seen)
		}
	}

	// A message comes once, and no gateway shows what it had read before the action.
	id := b.backUp(v, url.Values{"name": {"monday"}})
	for range 3 {
		if page := b.get("/ui/"); strings.Contains(page, "The backup has begun.") {
			t.Error("a message is shown again")
		}
	}
	for _, seen := range both("/ui/api/overview") {
		if !strings.Contains(seen, `"backups_read":1`) {
			t.Errorf("a gateway does not show the backup: %s", seen)
		}
	}

	// What one gateway is told about projects holds at the other one.
	b.get("/ui/")
	b.post("/ui/scope", url.Values{"projects": {"one"}})
	for _, page := range both("/ui/volumes") {
		if strings.Contains(page, "all projects shown") || !strings.Contains(page, `value="all"`) {
			t.Errorf("all projects are shown:\n%s", page)
		}
	}
	b.post("/ui/scope", url.Values{"projects": {"all"}})
	for _, page := range both("/ui/volumes") {
		if !strings.Contains(page, "all projects shown") {
			t.Errorf("not all projects are shown:\n%s", page)
		}
	}

	b.get("/ui/backups/delete?id=" + id)
	b.post("/ui/backups/delete", url.Values{"id": {id}})
	if !strings.Contains(b.page, "1 backup will be deleted.") {
		t.Errorf("the delete:\n%s", b.page)
	}
	g.settle()

	// A form of another session is refused at the other gateway, too.
	form := b.form
	b.post("/ui/scope", url.Values{"form": {g.login("demo").form}})
	if b.status != http.StatusForbidden {
		t.Errorf("a form of another session: %d", b.status)
	}
	token := string(b.session().caller.Token)
	b.post("/ui/logout", url.Values{"form": {form}})
	if b.at != "/ui/login" {
		t.Errorf("after the logout: %s", b.at)
	}
	if _, err := g.caller(t.Context(), token); err == nil {
		t.Error("the token is still valid")
	}
}

// A logout at one gateway ends the session at the other one: for the next request at once, and for a stream
// when it looks again. So does the end of the token.
func TestEndAtBothGateways(t *testing.T) { onShared(t, testEndAtBothGateways) }

func testEndAtBothGateways(t *testing.T, at string) {
	for how, end := range map[string]func(g *gateways, b *browser){
		"logout": func(g *gateways, b *browser) { b.gateway(g.one).post("/ui/logout", url.Values{}) },
		"token": func(g *gateways, b *browser) {
			must(t, g.c.identity.revoke(t.Context(), string(b.session().caller.Token)))
		},
	} {
		waits, told := telling()
		g := newGateways(t, at, told)
		b := g.login("demo")
		cookies := b.client.Jar
		stream := b.gateway(g.two).stream()
		stream.next()
		<-waits
		end(g, b)
		b.client = &http.Client{Jar: cookies}
		must(t, g.env.Clock.Advance(t.Context(), lookSeldom))
		if event, _ := stream.next(); event != "end" {
			t.Errorf("%s: the stream tells %q", how, event)
		}
		for name, r := range map[string]*rig{"one": g.one, "two": g.two} {
			there := b.gateway(r)
			if there.do(http.MethodGet, "/ui/volumes", nil); !strings.HasPrefix(there.at, "/ui/login") {
				t.Errorf("%s: gateway %s is at %s", how, name, there.at)
			}
		}
	}
}

// The bounds of sessions are those of all gateways together.
func TestBoundsOfBothGateways(t *testing.T) { onShared(t, testBoundsOfBothGateways) }

func testBoundsOfBothGateways(t *testing.T, at string) {
	g := newGateways(t, at)
	other := g.two.begin("other", time.Hour)
	var own []string
	for i := range 2 * sessionsOfUser {
		must(t, g.env.Clock.Advance(t.Context(), time.Millisecond))
		own = append(own, []*rig{g.one, g.two}[i%2].begin("greedy", time.Hour))
	}
	for name, r := range map[string]*rig{"one": g.one, "two": g.two} {
		if r.find(other) == nil {
			t.Errorf("gateway %s: the session of somebody else has ended", name)
		}
		for i, id := range own {
			if there := r.find(id) != nil; there != (i >= len(own)-sessionsOfUser) {
				t.Errorf("gateway %s: session %d is there: %t", name, i, there)
			}
		}
	}
}

// Tabs that do something at the same time lose no message, and one of them shows each.
func TestTabsAtOnce(t *testing.T) { onShared(t, testTabsAtOnce) }

func testTabsAtOnce(t *testing.T, at string) {
	g := newGateways(t, at)
	b := g.login("admin")
	const tabs = 8
	var group sync.WaitGroup
	for range tabs {
		tab := &browser{rig: g.rig, form: b.form, client: &http.Client{Jar: b.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
		group.Go(func() {
			tab.post("/ui/backups/restore", url.Values{"id": {"a"}, "to": {"new"}, "name": {" "}})
			tab.post("/ui/scope", url.Values{"projects": {"one"}})
		})
	}
	group.Wait()
	shown := make([]int, tabs)
	for i := range tabs {
		tab := &browser{rig: g.rig, client: b.client}
		group.Go(func() {
			tab.do(http.MethodGet, "/ui/volumes", nil)
			shown[i] = strings.Count(tab.page, "Name the new volume")
		})
	}
	group.Wait()
	if slices.Sort(shown); shown[tabs-1] != tabs || shown[tabs-2] != 0 {
		t.Errorf("%d tabs show so many messages: %v", tabs, shown)
	}
	if page := b.get("/ui/volumes"); strings.Contains(page, "all projects shown") {
		t.Error("the scope is lost")
	}
}

// A page that the script renews takes no message from the page that is for it.
func TestRenewedPagesTakeNoMessages(t *testing.T) {
	r := newRig(t)
	b := r.login("admin")
	follow := b.client.CheckRedirect
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.post("/ui/backups/restore", url.Values{"id": {"a"}, "to": {"new"}, "name": {" "}})
	b.client.CheckRedirect = follow
	if b.do(http.MethodGet, "/ui/volumes", nil, refreshHeader, "1"); b.status != http.StatusOK || strings.Contains(b.page, "Name the new volume") {
		t.Errorf("%d: a renewed page took the message", b.status)
	}
	if page := b.get("/ui/volumes"); !strings.Contains(page, "Name the new volume") {
		t.Error("the message is lost")
	}
}

// ahead is a clock that is wrong.
type ahead struct {
	clockwork.Clock
	by time.Duration
}

func (c ahead) Now() time.Time { return c.Clock.Now().Add(c.by) }

// Clocks that differ by seconds end sessions by as many seconds too early, and let nobody in for longer.
func TestClocksOfGateways(t *testing.T) { onShared(t, testClocksOfGateways) }

func testClocksOfGateways(t *testing.T, at string) {
	g := newGateways(t, at)
	const by = 20 * time.Second
	g.two.start(stored(t, at), func(o *Options) { o.Clock = ahead{o.Clock, by} })
	pass := func(d time.Duration) { must(t, g.env.Clock.Advance(t.Context(), d)) }
	id := g.two.begin("ann", 24*time.Hour) // in the future of the first one
	for range 3 {
		for _, r := range []*rig{g.one, g.two, g.one} {
			s := r.find(id)
			if s == nil {
				t.Fatal("a session that is used has ended")
			}
			r.c.sessions.touch(t.Context(), s)
		}
		pass(idleTime - touchEvery - by - time.Second)
	}
	pass(touchEvery + time.Second)
	if g.two.find(id) != nil {
		t.Error("the clock that is ahead has not ended an idle session")
	}
	if g.one.find(id) == nil {
		t.Error("the session has ended for a clock that is right")
	}
	pass(by)
	if g.one.find(id) != nil {
		t.Error("an idle session has not ended")
	}
}
