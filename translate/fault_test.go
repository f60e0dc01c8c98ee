package translate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// documented are the error statuses in the two API references that the gateway follows.
var documented = []int{400, 401, 403, 404, 405, 406, 409, 413, 415, 500, 501, 503}

// want is the expected fault of each kind. It does not reuse the table in fault.go.
var want = map[driver.Kind]Fault{
	driver.InvalidInput: {Status: 400, Name: "badRequest", Message: "said"},
	driver.InvalidState: {Status: 400, Name: "badRequest", Message: "said"},
	driver.Unauthorized: {Status: 401, Name: "unauthorized", Message: "said"},
	driver.Forbidden:    {Status: 403, Name: "forbidden", Message: "said"},
	driver.NotFound:     {Status: 404, Name: "itemNotFound", Message: "said"},
	driver.Conflict:     {Status: 409, Name: "conflictingRequest", Message: "said"},
	driver.Canceled:     {Status: 400, Name: "badRequest", Message: "said"},
	driver.OverLimit:    {Status: 413, Name: "overLimit", Message: "said", RetryAfter: "0"},
	driver.NotSupported: {Status: 501, Name: "notImplemented", Message: "said"},
	driver.Unavailable:  {Status: 503, Name: "serviceUnavailable", Message: "said"},
	driver.Internal:     {Status: 500, Name: "computeFault", Message: InternalText},
}

// secret must not appear in any answer.
const secret = "http://10.0.0.1:8776/v3?token=gAAAA"

// wrappings are the ways in which an error of a kind can arrive.
var wrappings = map[string]func(driver.Kind) error{
	"plain":   func(k driver.Kind) error { return driver.Errorf(k, "said") },
	"caused":  func(k driver.Kind) error { return driver.Wrap(k, errors.New(secret), "said") },
	"wrapped": func(k driver.Kind) error { return fmt.Errorf(secret+": %w", driver.Errorf(k, "said")) },
	"joined":  func(k driver.Kind) error { return errors.Join(errors.New(secret), driver.Errorf(k, "said")) },
	"outermost kind counts": func(k driver.Kind) error {
		return driver.Wrap(k, driver.Errorf(driver.Conflict, secret), "said")
	},
}

func TestFaultOfKinds(t *testing.T) {
	if len(kinds) != len(want) {
		t.Errorf("fault.go has %d kinds, this test %d", len(kinds), len(want))
	}
	for kind, fault := range want {
		for how, wrap := range wrappings {
			if got := FaultOf(wrap(kind)); got != fault {
				t.Errorf("kind %d, %s: got %+v, want %+v", kind, how, got, fault)
			}
		}
	}
}

func TestFaultOfOtherErrors(t *testing.T) {
	internal := Fault{Status: 500, Name: "computeFault", Message: InternalText}
	for _, c := range []struct {
		err  error
		want Fault
	}{
		{errors.New(secret), internal},
		{io.ErrUnexpectedEOF, internal},
		{context.Canceled, internal},
		{fmt.Errorf("call: %w", context.DeadlineExceeded), internal},
		{&driver.Error{}, internal},
		{&UnsupportedVersion{"3.999", driver.MaxMicroversion}, Fault{Status: 406, Name: "computeFault",
			Message: "Version 3.999 is not supported by the API. Minimum is 3.0 and maximum is 3.70."}},
		{UnsupportedMedia(), Fault{Status: 415, Name: "badMediaType", Message: "Unsupported Content-Type"}},
		{&schema.Error{Message: "m"}, Fault{Status: 400, Name: "badRequest", Message: "m"}},
		{&driver.Error{Kind: driver.OverLimit, Message: "m", RetryAfter: 90 * time.Second},
			Fault{Status: 413, Name: "overLimit", Message: "m", RetryAfter: "90"}},
		{&driver.Error{Kind: driver.Unavailable, Message: "m", RetryAfter: 3 * time.Second},
			Fault{Status: 503, Name: "serviceUnavailable", Message: "m", RetryAfter: "3"}},
		{&driver.Error{Kind: driver.Unavailable, Message: "m", RetryAfter: time.Millisecond},
			Fault{Status: 503, Name: "serviceUnavailable", Message: "m", RetryAfter: "1"}},
	} {
		if got := FaultOf(c.err); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.err, got, c.want)
		}
	}
}

// Every operation passes on the backend's error, and nothing else.
func TestEveryOperationFails(t *testing.T) {
	reached := map[string]bool{}
	for kind, fault := range want {
		for how, wrap := range wrappings {
			b := &backend{err: wrap(kind)}
			for name, operation := range operations(newTranslator(b)) {
				before := b.calls.Load()
				_, err := operation(t.Context(), request(name, root, newest))
				if b.calls.Load() == before {
					continue
				}
				reached[name] = true
				if err == nil {
					t.Errorf("%s: %s error of kind %d was lost", name, how, kind)
					continue
				}
				if got := FaultOf(err); got != fault {
					t.Errorf("%s: %s error of kind %d: got %+v, want %+v", name, how, kind, got, fault)
				}
			}
		}
	}
	for _, r := range Routes() {
		asks := r.Needs != nil || r.Own != nil
		if asks && !reached[r.Operation] {
			t.Errorf("%s did not reach the backend: give it a valid body in bodies", r.Operation)
		}
	}
}

// only is a backend without optional interfaces.
type only struct{ driver.Driver }

// For any operation, caller and body, the status is a documented one. If the backend lacks
// an interface, it is 501.
func TestStatusesAreDocumented(t *testing.T) {
	for _, d := range []driver.Driver{&backend{}, &backend{err: errors.New(secret)}, only{&backend{}}} {
		for name, operation := range operations(newTranslator(d)) {
			for _, caller := range []driver.Caller{{}, reader, writer, root} {
				for _, version := range []Version{V2, V3, newest} {
					for _, body := range []string{bodies[name], "", "null", "[]", "{}", `{"x": null}`, "{", `"\ud800"`} {
						r := request(name, caller, version)
						r.Body = []byte(body)
						_, err := operation(t.Context(), r)
						if err == nil {
							continue
						}
						f := FaultOf(err)
						if !slices.Contains(documented, f.Status) {
							t.Errorf("%s: status %d", name, f.Status)
						}
						if strings.Contains(f.Message, secret) {
							t.Errorf("%s tells %q", name, f.Message)
						}
					}
				}
			}
		}
	}
	if _, err := newTranslator(only{&backend{}}).ListVolumes(t.Context(), request("ListVolumes", root, newest)); FaultOf(err).Status != http.StatusNotImplemented {
		t.Errorf("a missing capability is %v", err)
	}
}
