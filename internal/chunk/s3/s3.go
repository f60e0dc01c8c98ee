// Package s3 keeps objects in buckets of S3 or of a service that speaks its protocol, laid
// out as Cinder's s3 backup driver does (cinder/backup/drivers/s3.py).
package s3

import (
	"context"
	"crypto/md5" // #nosec G501 -- Content-MD5
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunk/object"
)

// Options configure a store. Only Endpoint is required.
type Options struct {
	Endpoint string // http or https URL without a path
	Region   string // ""; us-east-1
	Bucket   string // of backups that name none; "": volumebackups
	// AccessKey and SecretKey are fixed credentials. If they are empty, they are read from
	// CredentialsFile (the format of ~/.aws/credentials), and again when they have expired.
	// If that is empty too, they come from the machine's or container's role.
	AccessKey, SecretKey, SessionToken string
	CredentialsFile, Profile           string
	// VirtualHost puts the bucket into the host name instead of the path.
	VirtualHost bool
	// CustomerKey is the key of SSE-C, 32 bytes; nil: none (s3.py
	// backup_s3_sse_customer_key).
	CustomerKey []byte
	// ObjectLock is how objects of locked backups are locked: [Governance], [Compliance], or "": not at all.
	ObjectLock string

	object.Connection
	object.Options
}

// permissions are the actions of IAM that the operations need.
var permissions = map[string]string{"put": "s3:PutObject", "get": "s3:GetObject", "list": "s3:ListBucket",
	"delete": "s3:DeleteObject", "lock": "s3:PutObjectRetention", "head": "s3:ListBucket", "make": "s3:CreateBucket"}

// New returns a store. It sends no request.
func New(o Options) (*object.Store, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("the endpoint %q is not an http or https URL without a path", o.Endpoint)
	}
	if o.Bucket != "" { // an older bucket may have a name that no new one may have
		if err := s3utils.CheckValidBucketName(o.Bucket); err != nil {
			return nil, fmt.Errorf("the bucket %q cannot be used: %w", o.Bucket, err)
		}
	}
	pauser := &object.Pauser{}
	transport, err := object.NewTransport(o.Connection, pauser)
	if err != nil {
		return nil, err
	}
	region := o.Region
	if region == "" {
		region = "us-east-1" // without one, each new bucket costs a request for its location
	}
	lookup := minio.BucketLookupPath
	if o.VirtualHost {
		lookup = minio.BucketLookupDNS
	}
	creds := o.credentials()
	core, err := minio.NewCore(u.Host, &minio.Options{Creds: creds, Secure: u.Scheme == "https", Region: region,
		Transport: transport, BucketLookup: lookup, MaxRetries: 1})
	if err != nil {
		return nil, err
	}
	c := &client{core: core, creds: creds, fixed: o.AccessKey != "", region: region}
	switch o.ObjectLock {
	case "":
	case Governance:
		c.mode = minio.Governance
	case Compliance:
		c.mode = minio.Compliance
	default:
		return nil, fmt.Errorf("the mode of Object Lock is %s or %s, not %q", Governance, Compliance, o.ObjectLock)
	}
	if o.CustomerKey != nil {
		if c.sse, err = encrypt.NewSSEC(o.CustomerKey); err != nil {
			return nil, errors.New("the key of SSE-C must have 32 bytes")
		}
	}
	o.Layout, o.Permissions = layout.S3{Default: o.Bucket}, permissions
	return object.New(c, pauser, o.Options), nil
}

func (o *Options) credentials() *credentials.Credentials {
	switch {
	case o.AccessKey != "":
		return credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.SessionToken)
	case o.CredentialsFile != "":
		return credentials.NewFileAWSCredentials(o.CredentialsFile, o.Profile)
	}
	return credentials.NewIAM("")
}

// HasKeys returns an error unless there are credentials. Those of a file are read.
func (o *Options) HasKeys() error {
	keys, err := o.credentials().GetWithContext(nil)
	if err == nil && (keys.AccessKeyID == "" || keys.SecretAccessKey == "") {
		err = errors.New("an access key or its secret is missing")
	}
	return err
}

