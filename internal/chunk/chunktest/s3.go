package chunktest

import (
	"crypto/md5" // #nosec G501 -- what the service compares
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// The credentials that [NewS3] accepts.
const (
	S3Key    = "AKIATEST"
	S3Secret = "s3-secret-of-the-tests"
)

// NewS3 starts a fake of S3, written from the Amazon S3 API Reference. It knows the access
// key but checks no signature, and refuses bodies in pieces (aws-chunked), as Swift's s3api
// does.
func NewS3(t *testing.T) *Server { return newServer(t, (*Server).serveS3) }

func s3Error(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s.</Message></Error>`, code, code)
}

func (s *Server) serveS3(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Authorization"), "Credential="+S3Key+"/") {
		s3Error(w, http.StatusForbidden, "InvalidAccessKeyId")
		return
	}
	if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") || strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	bucket, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if name != "" {
		s.s3Object(w, r, bucket, name)
		return
	}
	_, exists := s.find(bucket, "")
	switch {
	case r.Method == http.MethodPut:
		if exists {
			s3Error(w, http.StatusConflict, "BucketAlreadyOwnedByYou")
			return
		}
		s.Set(bucket, "", nil)
	case !exists:
		s3Error(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodHead:
	case r.Method == http.MethodGet && query.Get("list-type") == "2":
		s.s3List(w, r, bucket)
	case r.Method == http.MethodPost && query.Has("delete"):
		s.s3Deletes(w, r, bucket)
	default:
		s3Error(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

const customer = "X-Amz-Server-Side-Encryption-Customer-"

func (s *Server) s3Object(w http.ResponseWriter, r *http.Request, bucket, name string) {
	o, exists := s.find(bucket, name)
	if !exists {
		s3Error(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	switch r.Method {
	case http.MethodPut:
		if from := r.Header.Get("X-Amz-Copy-Source"); from != "" {
			s.s3Copy(w, r, from, bucket, name)
			return
		}
		data, ok := body(w, r)
		if !ok {
			return
		}
		h := md5.Sum(data) // #nosec G401 -- what the service compares
		if want := r.Header.Get("Content-MD5"); want != "" && want != base64.StdEncoding.EncodeToString(h[:]) {
			s3Error(w, http.StatusBadRequest, "BadDigest")
			return
		}
		s.Set(bucket, name, data)
		s.mu.Lock()
		defer s.mu.Unlock()
		if key := r.Header.Get(customer + "Key"); key != "" {
			s.containers[bucket][name].header = http.Header{customer + "Key": {key}, customer + "Algorithm": {r.Header.Get(customer + "Algorithm")}}
		}
		w.Header().Set("ETag", `"`+sum(data)+`"`)
	case http.MethodGet, http.MethodHead:
		switch {
		case o == nil:
			s3Error(w, http.StatusNotFound, "NoSuchKey")
		case (o.header == nil) != (r.Header.Get(customer+"Key") == ""):
			s3Error(w, http.StatusBadRequest, "InvalidRequest")
		case o.header != nil && o.header.Get(customer+"Key") != r.Header.Get(customer+"Key"):
			s3Error(w, http.StatusForbidden, "AccessDenied")
		default:
			serveBytes(w, r, o.data)
		}
	case http.MethodDelete:
		s.Set(bucket, name, nil)
		w.WriteHeader(http.StatusNoContent)
	default:
		s3Error(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (s *Server) s3List(w http.ResponseWriter, r *http.Request, bucket string) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("max-keys"))
	if err != nil || limit > 1000 {
		limit = 1000
	}
	after := query.Get("start-after")
	if token := query.Get("continuation-token"); token != "" {
		after = token
	}
	names, more := s.page(bucket, query.Get("prefix"), after, limit)
	type content struct{ Key string }
	result := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}{IsTruncated: more}
	for _, name := range names {
		result.Contents = append(result.Contents, content{name})
	}
	if more {
		result.NextContinuationToken = names[len(names)-1]
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(result)
}

func (s *Server) s3Deletes(w http.ResponseWriter, r *http.Request, bucket string) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	var request struct {
		Object []struct{ Key string }
	}
	h := md5.Sum(data) // #nosec G401 -- what the service compares
	if xml.Unmarshal(data, &request) != nil || len(request.Object) > 1000 ||
		r.Header.Get("Content-MD5") != base64.StdEncoding.EncodeToString(h[:]) {
		s3Error(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	type deleted struct{ Key string }
	result := struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Deleted []deleted
	}{}
	for _, o := range request.Object {
		s.Set(bucket, o.Key, nil)
		result.Deleted = append(result.Deleted, deleted{o.Key})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(result)
}

// s3Copy answers CopyObject. The keys of SSE-C are those of the source and those of the copy.
func (s *Server) s3Copy(w http.ResponseWriter, r *http.Request, from, bucket, name string) {
	plain, err := url.PathUnescape(strings.TrimPrefix(from, "/"))
	fromBucket, fromName, ok := strings.Cut(plain, "/")
	o, _ := s.find(fromBucket, fromName)
	if err != nil || !ok || o == nil {
		s3Error(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if o.header.Get(customer+"Key") != r.Header.Get("X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key") {
		s3Error(w, http.StatusForbidden, "AccessDenied")
		return
	}
	s.Set(bucket, name, o.data)
	if key := r.Header.Get(customer + "Key"); key != "" {
		s.mu.Lock()
		s.containers[bucket][name].header = http.Header{customer + "Key": {key}, customer + "Algorithm": {r.Header.Get(customer + "Algorithm")}}
		s.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprintf(w, `<CopyObjectResult><ETag>"%s"</ETag><LastModified>2026-11-28T00:00:00.000Z</LastModified></CopyObjectResult>`, sum(o.data))
}
