package core

import (
	"regexp"
	"strings"
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func IsUUID(s string) bool { return uuidForm.MatchString(s) }

func LooksLikeID(s string) bool { return len(s) == 36 && strings.Count(s, "-") == 4 }
