package s3

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- Content-MD5
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"cindergate/internal/chunk/object"
)

// TemporaryKeys asks for keys that end: the access key, its secret and the token that belongs
// to them.
type TemporaryKeys func(ctx context.Context) (access, secret, token string, expires time.Time, err error)

// BucketOptions configure a [Bucket].
type BucketOptions struct {
	Endpoint   string // http or https URL without a path
	Region     string
	Name       string
	Keys       TemporaryKeys
	Connection object.Connection
}

// Bucket is a bucket for files that are larger than one request, such as images. Requests are
// repeated as minio-go does.
type Bucket struct {
	core *minio.Core
	name string
	o    BucketOptions
}

// NewBucket returns a bucket. It sends no request.
func NewBucket(o BucketOptions) (*Bucket, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the endpoint %q is not a URL", o.Endpoint)
	}
	transport, err := object.NewTransport(o.Connection, &object.Pauser{})
	if err != nil {
		return nil, err
	}
	core, err := minio.NewCore(u.Host, &minio.Options{Creds: credentials.New(&temporary{keys: o.Keys}), Secure: u.Scheme == "https",
		Region: o.Region, Transport: transport, BucketLookup: minio.BucketLookupPath})
	return &Bucket{core, o.Name, o}, err
}

// Name returns the bucket's name.
func (b *Bucket) Name() string { return b.name }

// temporary renews keys before they expire.
type temporary struct {
	credentials.Expiry
	keys TemporaryKeys
}

func (t *temporary) Retrieve() (credentials.Value, error) {
	access, secret, token, expires, err := t.keys(context.Background())
	if err != nil {
		return credentials.Value{}, err
	}
	t.SetExpiration(expires, 5*time.Minute)
	return credentials.Value{AccessKeyID: access, SecretAccessKey: secret, SessionToken: token, Expiration: expires, SignerType: credentials.SignatureV4}, nil
}

func (t *temporary) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return t.Retrieve()
}

func (b *Bucket) failed(verb string, err error) error {
	if err == nil {
		return nil
	}
	var e minio.ErrorResponse
	if errors.As(err, &e) && (e.Code == "NoSuchKey" || e.Code == "NoSuchBucket" || e.Code == "NoSuchUpload") {
		err = errors.Join(fs.ErrNotExist, err)
	}
	return fmt.Errorf("bucket %s could not be %s: %w", b.name, verb, err)
}

// Make creates the bucket. One that exists and is the caller's is no error.
func (b *Bucket) Make(ctx context.Context) error {
	err := b.core.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: b.o.Region})
	var e minio.ErrorResponse
	if errors.As(err, &e) && e.Code == "BucketAlreadyOwnedByYou" {
		return nil
	}
	return b.failed("created", err)
}

// Exists reports whether the bucket exists.
func (b *Bucket) Exists(ctx context.Context) (bool, error) {
	ok, err := b.core.BucketExists(ctx, b.name)
	return ok, b.failed("found", err)
}

// Remove deletes the bucket with all that is in it. A bucket that does not exist is no error.
func (b *Bucket) Remove(ctx context.Context) error {
	if ok, err := b.Exists(ctx); err != nil || !ok {
		return err
	}
	uploads, err := b.core.ListMultipartUploads(ctx, b.name, "", "", "", "", 1000)
	if err != nil {
		return b.failed("listed", err)
	}
	for _, u := range uploads.Uploads {
		if err := b.core.AbortMultipartUpload(ctx, b.name, u.Key, u.UploadID); err != nil {
			return b.failed("emptied", err)
		}
	}
	for o := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return b.failed("listed", o.Err)
		}
		if err := b.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
	return b.failed("deleted", b.core.RemoveBucket(ctx, b.name))
}

// Delete deletes a file. One that does not exist is no error.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	return b.failed("emptied", b.core.RemoveObject(ctx, b.name, name, minio.RemoveObjectOptions{}))
}

// File is a file of the bucket as it was when it was opened.
type File struct {
	b    *Bucket
	name string
	etag string
	Size int64
}

// Open finds a file. If it does not exist, errors.Is(err, fs.ErrNotExist) holds.
func (b *Bucket) Open(ctx context.Context, name string) (*File, error) {
	info, err := b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{})
	if err != nil {
		return nil, b.failed("read", err)
	}
	return &File{b, name, info.ETag, info.Size}, nil
}

// ReadAt fills p with the bytes from off on. If the file was replaced meanwhile, that is an
// error.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) error {
	const most = 5
	for attempt := 1; ; attempt++ {
		err := f.readAt(ctx, p, off)
		var e minio.ErrorResponse
		if err == nil || ctx.Err() != nil || attempt == most || errors.As(err, &e) && e.StatusCode < http.StatusInternalServerError {
			return f.b.failed("read", err)
		}
	}
}

func (f *File) readAt(ctx context.Context, p []byte, off int64) error {
	o := minio.GetObjectOptions{}
	if err := errors.Join(o.SetRange(off, off+int64(len(p))-1), o.SetMatchETag(f.etag)); err != nil {
		return err
	}
	r, _, _, err := f.b.core.GetObject(ctx, f.b.name, f.name, o)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, p)
	return errors.Join(err, r.Close())
}

// Begin begins a file that is sent in parts, and returns the id of the upload.
func (b *Bucket) Begin(ctx context.Context, name string) (string, error) {
	id, err := b.core.NewMultipartUpload(ctx, b.name, name, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return id, b.failed("written", err)
}

// PutPart sends part n, from 1, of an upload. A part that was sent before is replaced. It
// returns the MD5 of the part.
func (b *Bucket) PutPart(ctx context.Context, name, upload string, n int, data []byte) ([md5.Size]byte, error) {
	sum := md5.Sum(data) // #nosec G401
	part, err := b.core.PutObjectPart(ctx, b.name, name, upload, n, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectPartOptions{Md5Base64: base64.StdEncoding.EncodeToString(sum[:]), DisableContentSha256: true})
	if err == nil && part.ETag != hex.EncodeToString(sum[:]) {
		err = fmt.Errorf("part %d has the MD5 %s, not %x", n, part.ETag, sum)
	}
	return sum, b.failed("written", err)
}

// Part is a part that is in an upload.
type Part struct {
	Number int
	MD5    [md5.Size]byte
}

// Complete makes the file of the parts, in the order of their numbers.
func (b *Bucket) Complete(ctx context.Context, name, upload string, parts []Part) error {
	all := make([]minio.CompletePart, len(parts))
	for i, p := range parts {
		all[i] = minio.CompletePart{PartNumber: p.Number, ETag: hex.EncodeToString(p.MD5[:])}
	}
	_, err := b.core.CompleteMultipartUpload(ctx, b.name, name, upload, all, minio.PutObjectOptions{})
	return b.failed("written", err)
}
