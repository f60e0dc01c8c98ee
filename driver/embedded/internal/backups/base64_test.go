package backups

import (
	"encoding/base64"
	"testing"

	"cindergate/driver"
)

// Base64 is decoded as in Python.
func TestDecodeBase64(t *testing.T) {
	for text, want := range map[string]string{"aGVsbG8=": "hello", "aGVs\nbG8=": "hello", "a-G_Vsb*G8=": "hello", "": "", "???": "", "aGVsbG8==": "hello"} {
		if got, ok := decodeBase64(text); !ok || string(got) != want {
			t.Errorf("%q: %q %v", text, got, ok)
		}
	}
	for _, text := range []string{"aGVsbG8", "a", "aGVsb"} {
		if got, ok := decodeBase64(text); ok {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	if raw := base64.StdEncoding.EncodeToString([]byte("[1]")); true {
		if _, _, _, err := decodeRecord(raw); driver.KindOf(err) != driver.InvalidInput {
			t.Error(err)
		}
	}
}
