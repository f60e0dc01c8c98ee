package otc

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Dialect names the cloud.
type Dialect string

// The dialects.
const (
	OTC    Dialect = "otc"
	Huawei Dialect = "huawei"
)

// None as a service's URL disables the service.
const None = "none"

// Options configure a Cloud.
type Options struct {
	openstack.Options
	Dialect Dialect
	// IdentityURL is the URL of the identity service, with /v3. Its catalogue gives the
	// endpoints that are not configured. Region selects among them.
	IdentityURL, Region string
	// URL is the endpoint of the backup service, EVSURL that of EVS. "" takes it from the
	// catalogue. EVSURL may be None.
	URL, EVSURL string
	FullBackup  FullBackup
	// RestoreVolumeType is the type of a volume made from a backup whose source volume no
	// longer exists.
	RestoreVolumeType string
	// IDTimeout bounds the wait for the id of a new resource; 0 means 45 s, less than
	// clients wait. PollEvery is the pause between two polls; 0 means 500 ms.
	IDTimeout, PollEvery time.Duration
}

// Cloud is a Huawei Cloud or Open Telekom Cloud. It is safe for concurrent use.
type Cloud struct {
	o     Options
	http  *openstack.Transport
	known endpoints
}

// NewCloud makes a Cloud. It sends no request.
func NewCloud(o Options) (*Cloud, error) {
	if o.IDTimeout == 0 {
		o.IDTimeout = driver.AnswerTime
	}
	if o.PollEvery == 0 {
		o.PollEvery = 500 * time.Millisecond
	}
	o.Unprocessed = throttled
	transport, err := openstack.NewTransport(o.Options)
	if err != nil {
		return nil, err
	}
	return &Cloud{o: o, http: transport}, nil
}

// Services returns the backup service and the volumes of EVS, as drivers use them. get is
// the driver's GetBackup.
func (c *Cloud) Services(
	kind *Kind, get func(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error),
) (*Service, *Volumes) {
	return c.Service(kind, c.o.URL), &Volumes{EVS: c.Service(&EVS, c.o.EVSURL), DefaultType: c.o.RestoreVolumeType, Backup: get}
}

// throttled reports whether the API gateway refused the request because there were too
// many. The gateway has not forwarded such a request, so even one that creates something
// can be retried. A service that answers 429 itself may have begun the work.
func throttled(resp *http.Response) bool {
	if resp.StatusCode != http.StatusTooManyRequests {
		return false
	}
	body, err := peek(resp)
	return err == nil && isThrottle(parseFault(body).code)
}

// peek reads the body of an answer, up to maxFault bytes, and leaves it readable.
func peek(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFault))
	resp.Body = rest{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	return body, err
}

type rest struct {
	io.Reader
	io.Closer
}
