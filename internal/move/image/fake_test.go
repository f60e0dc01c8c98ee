package image_test

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/internal/move/cloud"
)

// fake is a cloud with Keystone, Cinder and Glance, as far as the path uses them. It answers as
// their sources do: cinder/api/contrib/volume_actions.py, cinder/volume/manager.py
// (copy_volume_to_image), glance/api/v2/images.py and image_data.py. The bytes of a volume of 1
// GiB are fewer.
type fake struct {
	name    string
	url     string
	mu      sync.Mutex
	next    int
	volumes map[string]*fakeVolume
	snaps   map[string]*fakeSnapshot
	images  map[string]*fakeImage

	// What a test changes.
	noRanges      bool                        // the store has none: 400, as StoreRandomGetNotSupported
	ignoreRanges  bool                        // a proxy answers ranges with the whole
	breakDownload int                         // the next download breaks off after as many bytes
	breakUpload   int                         // the same of an upload
	quota         int                         // bytes of an image; more: 413
	kill          bool                        // an upload ends in the status killed
	flipUpload    bool                        // Glance stores other bytes
	flipDownload  bool                        // and sends other bytes
	flipVolume    bool                        // Cinder makes a volume with other bytes
	cinderFails   bool                        // Cinder's own upload: it deletes the image
	clones        bool                        // volumes are clones of images, as with Ceph
	hashes        string                      // "": SHA-512 and MD5; "md5", "none"
	usage         map[string]map[string]int64 // of /v2/info/usage; nil: 404
	forbidden     bool                        // the role may make no volumes
	noGlance      bool                        // none in the catalogue
	served        int                         // bytes of images that were sent
	uploads       int
}

type fakeVolume struct {
	id, name, description, status, image string
	metadata, imageMetadata              map[string]string
	bootable, attached, encrypted        bool
	data                                 []byte
	then                                 func() // called when the volume was looked at
}

type fakeSnapshot struct {
	id, name, volume, status string
	data                     []byte
}

type fakeImage struct {
	id, name, status string
	data             []byte
	md5, sha512      string
}

