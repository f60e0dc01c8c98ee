package otcfake

import (
	"bytes"
	"crypto/md5" // #nosec G501 -- what the service returns as ETag
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// accessKey is a temporary access key of IAM.
type accessKey struct {
	access, secret, token string
	project               *Project
	expires               time.Time
}

// The limits of temporary access keys: 15 minutes to 24 hours (IAM API Reference, "Obtaining
// Temporary Access Keys and Security Tokens of an IAM User").
const leastKey, mostKey = 15 * 60, 24 * 60 * 60

// giveKey serves POST /v3.0/OS-CREDENTIAL/securitytokens by a token.
func (c *Cloud) giveKey(k *call) answer {
	var body struct {
		Auth struct {
			Identity struct {
				Methods []string
				Token   struct {
					Seconds *int `json:"duration_seconds"`
				}
			}
		}
	}
	if !k.readSome(&body) || !slices.Equal(body.Auth.Identity.Methods, []string{"token"}) || k.token.project == nil {
		return keystoneFault(badRequest, "The request body is invalid")
	}
	seconds := leastKey
	if s := body.Auth.Identity.Token.Seconds; s != nil {
		seconds = *s
	}
	if seconds < leastKey || seconds > mostKey {
		return keystoneFault(badRequest, "duration_seconds must be 900 to 86400.")
	}
	key := &accessKey{access: strings.ToUpper(c.newID()[:20]), secret: c.newID(), token: c.newID(), project: k.token.project,
		expires: c.o.Now().UTC().Add(time.Duration(seconds) * time.Second)}
	c.keys[key.access] = key
	return answer{status: http.StatusCreated, body: object{"credential": object{
		"access": key.access, "secret": key.secret, "securitytoken": key.token, "expires_at": key.expires.Format(iamTime)}}}
}

// ExpireKeys makes all temporary access keys expire now.
func (c *Cloud) ExpireKeys() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys {
		key.expires = time.Time{}
	}
}

// Objects returns the names of all objects, and of the uploads that have not ended, as
// bucket/name.
func (c *Cloud) Objects() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, b := range c.buckets {
		all = append(all, name+"/")
		for object := range b.objects {
			all = append(all, name+"/"+object)
		}
		for _, u := range b.uploads {
			all = append(all, name+"/"+u.name)
		}
	}
	return all
}

// bucket is a bucket of OBS.
type bucket struct {
	projectID string
	objects   map[string]*stored
	uploads   map[string]*upload
}

type stored struct {
	data []byte
	etag string
}

type upload struct {
	name  string
	parts map[int]*stored
}

// put stores a file that was not sent as one body. Its ETag is no MD5.
func (b *bucket) put(name string, data []byte) {
	b.objects[name] = &stored{data, uuid.NewString() + "-1"}
}

func newStored(data []byte) *stored {
	sum := md5.Sum(data) // #nosec G401
	return &stored{data, hex.EncodeToString(sum[:])}
}

// isOBS reports whether a request is for OBS, which has host names of its own in the clouds. It
// speaks the protocol of S3; its requests alone are signed.
func isOBS(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
}

// maxPart is the largest body of a part that the stand-in takes, in bytes.
const maxPart = 64 << 20

