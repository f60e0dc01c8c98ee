package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
)

// IMS is Huawei's Image Management Service, with OBS behind it.
type IMS struct {
	*Cloud
	own *gophercloud.ServiceClient // of its own API
	obs string                     // endpoint of OBS
}

// IMS finds the two services in the catalogue. The error says what is missing.
func (c *Cloud) IMS() (*IMS, error) {
	service, err := c.images()
	if err != nil {
		return nil, err
	}
	m := &IMS{Cloud: c, own: service}
	// The catalogue's type of OBS is object (opentelekomcloud/gophertelekomcloud
	// openstack/client.go NewOBSService).
	if m.obs, err = c.provider.EndpointLocator(gophercloud.EndpointOpts{Type: "object", Region: c.endpoint.Region, Availability: gophercloud.AvailabilityPublic}); err != nil {
		if c.s3 == nil {
			return nil, fmt.Errorf("the catalogue of cloud %s has no OBS, so it is not Huawei's or Open Telekom Cloud", c.Name)
		}
		m.obs = c.s3.Endpoint
	}
	m.obs = strings.TrimSuffix(m.obs, "/")
	return m, nil
}

// keys asks IAM for keys of OBS (IAM API Reference, "Obtaining Temporary Access Keys and
// Security Tokens of an IAM User").
func (m *IMS) keys(ctx context.Context) (access, secret, token string, expires time.Time, err error) {
	base, err := utils.BaseEndpoint(m.auth.IdentityEndpoint)
	if err != nil {
		return "", "", "", time.Time{}, err
	}
	var body struct {
		Credential struct {
			Access  string    `json:"access"`
			Secret  string    `json:"secret"`
			Token   string    `json:"securitytoken"`
			Expires time.Time `json:"expires_at"`
		} `json:"credential"`
	}
	ask := map[string]any{"auth": map[string]any{"identity": map[string]any{"methods": []string{"token"}, "token": map[string]any{"duration_seconds": 24 * 60 * 60}}}}
	_, err = m.own.Post(ctx, strings.TrimSuffix(base, "/")+"/v3.0/OS-CREDENTIAL/securitytokens", ask, &body, &gophercloud.RequestOpts{OkCodes: []int{http.StatusCreated}})
	c := body.Credential
	return c.Access, c.Secret, c.Token, c.Expires, explain(err)
}

// Bucket returns a bucket of OBS.
func (m *IMS) Bucket(name string) (*s3.Bucket, error) {
	return s3.NewBucket(s3.BucketOptions{Endpoint: m.obs, Region: m.endpoint.Region, Name: name, Keys: m.keys, Connection: object.Connection{TLS: m.tls}})
}

// job is a job of IMS.
type job struct {
	Status   string `json:"status"`
	Reason   string `json:"fail_reason"`
	Code     string `json:"error_code"`
	Entities struct {
		ImageID string `json:"image_id"`
	} `json:"entities"`
}

// run sends a request whose answer names a job, and waits for the job.
func (m *IMS) run(ctx context.Context, path string, body map[string]any) (j job, err error) {
	base, err := utils.BaseEndpoint(m.own.Endpoint)
	if err != nil {
		return j, err
	}
	base = strings.TrimSuffix(base, "/")
	var began struct {
		ID string `json:"job_id"`
	}
	if _, err := m.own.Post(ctx, base+path, body, &began, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusAccepted}}); err != nil {
		return j, explain(err)
	}
	err = m.wait(ctx, func() (bool, error) {
		j = job{}
		if _, err := m.own.Get(ctx, base+"/v1/"+m.ProjectID+"/jobs/"+began.ID, &j, nil); err != nil {
			return false, explain(err)
		}
		if j.Status == "FAIL" {
			return false, fmt.Errorf("cloud %s: %s failed: %s %s", m.Name, path, j.Code, j.Reason)
		}
		return j.Status == "SUCCESS", nil
	})
	return j, err
}

// Export writes an image to a bucket as qcow2.
func (m *IMS) Export(ctx context.Context, image, bucket, file string) error {
	_, err := m.run(ctx, "/v1/cloudimages/"+image+"/file", map[string]any{"bucket_url": bucket + ":" + file, "file_format": "qcow2", "is_quick_export": false})
	return err
}

// Import makes a data disk image of a file in a bucket, unless there is one of that name. least
// is the size of volumes from it, in GiB.
func (m *IMS) Import(ctx context.Context, name, bucket, file string, least int64) (id string, err error) {
	i, found, err := m.imageNamed(ctx, name)
	if err != nil || found {
		return i.ID, err
	}
	j, err := m.run(ctx, "/v1/cloudimages/dataimages/action", map[string]any{"name": name, "os_type": "Linux", "image_url": bucket + ":" + file, "min_disk": least})
	if err == nil && j.Entities.ImageID == "" {
		err = errors.New("the job of the import names no image")
	}
	return j.Entities.ImageID, err
}
