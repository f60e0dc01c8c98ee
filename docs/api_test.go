package docs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/driver/cinder"
	"cindergate/driver/embedded"
	"cindergate/driver/vbs"
	"cindergate/translate"
	own "cindergate/translate/vbs"
)

var update = flag.Bool("update", false, "write docs/api.md")

// docs/api.md is what the table of routes and the list of deviations say.
func TestAPI(t *testing.T) {
	path := filepath.Join(root, "docs/api.md")
	want := api(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, "docs/api.md"); got != want {
		t.Error("docs/api.md is old: go test ./docs -run TestAPI -update")
	}
}

var backends = []struct {
	name  string
	types driver.Driver
}{
	{"embedded", (*embedded.Driver)(nil)},
	{"cinder", (*cinder.Driver)(nil)},
	{"vbs", (*vbs.Driver)(nil)},
	{"cbr", (*cbr.Driver)(nil)},
}

var roles = map[driver.Role]string{driver.Reader: "reader", driver.Member: "member", driver.Admin: "admin"}

const apiHead = `# The API

This page is generated from the table of routes: ` + "`go test ./docs -run TestAPI -update`" + `.

Every path is below ` + "`/v3/{project_id}`" + `, below ` + "`/v3`" + ` alone, and, unless it says v3, below ` + "`/v2/{project_id}`" + `. A role includes those
before it: reader, member, admin. Each [action](#actions) has its own policy. *From* is the microversion of v3 that introduced
the operation; before, it is 404. Microversions go up to 3.%d.

For each backend: **yes**, the gateway answers; *cloud*, the request is streamed to the cloud as it is; 501, the backend cannot do it. A
method may still be 501 where a region or a service lacks the function: see the [pages of the backends](backends/embedded.md).

`

const apiTail = `
## Content of backups

Cinder gives out no bytes and takes none. These operations do, for members, on backends that can.

**Read.** ` + "`GET /backups/{id}/data`" + ` is what a restore would write. ` + "`Range`" + ` asks for a part; the ` + "`ETag`" + ` is a digest of the
whole content. With the query ` + "`map`" + ` the answer lists the ranges ` + "`[from, to)`" + ` in bytes that are not known to be zeroes, at most 10,000, and
` + "`next`" + `, the ` + "`offset`" + ` to ask for the rest with; and ` + "`parent_id` and `block_size`" + `. With the query ` + "`digests`" + ` it is the SHA-256 of each
block of that size, 32 bytes each: what differs between two backups shows without reading them.

**Write.** A client makes a backup in pieces:

1. ` + "`POST /backups/upload`" + ` with ` + "`{\"upload\": {…}}`" + `: ` + "`size`" + ` in GiB, or ` + "`parent_id`" + ` for an incremental backup; and as they apply ` + "`name`, `description`, `metadata`, `container`, `volume_id`, `data_timestamp`" + `
   and ` + "`volume`" + ` (` + "`name`, `description`, `metadata`, `bootable`, `volume_image_metadata`" + `), which a restore gives to the new volume. The backup has the status
   ` + "`creating`" + ` and counts towards the quotas. The answer names the ` + "`granularity`" + `: pieces begin and end at its multiples.
2. ` + "`PUT /backups/{id}/data`" + ` with ` + "`Content-Range: bytes FIRST-LAST/*`" + ` and at most 256 MiB, in any order and in parallel. ` + "`Content-Digest: sha-256=:BASE64:`" + `
   (RFC 9530) is compared with the body. The answer is 204 when the bytes are on the disk. The same piece may be sent again; other
   bytes for a range that was sent are 409. With the query ` + "`zeroes`" + ` and no body, the range is zeroes.
3. ` + "`GET /backups/{id}/upload`" + ` says which ranges have arrived, so that a client can go on after a break.
4. ` + "`POST /backups/{id}/upload`" + ` with ` + "`{\"commit\": {\"received\": BYTES}}`" + `, the sum of all ranges, ends the upload. What was not sent is as in the parent, or
   zeroes. The backup becomes ` + "`available`" + `, or ` + "`error`" + `; then the commit may be repeated.
5. ` + "`DELETE /backups/{id}/upload`" + ` gives it up. An upload to which nothing is sent for a day (` + "`embedded.upload_expiry`" + `) ends in ` + "`error`" + `.

## What differs from Cinder

The recorded answers of a real Cinder are replayed against each build, and nothing but what ` + "`internal/conformance/wire/deviations.json`" + ` lists may
differ. Most of it is of these kinds:

- A bad request that makes Cinder fail with 500 is 400 here.
- v2 is served. Readers may not write, as since Cinder 2024.2.
- Statuses are true. An imported record without its data, or without its parent, ends in ` + "`error`" + `. A backup is reset to ` + "`available`" + ` only
  if it can be restored. No status is reset while a job fills the volume. A user message has the reason after Cinder's text.
- A block that was zeroed after the full backup is restored as zeroes, also to a new volume; Cinder from 23.0.0 on brings back the old data.
- No admin can delete a backup that has dependents in another project; Cinder looks for dependents in the caller's own project only.

The whole list:

`

