// Command image makes a container image of the program, for several architectures, as an OCI
// layout in a tar file. It needs neither a daemon nor a registry, and the same input makes the
// same bytes. It is a module of its own, so that the program does not depend on what it uses.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is the number of the user and the group that the program runs as.
const user = 65532

// options describe one image.
type options struct {
	binaries  map[string]string // path of the program by architecture
	roots     string            // PEM file of the certificates to trust
	notices   string            // file of the licences
	version   string
	revision  string // commit
	source    string // URL of the repository; may be ""
	name      string // repository and tag
	created   time.Time
	out       string
	workspace string // an empty directory
}

func main() {
	o := options{binaries: map[string]string{}}
	flag.Func("binary", "`ARCH=FILE` of a static program for Linux; may be repeated", func(text string) error {
		arch, path, found := strings.Cut(text, "=")
		if !found || arch == "" || path == "" {
			return errors.New("it is not ARCH=FILE")
		}
		o.binaries[arch] = path
		return nil
	})
	flag.StringVar(&o.roots, "roots", "/etc/ssl/certs/ca-certificates.crt", "PEM `file` of the certificates to trust")
	flag.StringVar(&o.notices, "notices", "", "`file` of the licences of the modules")
	flag.StringVar(&o.version, "version", "devel", "version of the program")
	flag.StringVar(&o.revision, "revision", "", "commit of the program")
	flag.StringVar(&o.source, "source", "", "URL of the repository")
	flag.StringVar(&o.name, "name", "cindergate:devel", "name of the image, `REPOSITORY:TAG`")
	created := flag.Int64("created", 0, "time of the image and of all its files, in `seconds` since 1970")
	flag.StringVar(&o.out, "out", "cindergate-image.tar", "tar `file` to write")
	flag.Parse()
	o.created = time.Unix(*created, 0).UTC()
	var err error
	if o.workspace, err = os.MkdirTemp(filepath.Dir(o.out), ".image-"); err == nil {
		err = errors.Join(build(&o), os.RemoveAll(o.workspace))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// build writes the tar file.
func build(o *options) error {
	if len(o.binaries) == 0 {
		return errors.New("at least one -binary is needed")
	}
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range slices.Sorted(maps.Keys(o.binaries)) {
		image, err := imageOf(o, arch)
		if err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	path, err := layout.Write(o.workspace, empty.Index)
	if err != nil {
		return err
	}
	_, tag, _ := strings.Cut(o.name, ":")
	err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag,                           // podman, skopeo
		"io.containerd.image.name":          "docker.io/library/" + o.name, // docker load
	}))
	if err != nil {
		return err
	}
	return pack(o)
}

// imageOf makes the image of one architecture.
func imageOf(o *options, arch string) (v1.Image, error) {
	content, err := files(o, arch)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), mutate.Addendum{
		Layer: layer, History: v1.History{CreatedBy: "packaging/image", Created: v1.Time{Time: o.created}},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: o.created}
	config.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", user, user),
		Entrypoint: []string{"/usr/bin/cindergate"},
		// A container's loopback is its own: the default of listen would reach nobody.
		Cmd:          []string{"serve", "--listen", "0.0.0.0:8776"},
		Env:          []string{"PATH=/usr/bin", "HOME=/data", "CINDERGATE_DATA=/data"},
		WorkingDir:   "/data",
		ExposedPorts: map[string]struct{}{"8776/tcp": {}},
		Volumes:      map[string]struct{}{"/data": {}},
		StopSignal:   "SIGTERM",
		Labels:       map[string]string{},
	}
	for key, value := range map[string]string{
		"title": "Cindergate", "description": "OpenStack Cinder-compatible backup gateway", "licenses": "Apache-2.0",
		"version": o.version, "revision": o.revision, "source": o.source, "created": o.created.Format(time.RFC3339),
	} {
		if value != "" {
			config.Config.Labels["org.opencontainers.image."+key] = value
		}
	}
	return mutate.ConfigFile(image, config)
}

// files returns the tar of the image's files.
func files(o *options, arch string) ([]byte, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	var problem error
	put := func(h tar.Header, data []byte) {
		h.ModTime, h.Size, h.Format = o.created, int64(len(data)), tar.FormatPAX
		if problem = errors.Join(problem, w.WriteHeader(&h)); problem == nil {
			_, problem = w.Write(data)
		}
	}
	dir := func(name string, mode int64, owner int) {
		put(tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: owner, Gid: owner}, nil)
	}
	file := func(name string, mode int64, data []byte) {
		put(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
	}
	copied := func(name string, mode int64, from string) {
		data, err := os.ReadFile(from) // #nosec G304 -- the caller names it
		if problem = errors.Join(problem, err); err == nil {
			file(name, mode, data)
		}
	}
	dir("data/", 0o750, user)
	dir("etc/", 0o755, 0)
	file("etc/passwd", 0o644, fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\ncindergate:x:%d:%d:Cindergate:/data:/sbin/nologin\n", user, user))
	file("etc/group", 0o644, fmt.Appendf(nil, "root:x:0:\ncindergate:x:%d:\n", user))
	dir("etc/ssl/", 0o755, 0)
	dir("etc/ssl/certs/", 0o755, 0)
	copied("etc/ssl/certs/ca-certificates.crt", 0o644, o.roots)
	dir("tmp/", 0o1777, 0)
	dir("usr/", 0o755, 0)
	dir("usr/bin/", 0o755, 0)
	copied("usr/bin/cindergate", 0o755, o.binaries[arch])
	if o.notices != "" {
		dir("usr/share/", 0o755, 0)
		dir("usr/share/doc/", 0o755, 0)
		dir("usr/share/doc/cindergate/", 0o755, 0)
		copied("usr/share/doc/cindergate/third-party-notices", 0o644, o.notices)
	}
	if problem = errors.Join(problem, w.Close()); problem != nil { // Close writes the end
		return nil, problem
	}
	return content.Bytes(), nil
}

// pack writes the layout in the workspace to the tar file.
func pack(o *options) error {
	out, err := os.Create(o.out + ".tmp")
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	err = filepath.WalkDir(o.workspace, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(o.workspace, path)
		if err != nil || name == "." {
			return err
		}
		if d.IsDir() {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: filepath.ToSlash(name) + "/", Mode: 0o755, ModTime: o.created, Format: tar.FormatPAX})
		}
		data, err := os.ReadFile(path) // #nosec G304 -- below the workspace
		if err != nil {
			return err
		}
		h := tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(data)), ModTime: o.created, Format: tar.FormatPAX}
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err := errors.Join(err, w.Close(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(o.out+".tmp"))
	}
	return os.Rename(o.out+".tmp", o.out)
}
