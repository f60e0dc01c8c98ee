package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/internal/wire"
)

// wireViews are the pages of requests. They are there only with a record of requests.
var wireViews = []view{
	{"wire", "wire", "wire", "wire", fixed("Wire"), func(q *request) (any, error) { return q.wireList() }, true},
	{"wire/{id}", "wire/{id}", "exchange", "wire", func(v any) string { return v.(*wire.Exchange).Method + " " + v.(*wire.Exchange).Path }, func(q *request) (any, error) { return q.exchange() }, true},
}

// wireFiles are what can be saved of the record of requests.
var wireFiles = map[string]func(*request) error{
	"wire.har": (*request).wireHAR, "wire.jsonl": (*request).wireTranscript, "wire/{id}/curl": (*request).wireCurl,
}

// maxRows is how many requests a page shows.
const maxRows = 200

// wireList is the page of requests.
type wireList struct {
	Filter    wire.Filter      `json:"-"`
	Query     string           `json:"-"` // of the filter, for links
	Exchanges []*wire.Exchange `json:"exchanges"`
	Found     int              `json:"found"` // of which Exchanges are the newest
}

// mayWire lets admins only, as the gateway sees them now: these pages send no request with the token that
// the gateway would refuse.
func (q *request) mayWire() error {
	refused := &fault{http.StatusForbidden, "Only admins see this page."}
	if !q.s.caller.IsAdmin() || q.c.o.Mode == Tenant {
		return refused
	}
	now, err := q.c.o.Caller(q.ctx, string(q.s.caller.Token))
	switch {
	case driver.KindOf(err) == driver.Unauthorized && err != nil:
		return &fault{http.StatusUnauthorized, "The token is not valid any more. Log in again."}
	case err != nil:
		return err
	case !now.IsAdmin():
		return refused
	}
	return nil
}

// wireFilter reads the filter of a page. Who looks at one project sees requests of that one.
func (q *request) wireFilter() (wire.Filter, error) {
	if err := q.mayWire(); err != nil {
		return wire.Filter{}, err
	}
	in := q.r.URL.Query()
	field := func(name string) string { return strings.TrimSpace(in.Get(name)) }
	f := wire.Filter{Project: field("project"), Route: field("route"), Status: field("status"), ID: field("id")}
	if problem := f.Check(); problem != "" {
		return f, &fault{http.StatusBadRequest, problem}
	}
	if !q.wide() {
		f.Project = q.s.caller.ProjectID
	}
	return f, nil
}

func (q *request) wireList() (*wireList, error) {
	f, err := q.wireFilter()
	if err != nil {
		return nil, err
	}
	all := q.c.o.Wire.Find(f)
	query := url.Values{}
	for name, value := range map[string]string{"project": f.Project, "route": f.Route, "status": f.Status, "id": f.ID} {
		if value != "" {
			query.Set(name, value)
		}
	}
	l := &wireList{Filter: f, Exchanges: all[:min(len(all), maxRows)], Found: len(all)}
	if len(query) > 0 {
		l.Query = "?" + query.Encode()
	}
	return l, nil
}

// exchange finds the request of a page.
func (q *request) exchange() (*wire.Exchange, error) {
	if err := q.mayWire(); err != nil {
		return nil, err
	}
	x := q.c.o.Wire.Get(q.r.PathValue("id"))
	if x == nil {
		return nil, &fault{http.StatusNotFound, "The request is not recorded, or not any more: the last ones are kept, in memory."}
	}
	return x, nil
}

// wireCurl answers a command that repeats a request.
func (q *request) wireCurl() error {
	x, err := q.exchange()
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = q.w.Write([]byte(x.Curl())) // if it fails, the browser is gone
	return nil
}

// wireHAR saves the requests of a filter as an HTTP Archive.
func (q *request) wireHAR() error {
	return q.save("har", "application/json", func(all []*wire.Exchange) error { return wire.HAR(q.w, all) })
}

// wireTranscript saves the requests of a filter for replays.
func (q *request) wireTranscript() error {
	return q.save("jsonl", "application/x-ndjson", func(all []*wire.Exchange) error { return wire.Transcript(q.w, all) })
}

func (q *request) save(ending, media string, write func([]*wire.Exchange) error) error {
	f, err := q.wireFilter()
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="cindergate-%s.%s"`, q.c.o.Clock.Now().UTC().Format("20060102T150405Z"), ending))
	_ = write(q.c.o.Wire.Find(f)) // if it fails, the browser is gone
	return nil
}

// lookAtWire tells how many requests there were.
func (q *request) lookAtWire() (name string, told any, wait time.Duration, err error) {
	if err := q.mayWire(); err != nil {
		return "wire", nil, lookSeldom, err
	}
	return "wire", map[string]uint64{"seq": q.c.o.Wire.Seq()}, lookEvery, nil
}

// tookText writes how long a request took.
func tookText(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
