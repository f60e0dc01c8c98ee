package gateway

import (
	"sync"
	"time"

	"cindergate/driver"
)

// busyRetry is the Retry-After of a request that is refused because too many are in
// progress.
const busyRetry = time.Second

// underWay counts the requests that backends work on. A request does not count while its
// body is still arriving or its answer is on its way to the client, unless it is streamed.
// It is safe for concurrent use.
type underWay struct {
	most, perProject int // 0: no limit

	mu       sync.Mutex
	all      int
	projects map[string]int
}

// errBusy is the cause of refusing a request because too many are in progress.
var errBusy = &busyError{}

type busyError struct{}

func (*busyError) Error() string { return "too many requests under way" }

// enter counts a request of a project, or refuses it if too many are in progress. The
// caller must call leave.
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
