package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
	"cindergate/translate/vbs"
)

// Inspector records what passes the gateway. It must be safe for concurrent use.
type Inspector interface {
	// Begin is called when a request arrives, with the path that routes see. The request goes on with the
	// writer and the request that it returns. end is called once, when the answer has been sent or has broken
	// off; nil: nobody wants to know.
	Begin(w http.ResponseWriter, r *http.Request, requestID string) (_ http.ResponseWriter, _ *http.Request, end func(Inspected))
}

// Inspected is what the gateway knows of a request at its end.
type Inspected struct {
	Base      string // the URL that the gateway has for this client, without a version
	Route     string // as in the log; "none": no route matched
	Operation string // of package translate, such as CreateBackup; "": none was reached
	Forwarded bool   // the request went to the backend as it is
	Backend   string
	ProjectID string
	UserID    string
	Role      string
	Status    int // as in the log: 499 if the client left
	Took      time.Duration
	Reason    *translate.Reason // why the status is an error; nil: it is none of the gateway's
}

// inspect shows requests to the inspector.
func (s *Server) inspect(next echo.HandlerFunc) echo.HandlerFunc {
	if s.Inspector == nil {
		return next
	}
	return func(c echo.Context) error {
		call, answer := callOf(c), c.Response()
		w, r, end := s.Inspector.Begin(answer.Writer, c.Request(), call.requestID)
		answer.Writer = w
		c.SetRequest(r)
		call.inspected = end
		return next(c)
	}
}

// tellInspector ends what inspect has begun.
func (s *Server) tellInspector(c echo.Context, call *call, route, backend string, status int, took time.Duration) {
	if call.inspected == nil {
		return
	}
	call.inspected(Inspected{
		Base: s.Base(c.Request()), Route: route, Operation: call.operation, Forwarded: call.forwarded, Backend: backend, ProjectID: call.caller.ProjectID,
		UserID: call.caller.UserID, Role: roles[call.caller.Role], Status: status, Took: took, Reason: call.reason,
	})
}

// roles are the names of roles.
var roles = map[driver.Role]string{driver.Reader: "reader", driver.Member: "member", driver.Admin: "admin"}

// explain remembers for the inspector why an answer is an error.
func (s *Server) explain(call *call, err error) {
	if call.inspected == nil {
		return
	}
	var routing *echo.HTTPError
	reason := translate.ReasonOf(err)
	switch {
	case errors.Is(err, errNoRoute), errors.As(err, &routing):
		reason = translate.Reason{Kind: "NoRoute", Status: http.StatusNotFound, Source: "cinder/api/openstack/__init__.py"}
	case errors.Is(err, errTooLarge) && !call.vbs:
		reason = translate.Reason{Kind: "TooLarge", Status: http.StatusRequestEntityTooLarge, Source: "oslo_middleware/sizelimit.py"}
	case call.vbs:
		// VBS has a form of its own, and some statuses.
		reason.Status, reason.Name, reason.Source = vbs.FaultOf(err).Status, "error", "translate/vbs/fault.go"
	}
	call.reason = &reason
}
