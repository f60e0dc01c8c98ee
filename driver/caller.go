package driver

// Role is what a caller may do in its project; each includes those before it.
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

// Caller is who asks. Drivers restrict what they show and change to ProjectID,
// unless the caller IsAdmin.
type Caller struct {
	ProjectID, UserID string
	Role              Role
	Token             Token // passed on upstream by remote drivers
	ServiceToken      Token // of the service that asks for the caller, passed on with it; may be ""
	RequestID         string
}

// IsAdmin tells whether the caller may see and change every project's resources.
func (c Caller) IsAdmin() bool { return c.Role == Admin }

// Owns tells whether the caller may see a resource of the project.
func (c Caller) Owns(projectID string) bool { return c.IsAdmin() || c.ProjectID == projectID }
