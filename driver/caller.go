package driver

// Role is a caller's role in its project. Each role includes those before it.
type Role uint8

// The roles of the Block Storage API's default policy
// (cinder/policies/base.py: the reader, member and admin personas).
const (
	NoRole Role = iota
	Reader
	Member
	Admin
)

// Token is a caller's Keystone token. It prints as [redacted].
type Token string

func (Token) String() string               { return "[redacted]" }
func (Token) GoString() string             { return "[redacted]" }
func (Token) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Caller identifies who makes a request. Drivers show and change only resources of
// ProjectID, unless the caller IsAdmin.
type Caller struct {
	ProjectID, UserID string
	Role              Role
	Token             Token // passed on upstream by remote drivers
	ServiceToken      Token // of a service acting for the caller; passed on with Token; may be ""
	RequestID         string
	Trace             string // traceparent of the request's span (W3C Trace Context); "": none
}

// IsAdmin reports whether the caller may see and change every project's resources.
func (c Caller) IsAdmin() bool { return c.Role == Admin }

// Owns reports whether the caller may see the project's resources.
func (c Caller) Owns(projectID string) bool { return c.IsAdmin() || c.ProjectID == projectID }
