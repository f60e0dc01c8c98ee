package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/internal/move"
)

// An address or a file of keys that cannot be used is refused at once, by name.
func TestS3(t *testing.T) {
	for _, address := range []string{"", "s3.example.org", "ftp://s3.example.org", "https://s3.example.org/bucket", "https://s3.example.org?profile=x", "https://s3.example.org?region=a&x"} {
		if _, err := ParseS3(address); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
	o, err := ParseS3("https://s3.example.org:9000?region=eu-1")
	if err != nil || o.Endpoint != "https://s3.example.org:9000" || o.Region != "eu-1" {
		t.Error(o, err)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	problem := func() string {
		east := &Cloud{Name: "east"}
		if err := east.UseS3("https://s3.example.org"); err != nil {
			t.Fatal(err)
		}
		var as move.Assessment
		if east.AssessObjects(t.Context(), &as) != (len(as.Problems) == 0) {
			t.Error(as.Problems)
		}
		return strings.Join(as.Problems, "")
	}
	for text, ok := range map[string]bool{
		"[west]\naws_access_key_id = k\naws_secret_access_key = s\n": false,
		"[east]\naws_access_key_id = k\n":                            false,
		"[east]\naws_access_key_id = k\naws_secret_access_key = s\n": true,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if problem := problem(); (problem == "") != ok || !ok && !strings.Contains(problem, "[east]") {
			t.Errorf("%s: %s", text, problem)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if problem := problem(); !strings.Contains(problem, "no such file") {
		t.Error(problem)
	}
}
