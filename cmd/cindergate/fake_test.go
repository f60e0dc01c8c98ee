package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v2/volumes"
	"go.yaml.in/yaml/v3"

	"cindergate/config"
)

// The real command serves a real client as its output says, until SIGTERM.
func TestFakeServesUntilTerminated(t *testing.T) {
	for _, dialect := range []string{"otc", "huawei"} {
		t.Run(dialect, func(t *testing.T) {
			binary, err := os.Executable()
			must(t, err)
			cmd := exec.Command(binary, "fake", "otc", "--listen", "127.0.0.1:0", "--dialect", dialect, "--gateway", "http://127.0.0.1:1/")
			cmd.Env = append(os.Environ(), asServer+"=1")
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() }) // by its pid; it has usually ended
			usage := readUsage(t, out)
			url := regexp.MustCompile(`http://\S+`).FindString(usage)
			if !strings.Contains(usage, "dialect "+dialect) {
				t.Errorf("it says %s", usage)
			}
			configures(t, usage)
			if text := cloudsIn(usage); !strings.Contains(text, "auth_url: "+url+"/iam/v3\n") || !strings.Contains(text, "/v3/%(project_id)s\n") {
				t.Errorf("clouds.yaml: %s", text)
			}
			provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
				IdentityEndpoint: url + "/iam/v3", Username: "demo", Password: "demo-secret", TenantName: "demo", DomainID: "default",
			})
			must(t, err)
			evs, err := openstack.NewBlockStorageV2(provider, gophercloud.EndpointOpts{Region: "eu-de"})
			must(t, err)
			pages, err := volumes.List(evs, nil).AllPages(t.Context())
			must(t, err)
			all, err := volumes.ExtractVolumes(pages)
			must(t, err)
			if len(all) != 1 || all[0].Name != "data" || !strings.Contains(usage, all[0].ID) {
				t.Errorf("volumes: %+v", all)
			}
			must(t, cmd.Process.Signal(syscall.SIGTERM))
			_, err = io.Copy(io.Discard, out)
			must(t, err)
			must(t, cmd.Wait())
		})
	}
}

// cloudsIn returns the clouds.yaml in the command's output.
func cloudsIn(usage string) string {
	var text strings.Builder
	for line := range strings.Lines(usage) {
		if kept, found := strings.CutPrefix(line, "#: "); found {
			text.WriteString(kept)
		}
	}
	var document struct {
		Clouds map[string]struct {
			Volumes string `yaml:"block_storage_endpoint_override"`
		}
	}
	if yaml.Unmarshal([]byte(text.String()), &document) != nil || document.Clouds["fake"].Volumes != "http://127.0.0.1:1/v3/%(project_id)s" {
		return ""
	}
	return text.String()
}

// configures checks that the command's output is a valid gateway configuration.
func configures(t *testing.T, usage string) {
	t.Helper()
	for _, driver := range []string{config.DriverCBR, config.DriverVBS} {
		path := filepath.Join(t.TempDir(), "cindergate.yaml")
		must(t, os.WriteFile(path, []byte(strings.Replace(usage, "# backends: {cloud: {driver: "+driver, "backends: {cloud: {driver: "+driver, 1)), 0o600))
		c, err := config.Load(path, nil)
		must(t, err)
		if c.Backends["cloud"].Driver != driver {
			t.Errorf("backends: %+v", c.Backends)
		}
	}
}

// readUsage reads the command's output up to the start of serving.
func readUsage(t *testing.T, out io.Reader) string {
	t.Helper()
	var text strings.Builder
	for piece := make([]byte, 1); !strings.HasSuffix(text.String(), fakeUsageEnd); {
		if _, err := out.Read(piece); err != nil {
			t.Fatalf("%v after %s", err, &text)
		}
		text.Write(piece)
	}
	return text.String()
}

const fakeUsageEnd = "  project: service\n"

func TestFakeRefusesOtherDialects(t *testing.T) {
	if _, err := command("fake", "otc", "--dialect", "gcp", "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "--dialect") {
		t.Errorf("got %v", err)
	}
}
