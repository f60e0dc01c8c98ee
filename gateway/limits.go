package gateway

import (
	"sync"
	"time"

	"cindergate/driver"
)

// busyRetry is when a client may ask again that was refused because too many requests
// are under way.
const busyRetry = time.Second

// underWay counts the requests that backends work on: those whose body is still on its way
// here, or whose answer is on its way to the client, are not among them, unless they are
// streamed. It is safe for concurrent use.
type underWay struct {
	most, perProject int // 0: not bounded

	mu       sync.Mutex
	all      int
	projects map[string]int
}

// errBusy is the cause of a refusal because too many requests are under way.
var errBusy = &busyError{}

type busyError struct{}

func (*busyError) Error() string { return "too many requests under way" }

// enter lets a request of a project through, unless too many are under way. The caller
// must leave.
func (u *underWay) enter(project string) (leave func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.perProject > 0 && u.projects[project] >= u.perProject:
		return nil, &driver.Error{
			Kind: driver.Unavailable, RetryAfter: busyRetry, Err: errBusy,
			Message: "Too many requests of this project are under way.",
		}
	case u.most > 0 && u.all >= u.most:
		return nil, &driver.Error{Kind: driver.Unavailable, RetryAfter: busyRetry, Err: errBusy, Message: "Too many requests are under way."}
	}
	u.all++
	u.projects[project]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.all--
		if u.projects[project]--; u.projects[project] == 0 {
			delete(u.projects, project)
		}
	}, nil
}