func newFake(t *testing.T, name string) *fake {
	t.Helper()
	f := &fake{name: name, volumes: map[string]*fakeVolume{}, snaps: map[string]*fakeSnapshot{}, images: map[string]*fakeImage{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", f.login)
	mux.HandleFunc("GET /volume/v3/{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"versions": []any{map[string]any{"id": "v3.0", "status": "CURRENT", "version": "3.60", "min_version": "3.0"}}})
	})
	cinder := func(pattern string, h func(r *http.Request, body map[string]any) (int, any)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /volume/v3/p"+path, f.locked(h))
	}
	cinder("GET /types", func(*http.Request, map[string]any) (int, any) {
		return 200, map[string]any{"volume_types": []any{map[string]any{"id": "t", "name": "fast"}}}
	})
	cinder("GET /os-availability-zone", func(*http.Request, map[string]any) (int, any) {
		return 200, map[string]any{"availabilityZoneInfo": []any{map[string]any{"zoneName": "nova", "zoneState": map[string]any{"available": true}}}}
	})
	cinder("GET /limits", func(*http.Request, map[string]any) (int, any) {
		return 200, map[string]any{"limits": map[string]any{"absolute": map[string]any{"maxTotalVolumes": 10, "maxTotalVolumeGigabytes": 1000, "maxTotalSnapshots": 10, "maxTotalBackups": 10}}}
	})
	cinder("GET /backups/detail", func(*http.Request, map[string]any) (int, any) { return 200, map[string]any{"backups": []any{}} })
	cinder("GET /volumes/detail", f.listVolumes)
	cinder("POST /volumes", f.makeVolume)
	cinder("GET /volumes/{id}", f.showVolume)
	cinder("PUT /volumes/{id}", f.updateVolume)
	cinder("DELETE /volumes/{id}", f.deleteVolume)
	cinder("POST /volumes/{id}/action", f.action)
	cinder("GET /snapshots/detail", f.listSnapshots)
	cinder("POST /snapshots", f.makeSnapshot)
	cinder("GET /snapshots/{id}", f.showSnapshot)
	cinder("DELETE /snapshots/{id}", f.deleteSnapshot)
	glance := func(pattern string, h func(r *http.Request, body map[string]any) (int, any)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /image/v2"+path, f.locked(h))
	}
	mux.HandleFunc("GET /image/{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 300, map[string]any{"versions": []any{map[string]any{"id": "v2.15", "status": "CURRENT"}}})
	})
	glance("GET /schemas/image", func(*http.Request, map[string]any) (int, any) { return 200, map[string]any{"name": "image"} })
	glance("GET /info/usage", func(*http.Request, map[string]any) (int, any) {
		if f.usage == nil {
			return 404, nil
		}
		return 200, map[string]any{"usage": f.usage}
	})
	glance("GET /images", f.listImages)
	glance("POST /images", f.makeImage)
	glance("GET /images/{id}", f.showImage)
	glance("PATCH /images/{id}", f.patchImage)
	glance("DELETE /images/{id}", f.deleteImage)
	mux.HandleFunc("PUT /image/v2/images/{id}/file", f.upload)
	mux.HandleFunc("GET /image/v2/images/{id}/file", f.download)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v3/auth/tokens" && r.Header.Get("X-Auth-Token") == "" {
			t.Errorf("%s %s without a token", r.Method, r.URL)
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			t.Errorf("%s: %s %s is not known", name, r.Method, r.URL)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

// logins writes a clouds.yaml with the clouds.
func logins(t *testing.T, all ...*fake) {
	t.Helper()
	text := "clouds:\n"
	for _, f := range all {
		text += fmt.Sprintf("  %s: {auth: {auth_url: %q, username: u, password: p, project_name: p, user_domain_name: d, project_domain_name: d}, region_name: R}\n", f.name, f.url+"/v3")
	}
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
}

func (f *fake) open(t *testing.T) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Login(t.Context(), f.name)
	if err != nil {
		t.Fatal(err)
	}
	c.Poll = time.Millisecond
	return c
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func (f *fake) login(w http.ResponseWriter, _ *http.Request) {
	entry := func(kind, path string) any {
		return map[string]any{"type": kind, "name": kind, "id": kind, "endpoints": []any{map[string]any{"interface": "public", "region": "R", "region_id": "R", "id": kind, "url": f.url + path}}}
	}
	catalog := []any{entry("block-storage", "/volume/v3/p")}
	if !f.noGlance {
		catalog = append(catalog, entry("image", "/image"))
	}
	w.Header().Set("X-Subject-Token", "token")
	answer(w, 201, map[string]any{"token": map[string]any{"expires_at": "2099-01-01T00:00:00.000000Z", "catalog": catalog,
		"project": map[string]any{"id": "p", "name": "p"}, "roles": []any{map[string]any{"id": "m", "name": "member"}}}})
}

func (f *fake) locked(h func(r *http.Request, body map[string]any) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if r.Method == http.MethodPatch {
			var list []map[string]any
			_ = json.NewDecoder(r.Body).Decode(&list)
			body = list[0]
		} else if r.Body != nil {
			_ = json.NewDecoder(r.Body).Decode(&body)
		}
		f.mu.Lock()
		code, out := h(r, body)
		f.mu.Unlock()
		if code >= 400 && out == nil {
			out = map[string]any{"error": map[string]any{"code": code, "message": http.StatusText(code)}}
		}
		answer(w, code, out)
	}
}

func (f *fake) id() string {
	f.next++
	return fmt.Sprintf("%s-%d", f.name, f.next)
}

// ---- Cinder

func (v *fakeVolume) show() map[string]any {
	attachments := []any{}
	if v.attached {
		attachments = append(attachments, map[string]any{"id": "a"})
	}
	m := map[string]any{"id": v.id, "name": v.name, "description": v.description, "status": v.status, "size": 1, "volume_type": "fast", "availability_zone": "nova",
		"metadata": v.metadata, "bootable": fmt.Sprint(v.bootable), "encrypted": v.encrypted, "attachments": attachments}
	if len(v.imageMetadata) > 0 {
		m["volume_image_metadata"] = v.imageMetadata
	}
	return m
}