// serveOBS serves buckets and objects (OBS API Reference). It knows the access key but checks
// no signature.
func (c *Cloud) serveOBS(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPart))
	if err != nil {
		obsError(w, badRequest, "EntityTooLarge")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, access, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	access, _, _ = strings.Cut(access, "/")
	key := c.keys[access]
	switch {
	case key == nil || r.Header.Get("X-Amz-Security-Token") != key.token:
		obsError(w, http.StatusForbidden, "InvalidAccessKeyId")
		return
	case !c.o.Now().Before(key.expires):
		obsError(w, http.StatusForbidden, "ExpiredToken")
		return
	}
	if sum := r.Header.Get("Content-MD5"); sum != "" {
		is := md5.Sum(body) // #nosec G401
		if base64.StdEncoding.EncodeToString(is[:]) != sum {
			obsError(w, badRequest, "BadDigest")
			return
		}
	}
	name, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b := c.buckets[name]
	switch {
	case b != nil && b.projectID != key.project.ID:
		obsError(w, http.StatusForbidden, "AccessDenied")
	case file == "" && r.Method == http.MethodPut:
		if b == nil {
			c.buckets[name] = &bucket{projectID: key.project.ID, objects: map[string]*stored{}, uploads: map[string]*upload{}}
		}
	case b == nil:
		obsError(w, notFound, "NoSuchBucket")
	case file != "":
		b.serve(w, r, file, body)
	case r.Method == http.MethodDelete && len(b.objects)+len(b.uploads) > 0:
		obsError(w, http.StatusConflict, "BucketNotEmpty")
	case r.Method == http.MethodDelete:
		delete(c.buckets, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodHead:
	case r.Method == http.MethodGet && r.URL.Query().Has("uploads"):
		b.listUploads(w, name, r.URL.Query().Get("prefix"))
	case r.Method == http.MethodGet:
		b.list(w, name, r.URL.Query().Get("prefix"))
	default:
		obsError(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (b *bucket) serve(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	q := r.URL.Query()
	u := b.uploads[q.Get("uploadId")]
	object := b.objects[name]
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := uuid.NewString()
		b.uploads[id] = &upload{name, map[int]*stored{}}
		obsXML(w, "<InitiateMultipartUploadResult><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", text(name), id)
	case q.Has("uploadId") && (u == nil || u.name != name):
		obsError(w, notFound, "NoSuchUpload")
	case r.Method == http.MethodPut && q.Has("uploadId"):
		n, err := strconv.Atoi(q.Get("partNumber"))
		if err != nil || n < 1 || n > 10000 {
			obsError(w, badRequest, "InvalidArgument")
			return
		}
		u.parts[n] = newStored(body)
		w.Header().Set("ETag", `"`+u.parts[n].etag+`"`)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		b.complete(w, q.Get("uploadId"), u, body)
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		delete(b.uploads, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		b.objects[name] = newStored(body)
		w.Header().Set("ETag", `"`+b.objects[name].etag+`"`)
	case r.Method == http.MethodDelete:
		delete(b.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case object == nil:
		obsError(w, notFound, "NoSuchKey")
	default:
		w.Header().Set("ETag", `"`+object.etag+`"`)
		http.ServeContent(w, r, "", time.Unix(1, 0), bytes.NewReader(object.data))
	}
}

// complete joins the parts. All but the last one must have at least 100 KB (OBS API Reference,
// "Uploading Parts").
func (b *bucket) complete(w http.ResponseWriter, id string, u *upload, body []byte) {
	var wanted struct {
		Parts []struct {
			Number int    `xml:"PartNumber"`
			ETag   string `xml:"ETag"`
		} `xml:"Part"`
	}
	if xml.Unmarshal(body, &wanted) != nil || len(wanted.Parts) == 0 {
		obsError(w, badRequest, "MalformedXML")
		return
	}
	var whole []byte
	last := 0
	for i, p := range wanted.Parts {
		part := u.parts[p.Number]
		switch {
		case part == nil || strings.Trim(p.ETag, `"`) != part.etag:
			obsError(w, badRequest, "InvalidPart")
			return
		case p.Number <= last:
			obsError(w, badRequest, "InvalidPartOrder")
			return
		case i < len(wanted.Parts)-1 && len(part.data) < 100<<10:
			obsError(w, badRequest, "EntityTooSmall")
			return
		}
		last = p.Number
		whole = append(whole, part.data...)
	}
	b.put(u.name, whole)
	delete(b.uploads, id)
	obsXML(w, "<CompleteMultipartUploadResult><Key>%s</Key><ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>", text(u.name), b.objects[u.name].etag)
}

func (b *bucket) list(w http.ResponseWriter, name, prefix string) {
	var all strings.Builder
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(key, prefix) {
			fmt.Fprintf(&all, "<Contents><Key>%s</Key><Size>%d</Size><ETag>&quot;%s&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
				text(key), len(b.objects[key].data), b.objects[key].etag)
		}
	}
	obsXML(w, "<ListBucketResult><Name>%s</Name><IsTruncated>false</IsTruncated>%s</ListBucketResult>", text(name), all.String())
}

func (b *bucket) listUploads(w http.ResponseWriter, name, prefix string) {
	var all strings.Builder
	for id, u := range b.uploads {
		if strings.HasPrefix(u.name, prefix) {
			fmt.Fprintf(&all, "<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>", text(u.name), id)
		}
	}
	obsXML(w, "<ListMultipartUploadsResult><Bucket>%s</Bucket><IsTruncated>false</IsTruncated>%s</ListMultipartUploadsResult>", text(name), all.String())
}

func text(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}

func obsXML(w http.ResponseWriter, format string, values ...any) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = fmt.Fprintf(w, xml.Header+format, values...) // the client may have left
}

func obsError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, xml.Header+"<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}
