package translate

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"cindergate/driver"
)

// recorded is one line of a recording of acceptance/record on a real Cinder.
type recorded struct {
	ID, As  string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response struct {
		Status int
		Body   json.RawMessage
	}
}

// operationOf returns the operation of a recorded path.
func operationOf(method, path string) string {
	for _, route := range []struct{ method, path, operation string }{
		{"POST", `/backups`, "CreateBackup"},
		{"POST", `/backups/import_record`, "ImportRecord"},
		{"PUT", `/backups/[^/]+`, "UpdateBackup"},
		{"POST", `/backups/[^/]+/restore`, "RestoreBackup"},
		{"POST", `/backups/[^/]+/action`, "ActOnBackup"},
		{"POST", `/volumes`, "CreateVolume"},
	} {
		if method == route.method && regexp.MustCompile(`^/v3/\{project\}`+route.path+`$`).MatchString(path) {
			return route.operation
		}
	}
	return ""
}

var placeholder = regexp.MustCompile(`\{[a-z][a-z0-9-]*\}`)

// concrete replaces the placeholders of the recording with real values.
func concrete(text string) string {
	for {
		before, rest, found := strings.Cut(text, `{"!base64": `)
		if !found {
			break
		}
		end, depth := 0, 1
		for ; depth > 0; end++ {
			depth += strings.Count(rest[end:end+1], "{") - strings.Count(rest[end:end+1], "}")
		}
		text = before + `"{base64}"` + rest[end:]
	}
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		if name == "{base64}" {
			return "eyJpZCI6ICJ4In0="
		}
		return someID
	})
}

// TestRecordedSchemaTexts sends bodies that a real Cinder's schemas refused, and expects
// the same error texts.
func TestRecordedSchemaTexts(t *testing.T) {
	text, err := os.ReadFile("../acceptance/record/cinder-v3.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	all := operations(newTranslator(&backend{}))
	tried := 0
	for line := range bytes.Lines(text) {
		var x recorded
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err)
		}
		var fault struct{ BadRequest struct{ Message string } }
		if x.Response.Status != 400 || len(x.Request.Body) == 0 || json.Unmarshal(x.Response.Body, &fault) != nil ||
			!strings.HasPrefix(fault.BadRequest.Message, "Invalid input for field") {
			continue
		}
		operation, ok := all[operationOf(x.Request.Method, x.Request.Path)]
		if !ok {
			t.Errorf("%s: no operation for %s %s", x.ID, x.Request.Method, x.Request.Path)
			continue
		}
		r := request("", root, V3)
		if header, ok := x.Request.Headers["OpenStack-API-Version"]; ok {
			r.Version = must[Version](t)(ParseVersion([]string{header}, driver.MaxMicroversion))
		}
		r.Body = []byte(concrete(string(x.Request.Body)))
		_, err := operation(t.Context(), r)
		tried++
		if want := concrete(fault.BadRequest.Message); err == nil || FaultOf(err).Message != want {
			t.Errorf("%s: %s\n got %v\nwant %s", x.ID, r.Body, err, want)
		}
	}
	if tried < 70 {
		t.Errorf("only %d requests were found", tried)
	}
}