func api(t *testing.T) string {
	var page strings.Builder
	fmt.Fprintf(&page, apiHead, driver.MaxMicroversion)
	page.WriteString("| Operation | Request | From | Role and policy |")
	for _, b := range backends {
		page.WriteString(" " + b.name + " |")
	}
	page.WriteString("\n| --- | --- | --- | --- |" + strings.Repeat(" --- |", len(backends)) + "\n")
	for _, r := range translate.Routes() {
		from := ""
		if r.Since > 0 {
			from = fmt.Sprintf("3.%d", r.Since)
		} else if r.V3Only {
			from = "v3"
		}
		fmt.Fprintf(&page, "| %s | `%s %s` | %s | %s |", r.Operation, r.Method, braces(r.Path), from, policy(r.Policy, strings.HasSuffix(r.Path, "/action")))
		for _, b := range backends {
			switch {
			case !r.ServedFor(b.types):
				page.WriteString(" *cloud* |")
			case r.Needs != nil && !reflect.TypeOf(b.types).Implements(r.Needs):
				page.WriteString(" 501 |")
			default:
				page.WriteString(" **yes** |")
			}
		}
		page.WriteString("\n")
	}
	page.WriteString("\n## Actions\n\nThe body of `POST …/action` has one member, the name of the action.\n\n| Request | Action | From | Role and policy | embedded |\n| --- | --- | --- | --- | --- |\n")
	for _, a := range translate.Actions() {
		from, served := "", "**yes**"
		if a.Since > 0 {
			from = fmt.Sprintf("3.%d", a.Since)
		}
		if a.Unoffered {
			served = "501"
		}
		fmt.Fprintf(&page, "| `%s` | `%s` | %s | %s | %s |\n", braces(a.Path), a.Name, from, policy(a.Policy, false), served)
	}
	page.WriteString("\n## Volume Backup Service's own API\n\nServed on every backend with `api: {vbs: true}`, see [backends/huawei.md](backends/huawei.md).\n\n" +
		"| Operation | Request | Role and policy |\n| --- | --- | --- |\n")
	for _, r := range own.Routes() {
		fmt.Fprintf(&page, "| %s | `%s %s` | %s |\n", r.Operation, r.Method, braces(r.Path), policy(r.Policy, false))
	}
	page.WriteString(apiTail)
	deviations(t, &page)
	return page.String()
}

// braces writes parameters as the API reference does.
func braces(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			segments[i] = "{" + name + "}"
		}
	}
	return strings.Join(segments, "/")
}

func policy(p translate.Policy, byAction bool) string {
	switch {
	case p.Name != "":
		return fmt.Sprintf("%s, `%s`", roles[p.Role], p.Name)
	case byAction:
		return "[by action](#actions)"
	}
	return "reader"
}

// deviations lists the reasons of internal/conformance/wire/deviations.json.
func deviations(t *testing.T, page *strings.Builder) {
	var list []struct {
		IDs    []string
		Reason string
	}
	if err := json.Unmarshal([]byte(read(t, "internal/conformance/wire/deviations.json")), &list); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, d := range list {
		if !slices.Contains(seen, d.Reason) {
			seen = append(seen, d.Reason)
			fmt.Fprintf(page, "- %s\n", d.Reason)
		}
	}
}
