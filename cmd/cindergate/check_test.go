package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/internal/otcfake"
)

// config check --online logs in to the cloud and reports what it finds.
func TestCheckOnlineOfVBSAndCBR(t *testing.T) {
	cloud := httptest.NewServer(otcfake.New(otcfake.Options{Quotas: map[string]int{"backups": 20}}))
	defer cloud.Close()
	var text bytes.Buffer
	must(t, explainFake(&text, otcfake.OTC, cloud.URL, "http://127.0.0.1:8776", otcfake.Project{}, "", ""))
	check := func(driver, settings string) (string, error) {
		path := filepath.Join(t.TempDir(), "cindergate.yaml")
		must(t, os.WriteFile(path, []byte(text.String()+"data: /d\nbackends: {far: {driver: "+driver+", "+driver+": {"+settings+"}}}\n"), 0o600))
		return command("config", "check", "--online", "--config", path)
	}
	out, err := check("vbs", "region: eu-de")
	must(t, err)
	for _, want := range []string{
		"keystone: logged in as gateway, and validated a token\n", "far: VBS is at " + cloud.URL + "/vbs\n", "far: EVS is at " + cloud.URL + "/evs\n",
		"far: quota of backups: 0 of 20 in use\n", "far: restore_volume_type is not set",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nlacks %s", out, want)
		}
	}
	if out, err := check("vbs", "region: eu-nl"); err == nil || !strings.Contains(err.Error(), "far: The catalogue of backend far has no VBS in region eu-nl.") {
		t.Errorf("%s%v", out, err)
	}
	if out, err := check("vbs", "url: '"+cloud.URL+"/nothing', evs_url: none"); err == nil || !strings.Contains(err.Error(), "far: list backups by v2: ") {
		t.Errorf("%s%v", out, err)
	}
	out, err = check("cbr", "region: eu-de, vault: backups")
	must(t, err)
	for _, want := range []string{
		"far: CBR is at " + cloud.URL + "/cbr\n", "far: EVS is at " + cloud.URL + "/evs\n", "far: vault backups is not in the project of who asks",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nlacks %s", out, want)
		}
	}
}
