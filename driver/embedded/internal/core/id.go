package core

import (
	"regexp"
	"strings"
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// IsUUID tells whether s has the form of a UUID.
func IsUUID(s string) bool { return uuidForm.MatchString(s) }

// LooksLikeID tells whether Cinder takes s for an id rather than a name, as far as its
// texts tell.
func LooksLikeID(s string) bool { return len(s) == 36 && strings.Count(s, "-") == 4 }
