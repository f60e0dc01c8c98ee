// Package swift keeps objects in containers of OpenStack Swift, laid out as Cinder's swift
// backup driver does (cinder/backup/drivers/swift.py).
package swift

import (
	"context"
	"crypto/md5" // #nosec G501 -- Swift's ETag
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"cindergate/internal/chunk/layout"
	"cindergate/internal/chunk/object"
)

// Options configure a store. Only Login is required.
type Options struct {
	Login     Login
	Container string // of backups that name none; "": volumebackups
	// StoragePolicy is that of containers that the store makes (swift.py
	// backup_swift_create_storage_policy); "": Swift's default.
	StoragePolicy string
	// RenewAfter is how old a token must be to be replaced; 0: 5 s. When a token expires,
	// many requests fail at once, and only the first one needs to log in again.
	RenewAfter time.Duration

	object.Connection
	object.Options
}

// permissions are those of Swift's ACLs; an operator of the account has all of them.
var permissions = map[string]string{"put": "to write (X-Container-Write)", "get": "to read (X-Container-Read)",
	"list": "to list (X-Container-Read with .rlistings)", "delete": "to write (X-Container-Write)",
	"head": "to read (X-Container-Read)", "make": "of an operator of the account"}

// New returns a store. It sends no request.
func New(o Options) (*object.Store, error) {
	transport, pauser, err := o.prepare()
	if err != nil {
		return nil, err
	}
	o.Permissions = permissions
	c := &client{session: session{login: o.Login, http: http.Client{Transport: transport}, renewAfter: o.RenewAfter}, policy: o.StoragePolicy}
	return object.New(c, pauser, o.Options), nil
}

// prepare sets the defaults, and makes the transport.
func (o *Options) prepare() (http.RoundTripper, *object.Pauser, error) {
	if strings.Contains(o.Container, "/") { // no request could name it
		return nil, nil, fmt.Errorf("the container %q cannot be used: it must not contain '/'", o.Container)
	}
	pauser := &object.Pauser{}
	transport, err := object.NewTransport(o.Connection, pauser)
	o.Layout = layout.Swift{Default: o.Container}
	if o.RenewAfter <= 0 {
		o.RenewAfter = 5 * time.Second
	}
	return transport, pauser, err
}

// client sends requests with gophercloud.
type client struct {
	session session
	policy  string
	noBulk  atomic.Bool // the proxy has no bulk middleware
}

var _ object.Client = (*client)(nil)

// Put sends the MD5 as the ETag, which Swift compares.
func (c *client) Put(ctx context.Context, container, name string, body io.Reader, size int64, sum [md5.Size]byte) error {
	service, err := c.session.service(ctx)
	if err != nil {
		return err
	}
	err = objects.Create(ctx, service, container, name, objects.CreateOpts{
		Content: body, ContentLength: size, ETag: hex.EncodeToString(sum[:]), ContentType: "application/octet-stream"}).Err
	if status(err) == http.StatusNotFound {
		return &object.Error{Kind: object.NoContainer, Text: "the container does not exist", Err: err}
	}
	return classify(err)
}

func (c *client) Get(ctx context.Context, container, name string, from int64, etag string) (io.ReadCloser, int64, string, error) {
	service, err := c.session.service(ctx)
	if err != nil {
		return nil, 0, "", err
	}
	o := objects.DownloadOpts{IfMatch: etag}
	if from > 0 {
		o.Range = fmt.Sprintf("bytes=%d-", from)
	}
	r := objects.Download(ctx, service, container, name, o)
	if r.Err != nil {
		return nil, 0, "", c.missing(ctx, container, r.Err)
	}
	length, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64)
	if err != nil {
		_ = r.Body.Close()
		return nil, 0, "", &object.Error{Kind: object.Refused, Text: "it did not say how long the object is", Err: err}
	}
	return r.Body, from + length, strings.Trim(r.Header.Get("Etag"), `"`), nil
}

func (c *client) Copy(ctx context.Context, container, name, toContainer, toName string) error {
	service, err := c.session.service(ctx)
	if err != nil {
		return err
	}
	o := objects.CopyOpts{Destination: "/" + toContainer + "/" + toName}
	return c.missing(ctx, container, objects.Copy(ctx, service, container, name, o).Err)
}

func (c *client) Stat(ctx context.Context, container, name string) error {
	service, err := c.session.service(ctx)
	if err != nil {
		return err
	}
	return c.missing(ctx, container, objects.Get(ctx, service, container, name, nil).Err)
}

// missing finds out what a 404 means: Swift answers the same if the container is missing.
func (c *client) missing(ctx context.Context, container string, err error) error {
	if status(err) != http.StatusNotFound {
		return classify(err)
	}
	if err := c.Head(ctx, container); err != nil {
		return err
	}
	return &object.Error{Kind: object.NoObject, Text: "the object does not exist", Err: err}
}

