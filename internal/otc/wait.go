package otc

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Wait polls look until it reports done, and returns its error. It retries a failed poll
// unless a retry cannot help, as with an expired token. After Options.IDTimeout the error
// is Unavailable and includes what, such as a job and its id, so that an operator can look
// for the resource.
func (s *Service) Wait(ctx context.Context, what string, look func(context.Context) (done bool, err error)) error {
	bounded, cancel := clockwork.WithTimeout(ctx, s.cloud.http.Clock(), s.cloud.o.IDTimeout)
	defer cancel()
	var last error
	err := openstack.Until(bounded, s.cloud.http.Clock(), s.cloud.o.PollEvery, func(ctx context.Context) (bool, error) {
		done, err := look(ctx)
		if done || err == nil || lasting(err) {
			return done, err
		}
		if ctx.Err() == nil {
			last = err
		}
		return false, nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return driver.Wrap(driver.Canceled, ctx.Err(), "The client left before %s of %s told what it makes.", what, s.kind.Name)
	case ctx.Err() != nil:
		return driver.Wrap(driver.Unavailable, ctx.Err(), "Nobody waited for %s of %s.", what, s.kind.Name)
	case errors.Is(err, context.DeadlineExceeded):
		return driver.Wrap(driver.Unavailable, errors.Join(err, last),
			"%s took the request, but its %s did not tell in time what it makes.", s.kind.Name, what)
	}
	return err
}

// lasting reports whether retrying cannot help.
func lasting(err error) bool {
	switch driver.KindOf(err) {
	case driver.Unauthorized, driver.Forbidden, driver.NotSupported:
		return true
	}
	return false
}

// errJob is the cause of a failure that an answer with a good status reports.
var errJob = errors.New("the work failed")

// Failed returns the error for work of the service, such as a job, that failed with a
// vendor's code and reason. A code that would otherwise be Internal becomes Unavailable:
// the reason is known, and the client must see it.
func (s *Service) Failed(caller driver.Caller, what, code, reason string) error {
	reason = discreet(reason, caller)
	kind := s.kind.codes.kind(http.StatusInternalServerError, fault{code, reason})
	if kind == driver.Internal {
		kind = driver.Unavailable
	}
	return driver.Wrap(kind, &Refusal{Service: s.kind.Name, Status: http.StatusOK, Code: code, Err: errJob}, "%s of %s failed: %s", what, s.kind.Name, Reason(code, reason))
}

// Reason joins a vendor's code and reason into one string.
func Reason(code, reason string) string {
	if told := strings.Trim(code+": "+reason, ": "); told != "" {
		return told
	}
	return "no reason given"
}
