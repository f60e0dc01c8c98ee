package core

import (
	"regexp"
	"strings"
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// IsUUID reports whether s has the form of a UUID.
func IsUUID(s string) bool { return uuidForm.MatchString(s) }

// LooksLikeID reports whether Cinder's error texts treat s as an id and not as a name.
func LooksLikeID(s string) bool { return len(s) == 36 && strings.Count(s, "-") == 4 }