// Delete uses the bulk middleware. Where the proxy does not have it, it deletes one by one.
func (c *client) Delete(ctx context.Context, container string, names []string) error {
	service, err := c.session.service(ctx)
	if err != nil {
		return err
	}
	if len(names) > 1 && !c.noBulk.Load() {
		answer, err := objects.BulkDelete(ctx, service, container, names).Extract()
		switch {
		case err == nil:
			return c.deleted(ctx, container, answer)
		// Without the middleware, the request is one for the metadata of the account, and
		// its answer is 204.
		case status(err) == http.StatusNoContent || status(err) == http.StatusNotFound ||
			status(err) == http.StatusMethodNotAllowed || status(err) == http.StatusNotImplemented:
			c.noBulk.Store(true)
		default:
			return classify(err)
		}
	}
	for _, name := range names {
		err := c.missing(ctx, container, objects.Delete(ctx, service, container, name, nil).Err)
		if err != nil && object.KindOf(err) != object.NoObject {
			return err
		}
	}
	return nil
}

// deleted reads the answer of a bulk delete (swift/common/middleware/bulk.py): 200 with the
// status of the whole in it, and the errors of single objects.
func (c *client) deleted(ctx context.Context, container string, answer *objects.BulkDeleteResponse) error {
	for _, e := range answer.Errors {
		if len(e) == 2 {
			code, _ := strconv.Atoi(strings.SplitN(e[1], " ", 2)[0])
			return answered(code, nil)
		}
	}
	code, _ := strconv.Atoi(strings.SplitN(answer.ResponseStatus, " ", 2)[0])
	if code != http.StatusOK && code != http.StatusNotFound {
		return answered(code, nil)
	}
	if answer.NumberNotFound > 0 {
		return c.Head(ctx, container)
	}
	return nil
}

// listPage is how many names are asked for at once. Swift allows 10,000 by default.
const listPage = 1000

func (c *client) List(ctx context.Context, container, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		service, err := c.session.service(ctx)
		if err != nil {
			yield("", err)
			return
		}
		stopped := false
		err = objects.List(service, container, objects.ListOpts{Prefix: prefix, Marker: after, Limit: listPage}).EachPage(ctx,
			func(_ context.Context, page pagination.Page) (bool, error) {
				names, err := objects.ExtractNames(page)
				for _, name := range names {
					if !yield(name, nil) {
						stopped = true
						return false, nil
					}
				}
				return len(names) == listPage, err
			})
		if err == nil || stopped {
			return
		}
		if status(err) == http.StatusNotFound {
			err = &object.Error{Kind: object.NoContainer, Text: "the container does not exist", Err: err}
		}
		yield("", classify(err))
	}
}

func (c *client) Head(ctx context.Context, container string) error {
	service, err := c.session.service(ctx)
	if err != nil {
		return err
	}
	err = containers.Get(ctx, service, container, nil).Err
	if status(err) == http.StatusNotFound {
		return &object.Error{Kind: object.NoContainer, Text: "the container does not exist", Err: err}
	}
	return classify(err)
}

// Make creates a container. One that exists is 202.
func (c *client) Make(ctx context.Context, container string) error {
	service, err := c.session.service(ctx)
	if err != nil {
		return err
	}
	return classify(containers.Create(ctx, service, container, containers.CreateOpts{StoragePolicy: c.policy}).Err)
}

// Renew logs in again.
func (c *client) Renew(ctx context.Context) error { return c.session.renew(ctx) }

// status returns the status of an answer that gophercloud did not expect; 0 if there was no
// answer.
func status(err error) int {
	var e gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &e) {
		return e.Actual
	}
	return 0
}

func classify(err error) error {
	if code := status(err); code != 0 {
		var known *object.Error
		if errors.As(err, &known) {
			return err
		}
		return answered(code, err)
	}
	return err
}

// answered returns the error for a status of Swift (Object Storage API v1; 498 is that of
// its ratelimit middleware, and 413 is also that of its quotas).
func answered(code int, err error) error {
	return &object.Error{Kind: answeredKind(code), Text: fmt.Sprintf("it answered %d", code), Err: err}
}

func answeredKind(code int) object.Kind {
	switch {
	case code == http.StatusUnauthorized:
		return object.Expired
	case code == http.StatusForbidden:
		return object.Denied
	case code == http.StatusNotFound:
		return object.NoObject
	case code == http.StatusPreconditionFailed:
		return object.Changed
	case code == http.StatusRequestEntityTooLarge, code == http.StatusInsufficientStorage:
		return object.Full
	case code == http.StatusTooManyRequests, code == 498:
		return object.Throttled
	case code == http.StatusUnprocessableEntity, code == http.StatusRequestTimeout, code == 499, code >= 500 && code != http.StatusNotImplemented:
		return object.Transient
	}
	return object.Refused
}
