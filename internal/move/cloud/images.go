package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
)

// EnsureSnapshot makes a snapshot of a volume, which may be in use, unless there is one of that
// name, and waits for it.
func (c *Cloud) EnsureSnapshot(ctx context.Context, name, volume string) (id string, err error) {
	have, err := c.snapshots(ctx, name)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(have, func(s snapshots.Snapshot) bool { return s.Name == name }); i >= 0 {
		id = have[i].ID
	} else {
		s, err := snapshots.Create(ctx, c.volume, snapshots.CreateOpts{VolumeID: volume, Name: name, Force: true}).Extract()
		if err != nil {
			return "", explain(err)
		}
		id = s.ID
	}
	return id, c.wait(ctx, func() (bool, error) {
		s, err := snapshots.Get(ctx, c.volume, id).Extract()
		if err == nil && strings.HasPrefix(s.Status, "error") {
			err = fmt.Errorf("snapshot %s in cloud %s is in the status %s", id, c.Name, s.Status)
		}
		return err == nil && s.Status == "available", explain(err)
	})
}

// snapshots lists the snapshots whose names begin with a prefix.
func (c *Cloud) snapshots(ctx context.Context, prefix string) (all []snapshots.Snapshot, err error) {
	page, err := snapshots.List(c.volume, nil).AllPages(ctx)
	if err != nil {
		return nil, explain(err)
	}
	have, err := snapshots.ExtractSnapshots(page)
	for _, s := range have {
		if strings.HasPrefix(s.Name, prefix) {
			all = append(all, s)
		}
	}
	return all, err
}

// imageService is the client of Glance or IMS.
func (c *Cloud) imageService() (*gophercloud.ServiceClient, error) {
	s, err := openstack.NewImageV2(c.provider, c.endpoint)
	if err != nil {
		return nil, fmt.Errorf("the catalogue of cloud %s has no image service", c.Name)
	}
	return s, nil
}

// images lists the project's images whose names begin with a prefix.
func (c *Cloud) images(ctx context.Context, prefix string) (all []images.Image, err error) {
	service, err := c.imageService()
	if err != nil {
		return nil, err
	}
	page, err := images.List(service, images.ListOpts{Owner: c.ProjectID}).AllPages(ctx)
	if err != nil {
		return nil, explain(err)
	}
	have, err := images.ExtractImages(page)
	for _, i := range have {
		if strings.HasPrefix(i.Name, prefix) {
			all = append(all, i)
		}
	}
	return all, err
}

// EnsureImage makes an image of a volume that is not in use, unless there is one of that name,
// and waits for it.
func (c *Cloud) EnsureImage(ctx context.Context, name, volume, format string) (id string, err error) {
	have, err := c.images(ctx, name)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(have, func(i images.Image) bool { return i.Name == name }); i >= 0 {
		id = have[i].ID
	} else {
		made, err := volumes.UploadImage(ctx, c.volume, volume, volumes.UploadImageOpts{ImageName: name, DiskFormat: format, ContainerFormat: "bare"}).Extract()
		if err != nil {
			return "", explain(err)
		}
		id = made.ImageID
	}
	service, err := c.imageService()
	if err != nil {
		return "", err
	}
	if err := c.wait(ctx, func() (bool, error) {
		i, err := images.Get(ctx, service, id).Extract()
		if err == nil && (i.Status == images.ImageStatusKilled || i.Status == images.ImageStatusDeleted || string(i.Status) == "error") {
			err = fmt.Errorf("image %s in cloud %s is in the status %s", id, c.Name, i.Status)
		}
		return err == nil && i.Status == images.ImageStatusActive, explain(err)
	}); err != nil {
		return "", err
	}
	_, err = c.WaitVolume(ctx, volume)
	return id, err
}

// DeleteMadeOf deletes the images, volumes and snapshots whose names begin with a prefix, in
// that order, and waits until they are gone.
func (c *Cloud) DeleteMadeOf(ctx context.Context, prefix string) error {
	all, err := c.images(ctx, prefix)
	if err != nil {
		return err
	}
	for _, i := range all {
		service, err := c.imageService()
		if err != nil {
			return err
		}
		if err := images.Delete(ctx, service, i.ID).ExtractErr(); c.deleted(err) != nil {
			return explain(err)
		}
	}
	have, err := c.Volumes(ctx, "")
	if err != nil {
		return err
	}
	for _, v := range have {
		if strings.HasPrefix(v.Name, prefix) {
			if err := c.DeleteVolume(ctx, v.ID); err != nil {
				return err
			}
		}
	}
	old, err := c.snapshots(ctx, prefix)
	if err != nil {
		return err
	}
	for _, s := range old {
		if err := c.deleteSnapshot(ctx, s.ID); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) deleteSnapshot(ctx context.Context, id string) error {
	asked := false
	return c.wait(ctx, func() (bool, error) {
		s, err := snapshots.Get(ctx, c.volume, id).Extract()
		if status(err) == http.StatusNotFound {
			return true, nil
		}
		if err != nil || passing[s.Status] {
			return false, explain(err)
		}
		if asked {
			return false, fmt.Errorf("snapshot %s in cloud %s is in the status %s after it was deleted", id, c.Name, s.Status)
		}
		err = snapshots.Delete(ctx, c.volume, id).ExtractErr()
		asked = err == nil
		return status(err) == http.StatusNotFound, c.deleted(err)
	})
}

// MadeOf lists the images, volumes and snapshots whose names begin with a prefix: "image <id>
// <name>".
func (c *Cloud) MadeOf(ctx context.Context, prefix string) (left []string, err error) {
	all, err := c.images(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		left = append(left, "image "+i.ID+" "+i.Name)
	}
	have, err := c.Volumes(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, v := range have {
		if strings.HasPrefix(v.Name, prefix) {
			left = append(left, "volume "+v.ID+" "+v.Name)
		}
	}
	old, err := c.snapshots(ctx, prefix)
	for _, s := range old {
		left = append(left, "snapshot "+s.ID+" "+s.Name)
	}
	return left, err
}

// IMS is Huawei's Image Management Service, with OBS behind it.
type IMS struct {
	*Cloud
	own *gophercloud.ServiceClient // of its own API
	obs string                     // endpoint of OBS
}

// IMS finds the two services in the catalogue. The error says what is missing.
func (c *Cloud) IMS() (*IMS, error) {
	service, err := c.imageService()
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
	have, err := m.images(ctx, name)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(have, func(i images.Image) bool { return i.Name == name }); i >= 0 {
		return have[i].ID, nil
	}
	j, err := m.run(ctx, "/v1/cloudimages/dataimages/action", map[string]any{"name": name, "os_type": "Linux", "image_url": bucket + ":" + file, "min_disk": least})
	if err == nil && j.Entities.ImageID == "" {
		err = errors.New("the job of the import names no image")
	}
	return j.Entities.ImageID, err
}
