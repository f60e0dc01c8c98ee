package config

// Secret is a text that prints as [redacted]. Beside each setting X of this type, the setting
// X_file may name a file with one line that holds the secret; see [Load].
type Secret string

func (Secret) String() string               { return "[redacted]" }
func (Secret) GoString() string             { return "[redacted]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }
