package gateway

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Hook sees a request and may answer it. next passes it on, with the same writer or another one.
// The answer counts as sent once something was written to w.
type Hook func(w http.ResponseWriter, r *http.Request, m Matched, next http.HandlerFunc)

// Matched is what the gateway knows of a request whose caller is known.
type Matched struct {
	Route     string // as in the log: /v3/:project_id/backups/:id; "" if there is none
	ID        string // in the path; "": none
	ProjectID string // of the caller
	UserID    string
	RequestID string
}

// hooked passes requests to the hook.
func (s *Server) hooked(next echo.HandlerFunc) echo.HandlerFunc {
	if s.Hook == nil {
		return next
	}
	return func(c echo.Context) error {
		call, answer := callOf(c), c.Response()
		m := Matched{Route: c.Path(), ID: c.Param("id"), ProjectID: call.caller.ProjectID, UserID: call.caller.UserID, RequestID: call.requestID}
		s.Hook(answer, c.Request(), m, func(w http.ResponseWriter, r *http.Request) {
			if w != http.ResponseWriter(answer) {
				own := answer.Writer
				answer.Writer = w
				defer func() { answer.Writer = own }()
			}
			c.SetRequest(r)
			if err := next(c); err != nil {
				c.Error(err)
			}
		})
		return nil
	}
}
