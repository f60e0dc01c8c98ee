package translate

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
)

// try runs a route as a caller, with a valid body, and returns its fault.
func try(t *testing.T, r *Route, d driver.Driver, caller driver.Caller, v Version) (f Fault, failed bool) {
	t.Helper()
	_, err := r.Of(newTranslator(d))(t.Context(), request(r.Operation, caller, v))
	if err == nil {
		return Fault{}, false
	}
	return FaultOf(err), true
}

// A route exists from its microversion on. Before, it is 404.
func TestRoutesHaveTheirMicroversion(t *testing.T) {
	gated := 0
	for _, r := range Routes() {
		if r.Since > 0 {
			gated++
			for _, v := range []Version{{3, r.Since - 1}, V2} {
				f, _ := try(t, &r, &backend{}, root, v)
				if v.V2() && r.Operation == "UpdateBackup" { // v2 reads it as an action
					if f.Status != http.StatusBadRequest || !strings.HasPrefix(f.Message, "There is no such action: update.") {
						t.Errorf("%s %s at %s: %+v", r.Method, r.Path, v, f)
					}
					continue
				}
				if f.Status != http.StatusNotFound || f.Message != "The resource could not be found." {
					t.Errorf("%s %s at %s: %+v", r.Method, r.Path, v, f)
				}
			}
		}
		if f, failed := try(t, &r, furnished{&backend{}}, root, Version{3, r.Since}); failed && f.Message == "The resource could not be found." &&
			!strings.HasSuffix(r.Path, "/action") {
			t.Errorf("%s %s at 3.%d: %+v", r.Method, r.Path, r.Since, f)
		}
	}
	if gated < 35 {
		t.Errorf("only %d routes have a microversion", gated)
	}
}

// A route checks its own policy and no other. Actions have policies of their own.
func TestRoutesHaveTheirPolicy(t *testing.T) {
	for _, r := range Routes() {
		if strings.HasSuffix(r.Path, "/action") {
			continue
		}
		for _, caller := range []driver.Caller{reader, writer, root} {
			f, _ := try(t, &r, furnished{&backend{}}, caller, newest)
			refused := f.Status == http.StatusForbidden
			if want := caller.Role < r.Policy.Role; refused != want {
				t.Errorf("%s %s as role %d: %+v, the policy is %+v", r.Method, r.Path, caller.Role, f, r.Policy)
			} else if refused && !strings.Contains(f.Message, " "+r.Policy.Name+" ") {
				t.Errorf("%s %s: %q names another policy than %s", r.Method, r.Path, f.Message, r.Policy.Name)
			}
		}
	}
}

// A driver without the interface that a route needs answers 501.
func TestRoutesNeedTheirInterface(t *testing.T) {
	for _, r := range Routes() {
		f, _ := try(t, &r, only{&backend{}}, root, newest)
		if missing := f.Status == http.StatusNotImplemented; missing != (r.Needs != nil) {
			t.Errorf("%s %s: %+v, needs %v", r.Method, r.Path, f, r.Needs)
		}
	}
}

func TestRoutesAreListedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Routes() {
		key := r.Method + " " + r.Path
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if r.Operation == "" || r.Operation == "func1" || !strings.HasPrefix(r.Path, "/") {
			t.Errorf("%+v has no name or path", r)
		}
	}
	for _, want := range []string{"GET /backups", "POST /backups/:id/restore", "PUT /volumes/:id/metadata/:key", "GET /clusters/detail"} {
		if !seen[want] {
			t.Errorf("%s is not there", want)
		}
	}
	if all := Routes(); len(all) < 140 || !slices.ContainsFunc(all, func(r Route) bool { return r.Operation == "ListBackupsDetail" }) {
		t.Errorf("%d routes", len(all))
	}
}

// Another project's resource is 404 before it is 403. A caller who may not change it does
// not learn that it exists.
func TestOthersResourcesAreUnknownBeforeTheyAreForbidden(t *testing.T) {
	checked := 0
	for _, r := range Routes() {
		if r.Policy.Role != driver.Member || !strings.Contains(r.Path, ":id") || r.Operation == "AcceptTransfer" { // other projects may accept a transfer
			continue
		}
		checked++
		f, _ := try(t, &r, &backend{err: driver.Errorf(driver.NotFound, "It is not there.")}, reader, newest)
		if f.Status != http.StatusNotFound {
			t.Errorf("%s %s: %+v", r.Method, r.Path, f)
		}
	}
	if checked < 20 {
		t.Errorf("only %d routes", checked)
	}
}

// Every listed action exists, from its microversion on, and checks its policy.
func TestActionsAreListed(t *testing.T) {
	routes := map[string]Route{}
	for _, r := range Routes() {
		routes[r.Path] = r
	}
	all := Actions()
	for _, a := range all {
		r, ok := routes[a.Path]
		if !ok {
			t.Errorf("%s is no route", a.Path)
			continue
		}
		act := func(name string, caller driver.Caller, v Version) Fault {
			q := request(r.Operation, caller, v)
			q.Body = []byte(`{"` + name + `": {}}`)
			if _, err := r.Of(newTranslator(furnished{&backend{}}))(t.Context(), q); err != nil {
				return FaultOf(err)
			}
			return Fault{}
		}
		if f := act(a.Name, root, newest); strings.HasPrefix(f.Message, "There is no such action") || (f.Status == http.StatusNotImplemented) != a.Unoffered {
			t.Errorf("%s %s: %+v", a.Path, a.Name, f)
		}
		if f := act(a.Name+"x", root, newest); !strings.HasPrefix(f.Message, "There is no such action") {
			t.Errorf("%s %sx: %+v", a.Path, a.Name, f)
		}
		if a.Since > 0 {
			if f := act(a.Name, root, Version{3, a.Since - 1}); f.Message != "The resource could not be found." {
				t.Errorf("%s %s at 3.%d: %+v", a.Path, a.Name, a.Since-1, f)
			}
		}
		if f := act(a.Name, reader, newest); f.Status == http.StatusForbidden && !strings.Contains(f.Message, " "+a.Policy.Name+" ") {
			t.Errorf("%s %s: %q, want %s", a.Path, a.Name, f.Message, a.Policy.Name)
		}
	}
	if len(all) < 35 {
		t.Errorf("%d actions", len(all))
	}
}