// client sends requests with minio-go.
type client struct {
	core   *minio.Core
	creds  *credentials.Credentials
	fixed  bool // the credentials cannot be renewed
	region string
	sse    encrypt.ServerSide  // nil: none
	mode   minio.RetentionMode // of Object Lock; "": objects are not locked, and buckets keep no versions
}

var _ object.Client = (*client)(nil)

// Put sends Content-MD5, and no checksum of the body in its signature: over http, minio-go
// would send the body in signed pieces, which Swift's s3api refuses.
func (c *client) Put(ctx context.Context, bucket, name string, body io.Reader, size int64, sum [md5.Size]byte) error {
	_, err := c.core.PutObject(ctx, bucket, name, body, size, base64.StdEncoding.EncodeToString(sum[:]), "",
		minio.PutObjectOptions{ServerSideEncryption: c.sse, DisableContentSha256: true, DisableMultipart: true})
	return classify(err)
}

func (c *client) Get(ctx context.Context, bucket, name string, from int64, etag string) (io.ReadCloser, int64, string, error) {
	o := minio.GetObjectOptions{ServerSideEncryption: c.sse}
	if from > 0 {
		if err := o.SetRange(from, 0); err != nil {
			return nil, 0, "", err
		}
	}
	if etag != "" {
		if err := o.SetMatchETag(etag); err != nil {
			return nil, 0, "", err
		}
	}
	r, info, _, err := c.core.GetObject(ctx, bucket, name, o)
	if err != nil {
		return nil, 0, "", classify(err)
	}
	return r, from + info.Size, info.ETag, nil
}

// Copy uses CopyObject, which S3 offers for objects of up to 5 GiB.
func (c *client) Copy(ctx context.Context, bucket, name, toBucket, toName string) error {
	from := minio.CopySrcOptions{Bucket: bucket, Object: name}
	if c.sse != nil && c.sse.Type() == encrypt.SSEC {
		from.Encryption = encrypt.SSECopy(c.sse)
	}
	copied, err := c.core.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: toBucket, Object: toName, Encryption: c.sse}, from)
	if err == nil && copied.ETag == "" {
		// S3 may answer 200 before it copies, and say in the body that this has failed. The library reads no
		// errors there.
		return &object.Error{Kind: object.Transient, Text: "the service did not copy the object although it answered 200"}
	}
	return classify(err)
}

// Stat finds out what a 404 means: the answer to HEAD has no body that says it.
func (c *client) Stat(ctx context.Context, bucket, name string) error {
	_, err := c.core.StatObject(ctx, bucket, name, minio.StatObjectOptions{ServerSideEncryption: c.sse})
	if err = classify(err); err != nil && object.KindOf(err) == object.NoObject {
		if err := c.Head(ctx, bucket); err != nil {
			return err
		}
	}
	return err
}

// Delete uses DeleteObjects. Where a service does not have it, it deletes one by one.
func (c *client) Delete(ctx context.Context, bucket string, names []string) error {
	if c.mode != "" {
		return c.deleteVersions(ctx, bucket, names)
	}
	if len(names) == 1 {
		return c.deleteOne(ctx, bucket, names[0])
	}
	objects := make(chan minio.ObjectInfo, len(names))
	for _, name := range names {
		objects <- minio.ObjectInfo{Key: name}
	}
	close(objects)
	var failed []string
	var problem error
	for e := range c.core.RemoveObjects(ctx, bucket, objects, minio.RemoveObjectsOptions{}) {
		failed, problem = append(failed, e.ObjectName), e.Err
	}
	var e minio.ErrorResponse
	if errors.As(problem, &e) && (e.StatusCode == http.StatusNotImplemented || e.StatusCode == http.StatusMethodNotAllowed) {
		for _, name := range failed {
			if err := c.deleteOne(ctx, bucket, name); err != nil {
				return err
			}
		}
		return nil
	}
	return classify(problem)
}

func (c *client) deleteOne(ctx context.Context, bucket, name string) error {
	err := classify(c.core.RemoveObject(ctx, bucket, name, minio.RemoveObjectOptions{}))
	if err != nil && object.KindOf(err) == object.NoObject {
		return nil
	}
	return err
}

