package cloud

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
	"cindergate/internal/move"
)

// ParseS3 reads the address of an S3 service: an http or https URL without a path, whose query
// may have the region.
func ParseS3(address string) (*s3.Options, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	o := &s3.Options{Region: q.Get("region")}
	if q.Del("region"); len(q) > 0 {
		return nil, fmt.Errorf("%q: its query may only have the region", address)
	}
	u.RawQuery = ""
	o.Endpoint = u.String()
	_, err = s3.New(*o)
	return o, err
}

// UseS3 says that cinder-backup of this cloud keeps its objects in an S3 service that the
// tenant has keys for: those of the profile with the cloud's name in the credentials file of
// the AWS tools.
func (c *Cloud) UseS3(address string) error {
	o, err := ParseS3(address)
	if err != nil {
		return err
	}
	if o.CredentialsFile = os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); o.CredentialsFile == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		o.CredentialsFile = filepath.Join(home, ".aws", "credentials")
	}
	o.Profile, o.TLS, o.Name = c.Name, c.tls, c.Name
	c.s3 = o
	return nil
}

// Objects returns the store with the objects of cinder-backup: the S3 service of
// [Cloud.UseS3], else the tenant's own Swift account. It sends no request.
func (c *Cloud) Objects() (*object.Store, error) {
	if c.s3 == nil {
		return c.swift()
	}
	return s3.New(*c.s3)
}

// Home says where the objects of cinder-backup are looked for.
func (c *Cloud) Home() string {
	if c.s3 == nil {
		return fmt.Sprintf("the Swift account of project %s in cloud %s", c.Project, c.Name)
	}
	return fmt.Sprintf("the S3 service %s of cloud %s", c.s3.Endpoint, c.Name)
}

// Reason says why objects of cinder-backup may not be there.
func (c *Cloud) Reason() string {
	if c.s3 == nil {
		return "cinder-backup there does not write with the caller's token (backup_swift_auth is not per_user, or the backup driver is another one)"
	}
	return "cinder-backup there writes to another service or bucket"
}

// AssessObjects checks that the objects can be reached and have room.
func (c *Cloud) AssessObjects(ctx context.Context, as *move.Assessment) (ok bool) {
	if c.s3 != nil { // what the keys may do shows with the first object
		if err := c.s3.HasKeys(); err != nil {
			as.Problems = append(as.Problems, fmt.Sprintf("the keys for %s are those of the profile [%s] in %s: %s", c.Home(), c.s3.Profile, c.s3.CredentialsFile, err))
			return false
		}
		return true
	}
	have, err := c.Account(ctx)
	if err != nil {
		as.Problems = append(as.Problems, err.Error())
		return false
	}
	if have.QuotaBytes >= 0 {
		as.Limits = append(as.Limits, fmt.Sprintf("%s has %d of %d bytes left, and the compressed data must fit", c.Home(), max(have.QuotaBytes-have.BytesUsed, 0), have.QuotaBytes))
	}
	return true
}
