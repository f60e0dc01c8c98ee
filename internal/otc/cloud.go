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

// Dialect is which cloud it is.
type Dialect string

// The dialects.
const (
	OTC    Dialect = "otc"
	Huawei Dialect = "huawei"
)

// None as a service's URL: it is not to be used.
const None = "none"

// Options configure a Cloud.
type Options struct {
	openstack.Options
	Dialect Dialect
	// IdentityURL is the identity service with /v3, whose catalogue tells the
	// endpoints that are not given; Region is which of them.
	IdentityURL, Region string
	// URL is the service of backups and EVSURL that of volumes; "" leaves them to the
	// catalogue, and EVSURL may be None.
	URL, EVSURL string
	FullBackup  FullBackup
	// RestoreVolumeType is the type of a volume made from a backup whose volume is gone.
	RestoreVolumeType string
	// IDTimeout bounds the wait for the id of something new; 0: 45 s, less than
	// clients wait. PollEvery is the pause between two looks; 0: 500 ms.
	IDTimeout, PollEvery time.Duration
}

// Cloud is one of these clouds. It is safe for concurrent use.
type Cloud struct {
	o     Options
	http  *openstack.Transport
	known endpoints
}

// NewCloud makes a Cloud. It does not yet ask it for anything.
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

// Services are the service of backups and the volumes around them, as drivers use them.
// get is the driver's GetBackup.
func (c *Cloud) Services(
	kind *Kind, get func(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error),
) (*Service, *Volumes) {
	return c.Service(kind, c.o.URL), &Volumes{EVS: c.Service(&EVS, c.o.EVSURL), DefaultType: c.o.RestoreVolumeType, Backup: get}
}

// throttled tells that the API gateway had too many requests: it has not passed this
// one on, so that it can be sent again, also if it makes something. A service that
// answers 429 itself may have begun.
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