func (c *client) List(ctx context.Context, bucket, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o := range c.core.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: 1000}) {
			if o.Err != nil {
				yield("", classify(o.Err))
				return
			}
			if !yield(o.Key, nil) {
				return
			}
		}
		if ctx.Err() != nil { // minio-go then just ends the listing
			yield("", ctx.Err())
		}
	}
}

// Head lists one object. The permission is that of HeadBucket, whose answer has no body that
// would tell a wrong clock from a missing permission.
func (c *client) Head(ctx context.Context, bucket string) error {
	for o := range c.core.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Recursive: true, MaxKeys: 1}) {
		return classify(o.Err)
	}
	return ctx.Err()
}

// Make creates a bucket without a region, as s3.py does, unless one is configured.
func (c *client) Make(ctx context.Context, bucket string) error {
	err := c.core.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: c.region, ObjectLocking: c.mode != ""})
	var e minio.ErrorResponse
	if errors.As(err, &e) && e.Code == minio.BucketAlreadyOwnedByYou {
		return nil
	}
	return classify(err)
}

// Renew reads credentials again from their file or the role's service.
func (c *client) Renew(context.Context) error {
	if c.fixed {
		return &object.Error{Kind: object.Denied, Text: "the credentials have expired or are not known"}
	}
	c.creds.Expire()
	if _, err := c.creds.GetWithContext(c.core.CredContext()); err != nil {
		return &object.Error{Kind: object.Transient, Text: "new credentials could not be read", Err: err}
	}
	return nil
}

// kinds are the codes of errors (Amazon S3 API Reference, "Error responses") that say more
// than their status.
var kinds = map[string]object.Kind{
	"NoSuchKey": object.NoObject, "NoSuchBucket": object.NoContainer,
	"SlowDown": object.Throttled, "Throttling": object.Throttled, "ThrottlingException": object.Throttled,
	"RequestLimitExceeded": object.Throttled, "RequestThrottled": object.Throttled, "SlowDownRead": object.Throttled,
	"SlowDownWrite": object.Throttled, "TooManyRequests": object.Throttled,
	"ExpiredToken": object.Expired, "ExpiredTokenException": object.Expired, "InvalidToken": object.Expired,
	"InvalidAccessKeyId": object.Expired, "TokenRefreshRequired": object.Expired,
	"RequestTimeTooSkewed": object.Skewed,
	"QuotaExceeded":        object.Full, "XMinioStorageFull": object.Full, "InsufficientStorage": object.Full,
	"RequestTimeout": object.Transient, "BadDigest": object.Transient, "IncompleteBody": object.Transient,
	"PreconditionFailed": object.Changed,
	// A conflicting operation is under way. The posix backend of versitygw says the second
	// when a directory is emptied by one request and filled by another.
	"OperationAborted": object.Transient, "ExistingObjectIsDirectory": object.Transient,
}

func classify(err error) error {
	var e minio.ErrorResponse
	if err == nil || !errors.As(err, &e) {
		return err
	}
	text := fmt.Sprintf("it answered %d", e.StatusCode)
	if !strings.HasPrefix(e.Code, fmt.Sprint(e.StatusCode)) { // minio-go then repeats the status
		text += fmt.Sprintf(" %.64s", e.Code)
	}
	if e.StatusCode == 0 {
		text = fmt.Sprintf("%.128s", e.Message) // minio-go refused to send it
	}
	kind, known := kinds[e.Code]
	switch {
	case known:
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden:
		kind = object.Denied
	case e.StatusCode == http.StatusNotFound:
		kind = object.NoObject
	case e.StatusCode == http.StatusPreconditionFailed:
		kind = object.Changed
	case e.StatusCode == http.StatusInsufficientStorage:
		kind = object.Full
	case e.StatusCode == http.StatusTooManyRequests, e.StatusCode == 498:
		kind = object.Throttled
	case e.StatusCode == http.StatusNotImplemented:
		kind = object.Refused
	case e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout, e.StatusCode == 499:
		kind = object.Transient
	default:
		kind = object.Refused
	}
	return &object.Error{Kind: kind, Text: text, Err: err}
}
