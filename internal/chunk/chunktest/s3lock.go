package chunktest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Locks are the locks of the objects of an S3 server: Object Lock of the Amazon S3 API reference.
type Locks struct {
	mu    sync.Mutex
	until map[string]time.Time // by bucket/name
}

// Until returns until when an object is locked.
func (l *Locks) Until(key string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[key]
}

// All returns the keys of the objects that have ever been locked.
func (l *Locks) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.until))
}

// LockObjects makes an S3 server take locks. now is its clock. If it protects nothing, it answers
// as if it did, as Swift's s3api 2.30.1 does.
func (s *Server) LockObjects(now func() time.Time, protects bool) *Locks {
	l := &Locks{until: map[string]time.Time{}}
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		query := r.URL.Query()
		bucket, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case r.Method == http.MethodGet && query.Has("object-lock"):
			_, _ = io.WriteString(w, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")
		case r.Method == http.MethodPut && query.Has("retention"):
			l.set(w, r, bucket+"/"+name)
		case r.Method == http.MethodGet && query.Has("versions"):
			s.listVersions(w, bucket, query.Get("prefix"))
		case r.Method == http.MethodPost && query.Has("delete") && protects:
			raw, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(raw))
			return l.refuse(w, raw, bucket, now())
		default:
			return false
		}
		return true
	})
	return l
}

// set makes a lock longer, and not shorter.
func (l *Locks) set(w http.ResponseWriter, r *http.Request, key string) {
	var retention struct {
		Mode            string
		RetainUntilDate time.Time
	}
	if xml.NewDecoder(r.Body).Decode(&retention) != nil || retention.Mode != "GOVERNANCE" && retention.Mode != "COMPLIANCE" {
		s3Error(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if retention.RetainUntilDate.Before(l.until[key]) {
		s3Error(w, http.StatusForbidden, "AccessDenied")
		return
	}
	l.until[key] = retention.RetainUntilDate
}

// refuse answers a delete of several objects of which one is locked.
func (l *Locks) refuse(w http.ResponseWriter, raw []byte, bucket string, now time.Time) bool {
	var request struct{ Object []struct{ Key string } }
	if xml.Unmarshal(raw, &request) != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range request.Object {
		if now.Before(l.until[bucket+"/"+o.Key]) {
			fmt.Fprintf(w, "<DeleteResult><Error><Key>%s</Key><Code>AccessDenied</Code><Message>The object is WORM protected.</Message></Error></DeleteResult>", o.Key)
			return true
		}
	}
	return false
}

// listVersions answers with one version of each object.
func (s *Server) listVersions(w http.ResponseWriter, bucket, prefix string) {
	names, _ := s.page(bucket, prefix, "", 1<<20)
	type version struct{ Key, VersionId string } //nolint:revive // the name on the wire
	result := struct {
		XMLName xml.Name  `xml:"ListVersionsResult"`
		Version []version `xml:"Version"`
	}{}
	for _, name := range names {
		result.Version = append(result.Version, version{name, "1"})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(result)
}
