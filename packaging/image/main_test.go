package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// image builds an image of two architectures, and returns the tar file.
func image(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("the content of "+name), 0o600))
		return path
	}
	o := options{
		binaries: map[string]string{"arm64": write("arm64"), "amd64": write("amd64")}, roots: write("roots"), notices: write("notices"),
		version: "v1.2.3", revision: "abc", name: "cindergate:v1.2.3", created: time.Unix(1_700_000_000, 0).UTC(),
		out: filepath.Join(dir, "out.tar"), workspace: t.TempDir(),
	}
	must(t, build(&o))
	return o.out
}

// The same input makes the same bytes.
func TestReproducible(t *testing.T) {
	first, err := os.ReadFile(image(t))
	must(t, err)
	second, err := os.ReadFile(image(t))
	must(t, err)
	if !bytes.Equal(first, second) {
		t.Errorf("%d and %d bytes differ", len(first), len(second))
	}
}

// unpack extracts a tar file.
func unpack(t *testing.T, from io.Reader) (dir string, headers map[string]*tar.Header) {
	t.Helper()
	dir, headers = t.TempDir(), map[string]*tar.Header{}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir, headers
		}
		must(t, err)
		headers[h.Name] = h
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			must(t, os.MkdirAll(path, 0o700))
			continue
		}
		data, err := io.ReadAll(r)
		must(t, err)
		must(t, os.WriteFile(path, data, 0o600))
	}
}

// The file is a valid OCI layout of an index with one image for each architecture.
func TestImage(t *testing.T) {
	f, err := os.Open(image(t))
	must(t, err)
	defer f.Close()
	dir, _ := unpack(t, f)
	index, err := layout.ImageIndexFromPath(dir)
	must(t, err)
	must(t, validate.Index(index))
	top, err := index.IndexManifest()
	must(t, err)
	if len(top.Manifests) != 1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.3" {
		t.Fatalf("%+v", top)
	}
	inner, err := index.ImageIndex(top.Manifests[0].Digest)
	must(t, err)
	manifest, err := inner.IndexManifest()
	must(t, err)
	var architectures []string
	for _, m := range manifest.Manifests {
		architectures = append(architectures, m.Platform.OS+"/"+m.Platform.Architecture)
		img, err := inner.Image(m.Digest)
		must(t, err)
		must(t, validate.Image(img))
		c, err := img.ConfigFile()
		must(t, err)
		want := v1.Config{
			User: "65532:65532", Entrypoint: []string{"/usr/bin/cindergate"}, Cmd: []string{"serve", "--listen", "0.0.0.0:8776"},
			Env: []string{"PATH=/usr/bin", "HOME=/data", "CINDERGATE_DATA=/data"}, WorkingDir: "/data", StopSignal: "SIGTERM",
			ExposedPorts: map[string]struct{}{"8776/tcp": {}}, Volumes: map[string]struct{}{"/data": {}}, Labels: c.Config.Labels,
		}
		if !reflect.DeepEqual(c.Config, want) || c.Architecture != m.Platform.Architecture {
			t.Errorf("%+v", c)
		}
		if l := c.Config.Labels; l["org.opencontainers.image.version"] != "v1.2.3" || l["org.opencontainers.image.revision"] != "abc" ||
			l["org.opencontainers.image.created"] != "2023-11-14T22:13:20Z" || l["org.opencontainers.image.licenses"] != "Apache-2.0" {
			t.Errorf("%v", l)
		}
		layers, err := img.Layers()
		must(t, err)
		content, err := layers[0].Uncompressed()
		must(t, err)
		whole, err := io.ReadAll(content)
		must(t, err)
		if !bytes.HasSuffix(whole, make([]byte, 1024)) {
			t.Error("the layer lacks the end that tar wants") // Go's reader does without
		}
		root, headers := unpack(t, bytes.NewReader(whole))
		for name, text := range map[string]string{
			"usr/bin/cindergate": m.Platform.Architecture, "etc/ssl/certs/ca-certificates.crt": "roots",
			"usr/share/doc/cindergate/third-party-notices": "notices",
		} {
			if data, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(data) != "the content of "+text {
				t.Errorf("%s: %q, %v", name, data, err)
			}
		}
		passwd, _ := os.ReadFile(filepath.Join(root, "etc/passwd"))
		if !strings.Contains(string(passwd), "cindergate:x:65532:65532:") {
			t.Errorf("%s", passwd)
		}
		for name, is := range map[string]string{
			"data/": "65532:65532 750", "tmp/": "0:0 1777", "usr/bin/cindergate": "0:0 755", "etc/passwd": "0:0 644",
		} {
			if h := headers[name]; h == nil || fmt.Sprintf("%d:%d %o", h.Uid, h.Gid, h.Mode) != is {
				t.Errorf("%s is %+v, not %s", name, h, is)
			}
		}
	}
	if strings.Join(architectures, " ") != "linux/amd64 linux/arm64" {
		t.Errorf("%v", architectures)
	}
}

func TestMissingInput(t *testing.T) {
	if err := build(&options{}); err == nil {
		t.Error("no binary is no mistake")
	}
	o := options{binaries: map[string]string{"amd64": filepath.Join(t.TempDir(), "none")}, roots: "/none", out: filepath.Join(t.TempDir(), "out.tar"), workspace: t.TempDir()}
	if err := build(&o); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(o.out); err == nil {
		t.Error("a file was written")
	}
}