func (f *fake) listVolumes(r *http.Request, _ map[string]any) (int, any) {
	all := []any{}
	for _, v := range f.volumes {
		if name := r.URL.Query().Get("name"); name == "" || name == v.name {
			all = append(all, v.show())
		}
	}
	return 200, map[string]any{"volumes": all}
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func (f *fake) makeVolume(_ *http.Request, body map[string]any) (int, any) {
	if f.forbidden {
		return 403, nil
	}
	in, _ := body["volume"].(map[string]any)
	v := &fakeVolume{name: text(in, "name"), status: "creating", metadata: map[string]string{}}
	if ref := text(in, "imageRef"); ref != "" {
		i, ok := f.images[ref]
		if !ok {
			return 404, nil
		}
		v.data, v.bootable, v.image = slices.Clone(i.data), true, ref
		v.imageMetadata = map[string]string{"image_id": ref, "image_name": i.name, "disk_format": "raw", "signature_verified": "False"}
		if f.flipVolume {
			v.data[len(v.data)/2] ^= 1
		}
	}
	if ref := text(in, "snapshot_id"); ref != "" {
		s, ok := f.snaps[ref]
		if !ok {
			return 404, nil
		}
		v.data = slices.Clone(s.data)
	}
	v.then = func() { v.status = "available" }
	v.id = f.id()
	f.volumes[v.id] = v
	return 202, map[string]any{"volume": v.show()}
}

func (f *fake) showVolume(r *http.Request, _ map[string]any) (int, any) {
	v, ok := f.volumes[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	out := map[string]any{"volume": v.show()}
	if then := v.then; then != nil {
		v.then = nil
		then()
	}
	return 200, out
}

func texts(v any) map[string]string {
	out := map[string]string{}
	m, _ := v.(map[string]any)
	for k, s := range m {
		out[k] = fmt.Sprint(s)
	}
	return out
}

func (f *fake) updateVolume(r *http.Request, body map[string]any) (int, any) {
	v, ok := f.volumes[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	in, _ := body["volume"].(map[string]any)
	v.name, v.description, v.metadata = text(in, "name"), text(in, "description"), texts(in["metadata"])
	return 200, map[string]any{"volume": v.show()}
}

func (f *fake) deleteVolume(r *http.Request, _ map[string]any) (int, any) {
	v, ok := f.volumes[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	if v.status != "available" && v.status != "error" {
		return 400, nil
	}
	v.status = "deleting"
	v.then = func() { delete(f.volumes, v.id) }
	return 202, nil
}

func (f *fake) action(r *http.Request, body map[string]any) (int, any) {
	v, ok := f.volumes[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	if in, ok := body["os-set_bootable"].(map[string]any); ok {
		v.bootable, _ = in["bootable"].(bool)
		return 200, nil
	}
	if in, ok := body["os-set_image_metadata"].(map[string]any); ok {
		if v.imageMetadata == nil {
			v.imageMetadata = map[string]string{}
		}
		maps.Copy(v.imageMetadata, texts(in["metadata"]))
		return 200, map[string]any{"metadata": v.imageMetadata}
	}
	if in, ok := body["os-unset_image_metadata"].(map[string]any); ok {
		delete(v.imageMetadata, text(in, "key"))
		return 200, nil
	}
	in, ok := body["os-volume_upload_image"].(map[string]any)
	if !ok {
		return 400, nil
	}
	if v.status != "available" { // force is ignored unless enable_force_upload is set
		return 400, map[string]any{"badRequest": map[string]any{"code": 400, "message": "Volume " + v.id + " status must be available"}}
	}
	if text(in, "disk_format") != "raw" || text(in, "container_format") != "bare" {
		return 400, nil
	}
	i := &fakeImage{id: f.id(), name: text(in, "image_name"), status: "queued"}
	f.images[i.id] = i
	v.status = "uploading"
	v.then = func() {
		i.status = "saving"
		v.then = func() {
			v.status = "available"
			if f.cinderFails {
				delete(f.images, i.id)
				return
			}
			f.store(i, slices.Clone(v.data))
		}
	}
	return 202, map[string]any{"os-volume_upload_image": map[string]any{"id": v.id, "image_id": i.id, "status": "uploading"}}
}

func (s *fakeSnapshot) show() map[string]any {
	return map[string]any{"id": s.id, "name": s.name, "status": s.status, "volume_id": s.volume, "size": 1}
}

func (f *fake) listSnapshots(*http.Request, map[string]any) (int, any) {
	all := []any{}
	for _, s := range f.snaps {
		all = append(all, s.show())
	}
	return 200, map[string]any{"snapshots": all}
}

func (f *fake) makeSnapshot(_ *http.Request, body map[string]any) (int, any) {
	in, _ := body["snapshot"].(map[string]any)
	v, ok := f.volumes[text(in, "volume_id")]
	if !ok {
		return 404, nil
	}
	if force, _ := in["force"].(bool); v.status != "available" && !force {
		return 400, nil
	}
	s := &fakeSnapshot{id: f.id(), name: text(in, "name"), volume: v.id, status: "creating", data: slices.Clone(v.data)}
	f.snaps[s.id] = s
	return 202, map[string]any{"snapshot": s.show()}
}

func (f *fake) showSnapshot(r *http.Request, _ map[string]any) (int, any) {
	s, ok := f.snaps[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	out := map[string]any{"snapshot": s.show()}
	switch s.status {
	case "creating":
		s.status = "available"
	case "deleting":
		delete(f.snaps, s.id)
	}
	return 200, out
}

func (f *fake) deleteSnapshot(r *http.Request, _ map[string]any) (int, any) {
	s, ok := f.snaps[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	s.status = "deleting"
	return 202, nil
}

// ---- Glance

// store makes an image active.
func (f *fake) store(i *fakeImage, data []byte) {
	i.data, i.status = data, "active"
	hashed := data
	if f.flipUpload {
		hashed = slices.Clone(data)
		hashed[len(data)/3] ^= 1
	}
	short, long := md5.Sum(hashed), sha512.Sum512(hashed)
	i.md5, i.sha512 = hex.EncodeToString(short[:]), hex.EncodeToString(long[:])
}

func (f *fake) describe(i *fakeImage) map[string]any {
	m := map[string]any{"id": i.id, "name": i.name, "status": i.status, "owner": "p", "size": nil, "checksum": nil, "os_hash_algo": nil, "os_hash_value": nil,
		"disk_format": "raw", "container_format": "bare", "visibility": "private"}
	if i.status != "active" {
		return m
	}
	m["size"] = len(i.data)
	if f.hashes != "none" {
		m["checksum"] = i.md5
	}
	if f.hashes == "" {
		m["os_hash_algo"], m["os_hash_value"] = "sha512", i.sha512
	}
	return m
}

func (f *fake) listImages(r *http.Request, _ map[string]any) (int, any) {
	all := []any{}
	for _, i := range f.images {
		if r.URL.Query().Get("owner") == "p" {
			all = append(all, f.describe(i))
		}
	}
	return 200, map[string]any{"images": all}
}

func (f *fake) makeImage(_ *http.Request, body map[string]any) (int, any) {
	i := &fakeImage{id: f.id(), name: text(body, "name"), status: "queued"}
	f.images[i.id] = i
	return 201, f.describe(i)
}

func (f *fake) showImage(r *http.Request, _ map[string]any) (int, any) {
	i, ok := f.images[r.PathValue("id")]
	if !ok {
		return 404, nil
	}
	return 200, f.describe(i)
}

func (f *fake) patchImage(r *http.Request, body map[string]any) (int, any) {
	i, ok := f.images[r.PathValue("id")]
	if !ok || text(body, "op") != "replace" || text(body, "path") != "/name" {
		return 404, nil
	}
	i.name = text(body, "value")
	return 200, f.describe(i)
}

func (f *fake) deleteImage(r *http.Request, _ map[string]any) (int, any) {
	id := r.PathValue("id")
	if _, ok := f.images[id]; !ok {
		return 404, nil
	}
	for _, v := range f.volumes {
		if f.clones && v.image == id {
			return 409, map[string]any{"message": "Image " + id + " could not be deleted because it is in use: The image cannot be deleted because it has snapshot(s)."}
		}
	}
	delete(f.images, id)
	return 204, nil
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	i, ok := f.images[r.PathValue("id")]
	cut := f.breakUpload
	f.breakUpload = 0
	quota := f.quota
	f.uploads++
	if !ok || i.status != "queued" {
		f.mu.Unlock()
		answer(w, http.StatusConflict, nil)
		return
	}
	i.status = "saving"
	f.mu.Unlock()
	restore := func() { // as _restore
		f.mu.Lock()
		defer f.mu.Unlock()
		i.status = "queued"
	}
	if cut > 0 {
		_, _ = io.CopyN(io.Discard, r.Body, int64(cut))
		restore()
		panic(http.ErrAbortHandler)
	}
	if quota > 0 {
		if n, _ := io.CopyN(io.Discard, r.Body, int64(quota)); n == int64(quota) {
			restore()
			answer(w, http.StatusRequestEntityTooLarge, map[string]any{"message": "Image exceeds the storage quota: The size of the data would exceed the allowed"})
			return
		}
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		restore()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.store(i, data)
	if f.kill {
		i.status = "killed"
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) download(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	i, ok := f.images[r.PathValue("id")]
	if !ok || i.status != "active" {
		f.mu.Unlock()
		answer(w, http.StatusNotFound, nil)
		return
	}
	from, to, code := 0, len(i.data), http.StatusOK
	if text := r.Header.Get("Range"); text != "" && !f.ignoreRanges {
		if f.noRanges {
			f.mu.Unlock()
			answer(w, http.StatusBadRequest, nil)
			return
		}
		_, _ = fmt.Sscanf(text, "bytes=%d-%d", &from, &to)
		to++
		code = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(i.data)))
	}
	data := slices.Clone(i.data[from:to])
	if f.flipDownload {
		data[len(data)/2] ^= 1
	}
	cut := f.breakDownload
	f.breakDownload = 0
	f.served += len(data)
	f.mu.Unlock()
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(code)
	if cut > 0 && cut < len(data) {
		_, _ = w.Write(data[:cut])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(data)
}
