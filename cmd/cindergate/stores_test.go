package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/dir"
	"cindergate/internal/filelock/locktest"
)

// config check --online tries every store, says what each lacks, and prints no secret.
func TestCheckStoresOnline(t *testing.T) {
	s3, swift := chunktest.NewS3(t), chunktest.NewSwift(t)
	s3.Set("volumebackups", "", nil)
	swift.Set("cold", "", nil)
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(chunktest.SwiftKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cindergate.yaml")
	text := `
data: ` + dir + `
stores:
  archive: {driver: s3, s3: {endpoint: "` + s3.URL + `", access_key: ` + chunktest.S3Key + `, secret_key: ` + chunktest.S3Secret + `}}
  cold: {driver: swift, swift: {auth_url: "` + swift.URL + `", auth_version: 1, user: "` + chunktest.SwiftUser + `", key_file: "` + key + `", container: cold}}
  disk: {driver: dir, dir: {path: "` + dir + `"}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) {
		var out bytes.Buffer
		cmd := checkCommand()
		cmd.SetArgs([]string{"--config", file, "--online"})
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SilenceUsage = true
		err := cmd.ExecuteContext(t.Context())
		text := out.String()
		if err != nil {
			text += err.Error()
		}
		for _, secret := range []string{chunktest.S3Secret, chunktest.SwiftKey} {
			if strings.Contains(text, secret) {
				t.Errorf("a secret in %s", text)
			}
		}
		return text, err
	}
	out, err := run()
	if err != nil {
		t.Fatal(out, err)
	}
	for _, line := range []string{"store archive: a probe in container volumebackups was written, read, listed and deleted",
		"store cold: a probe in container cold was written, read, listed and deleted", "store disk: a file in"} {
		if !strings.Contains(out, line) {
			t.Errorf("%s\nlacks %s", out, line)
		}
	}
	s3.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	swift.Drop("cold")
	out, err = run()
	if err == nil || !strings.Contains(out, "store archive: Backup store archive refused to write in container volumebackups: it answered 403 AccessDenied. It takes the permission s3:PutObject.") ||
		!strings.Contains(out, "store cold: Backup store cold has no container cold") {
		t.Errorf("%s\n%v", out, err)
	}
}

// The check of a directory passes while a gateway opens the store.
func TestProbeDirWhileAGatewayStarts(t *testing.T) {
	root := t.TempDir()
	locktest.Beside(t, func() error {
		other, err := dir.Open(root)
		if err != nil {
			return err
		}
		return other.Close()
	})
	for range 1000 {
		if _, err := probeDir(root); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := probeDir(filepath.Join(root, "missing")); err == nil {
		t.Error("a directory that is not there was written to")
	}
}
