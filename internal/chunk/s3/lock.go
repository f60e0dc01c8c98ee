package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"

	"cindergate/internal/chunk/object"
)

// Modes of Object Lock (Amazon S3 User Guide, "Locking objects with Object Lock").
const (
	// Governance can be lifted by whoever has the permission s3:BypassGovernanceRetention.
	Governance = "governance"
	// Compliance can be lifted by nobody, not even by the owner of the account.
	Compliance = "compliance"
)

var _ object.LockClient = (*client)(nil)

// Locks implements [object.LockClient].
func (c *client) Locks() bool { return c.mode != "" }

// CheckLock asks for the bucket's configuration.
func (c *client) CheckLock(ctx context.Context, bucket string) error {
	state, _, _, _, err := c.core.GetObjectLockConfig(ctx, bucket) //nolint:dogsled // the defaults of the bucket do not matter
	if errors.As(err, new(xml.UnmarshalError)) {                   // Swift's s3api 2.30.1 answers with a listing
		return &object.Error{Kind: object.Refused, Text: "the service does not know Object Lock", Err: err}
	}
	var e minio.ErrorResponse
	if errors.As(err, &e) && (e.Code == "ObjectLockConfigurationNotFoundError" || e.StatusCode == http.StatusNotImplemented) || err == nil && state != "Enabled" {
		return &object.Error{Kind: object.Refused, Text: "the bucket was made without Object Lock", Err: err}
	}
	return classify(err)
}

// Lock sets the retention of the object's present version.
func (c *client) Lock(ctx context.Context, bucket, name string, until time.Time) error {
	if whole := until.Truncate(time.Second); !whole.Equal(until) {
		until = whole.Add(time.Second) // S3 has no fractions of a second
	}
	until = until.UTC()
	return classify(c.core.PutObjectRetention(ctx, bucket, name, minio.PutObjectRetentionOptions{Mode: &c.mode, RetainUntilDate: &until}))
}

// deleteVersions deletes objects of a bucket that keeps versions, as one with Object Lock does: a plain
// delete would only hide them. Versions that are locked are an error.
func (c *client) deleteVersions(ctx context.Context, bucket string, names []string) error {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	var versions []minio.ObjectInfo
	for v := range c.core.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: commonPrefix(names), Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			return classify(v.Err)
		}
		if wanted[v.Key] {
			versions = append(versions, v)
		}
	}
	if ctx.Err() != nil { // minio-go then just ends the listing
		return ctx.Err()
	}
	for batch := range slices.Chunk(versions, object.DeleteBatch) {
		objects := make(chan minio.ObjectInfo, len(batch))
		for _, v := range batch {
			objects <- minio.ObjectInfo{Key: v.Key, VersionID: v.VersionID}
		}
		close(objects)
		var first error
		for e := range c.core.RemoveObjects(ctx, bucket, objects, minio.RemoveObjectsOptions{}) {
			if first == nil { // the channel is read to its end: minio-go waits for that with an open connection
				first = e.Err
			}
		}
		if first != nil {
			return locked(first)
		}
	}
	return nil
}

// locked says in words that an object is locked. Services agree on no code for it.
func locked(err error) error {
	classified := classify(err)
	var e minio.ErrorResponse
	if errors.As(err, &e) && (e.Code == "AccessDenied" || e.Code == "InvalidRequest" || e.Code == "ObjectLocked") {
		return &object.Error{Kind: object.Denied, Text: fmt.Sprintf("an object is locked: it answered %.64s", e.Code), Err: err}
	}
	return classified
}

// commonPrefix returns what all names begin with.
func commonPrefix(names []string) string {
	if len(names) == 0 {
		return ""
	}
	low, high := slices.Min(names), slices.Max(names)
	n := 0
	for n < min(len(low), len(high)) && low[n] == high[n] {
		n++
	}
	return low[:n]
}
