package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"cindergate/internal/move"
)

// Image is an image of the cloud's image service, Glance.
type Image struct {
	ID, Name string
	Status   images.ImageStatus
	Size     int64  // bytes; 0: unknown yet
	MD5      string // hexadecimal; "": none, as in clouds under FIPS rules
	HashAlgo string // such as sha512; "": none
	Hash     string // hexadecimal
}

func imageOf(i *images.Image) Image {
	algo, _ := i.Properties["os_hash_algo"].(string)
	value, _ := i.Properties["os_hash_value"].(string)
	return Image{ID: i.ID, Name: i.Name, Status: i.Status, Size: i.SizeBytes, MD5: i.Checksum, HashAlgo: algo, Hash: value}
}

// errNoImages says that the catalogue has no image service.
var errNoImages = errors.New("the catalogue has no image service with an API of version 2")

// images returns the client of the image service. gophercloud asks the service for its versions,
// once.
func (c *Cloud) images() (*gophercloud.ServiceClient, error) {
	c.imageMu.Lock()
	defer c.imageMu.Unlock()
	if c.image != nil {
		return c.image, nil
	}
	s, err := openstack.NewImageV2(c.provider, c.endpoint)
	var none *gophercloud.ErrEndpointNotFound
	if errors.As(err, &none) {
		return nil, fmt.Errorf("cloud %s: %w", c.Name, errNoImages)
	}
	if err != nil {
		return nil, fmt.Errorf("the image service of cloud %s: %w", c.Name, explain(err))
	}
	if strings.HasSuffix(s.Endpoint, "/v2/") { // gophercloud adds the version to any endpoint
		s.ResourceBase = s.Endpoint
	}
	c.image = s
	return s, nil
}

// MissingImages finds out whether the cloud has a Glance with the API version 2, which describes
// the fields of an image. It returns what is missing; "": nothing.
func (c *Cloud) MissingImages(ctx context.Context) (missing string, err error) {
	s, err := c.images()
	if errors.Is(err, errNoImages) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	var schema struct {
		Name string `json:"name"`
	}
	_, err = s.Get(ctx, s.ServiceURL("schemas", "image"), &schema, nil)
	if err == nil && schema.Name == "image" {
		return "", nil
	}
	if err == nil || status(err) == http.StatusNotFound {
		return fmt.Sprintf("the image service of cloud %s at %s has no API of version 2", c.Name, s.Endpoint), nil
	}
	return "", explain(err)
}

// ImageQuotas returns the project's limits of images and what is used of them: image_size_total
// in MiB and image_count_total. A Glance without such limits, or one that does not tell them,
// has none.
func (c *Cloud) ImageQuotas(ctx context.Context) (map[string]move.Quota, error) {
	s, err := c.images()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Usage map[string]struct {
			Limit int64 `json:"limit"`
			Usage int64 `json:"usage"`
		} `json:"usage"`
	}
	_, err = s.Get(ctx, s.ServiceURL("info", "usage"), &answer, nil)
	if code := status(err); code == http.StatusNotFound || code == http.StatusForbidden {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	q := map[string]move.Quota{}
	for _, name := range imageQuotas {
		if u, ok := answer.Usage[name]; ok {
			q[name] = move.Quota{Name: name, Limit: u.Limit, Used: u.Usage}
		}
	}
	return q, nil
}

var imageQuotas = []string{"image_count_total", "image_size_total"}

// AssessImageQuotas checks that images of a size fit.
func (c *Cloud) AssessImageQuotas(ctx context.Context, as *move.Assessment, count, bytes int64) error {
	have, err := c.ImageQuotas(ctx)
	if err != nil {
		return err
	}
	needs := map[string]int64{"image_count_total": count, "image_size_total": (count*bytes + 1<<20 - 1) >> 20}
	for _, name := range imageQuotas {
		q, ok := have[name]
		if !ok {
			continue
		}
		q.Needs = needs[name]
		c.fits(as, q)
	}
	if len(have) == 0 {
		as.Unproven = append(as.Unproven, fmt.Sprintf("whether images of %d MiB fit: Glance of cloud %s tells no quota. If they do not, the move ends with its answer, and an abort removes what was made", needs["image_size_total"], c.Name))
	}
	return nil
}

func (q query) ToImageListQuery() (string, error) { return q.ToVolumeListQuery() }

// Images lists the project's images whose names begin with a prefix.
func (c *Cloud) Images(ctx context.Context, prefix string) (all []Image, err error) {
	s, err := c.images()
	if err != nil {
		return nil, err
	}
	err = images.List(s, query{"owner": {c.ProjectID}}).EachPage(ctx, func(_ context.Context, p pagination.Page) (bool, error) {
		page, err := images.ExtractImages(p)
		for i := range page {
			if strings.HasPrefix(page[i].Name, prefix) {
				all = append(all, imageOf(&page[i]))
			}
		}
		return true, err
	})
	return all, explain(err)
}

// imageNamed returns the image of a name; false: there is none.
func (c *Cloud) imageNamed(ctx context.Context, name string) (Image, bool, error) {
	found, err := c.Images(ctx, name)
	for _, i := range found {
		if i.Name == name {
			return i, true, err
		}
	}
	return Image{}, false, err
}

// Image shows an image.
func (c *Cloud) Image(ctx context.Context, id string) (Image, error) {
	s, err := c.images()
	if err != nil {
		return Image{}, err
	}
	i, err := images.Get(ctx, s, id).Extract()
	if status(err) == http.StatusNotFound {
		return Image{}, fmt.Errorf("image %s in cloud %s: %w", id, c.Name, ErrGone)
	}
	if err != nil {
		return Image{}, explain(err)
	}
	return imageOf(i), nil
}

// dead reports whether nothing will come of an image any more.
func (i Image) dead() bool {
	return i.Status != images.ImageStatusActive && i.Status != images.ImageStatusQueued && i.Status != images.ImageStatusSaving &&
		i.Status != images.ImageStatusUploading && i.Status != images.ImageStatusImporting
}

// EnsureImageOf makes an image of a volume that is not in use, in a format such as raw, unless
// there is one of that name, and waits for it. An image that failed earlier is replaced.
func (c *Cloud) EnsureImageOf(ctx context.Context, volume, name, format string) (made Image, err error) {
	asked := false
	err = c.wait(ctx, func() (bool, error) {
		// The volume first: if it is not uploaded any more, the image's status is final.
		v, err := c.Volume(ctx, volume)
		if err != nil {
			return false, err
		}
		var found bool
		if made, found, err = c.imageNamed(ctx, name); err != nil {
			return false, err
		}
		switch {
		case found && made.Status == images.ImageStatusActive:
			return true, nil
		case v.Status == "uploading" && (!found || !made.dead()):
			return false, nil
		case asked: // cinder-volume deletes the image of an upload that failed
			return false, fmt.Errorf("cloud %s did not make an image of volume %s: the image is %s, and Cinder's log or `openstack volume message list` says why", c.Name, volume, made.or("gone"))
		case found:
			return false, c.DeleteImage(ctx, made.ID)
		}
		if err := c.Renew(ctx); err != nil { // cinder-volume works with the token of the request
			return false, err
		}
		asked = true
		return false, explain(volumes.UploadImage(ctx, c.volume, volume, volumes.UploadImageOpts{ImageName: name, DiskFormat: format, ContainerFormat: "bare"}).Err)
	})
	return made, err
}

func (i Image) or(none string) string {
	if i.Status == "" {
		return none
	}
	return string(i.Status)
}

// NewImage makes an image that has no bytes yet, and returns its id.
func (c *Cloud) NewImage(ctx context.Context, name string) (string, error) {
	s, err := c.images()
	if err != nil {
		return "", err
	}
	private := images.ImageVisibilityPrivate
	i, err := images.Create(ctx, s, images.CreateOpts{Name: name, DiskFormat: "raw", ContainerFormat: "bare", Visibility: &private}).Extract()
	if err != nil {
		return "", explain(err)
	}
	return i.ID, nil
}

// PutImage sends the bytes of an image. An upload that breaks off cannot be continued.
func (c *Cloud) PutImage(ctx context.Context, id string, bytes io.Reader) error {
	s, err := c.images()
	if err != nil {
		return err
	}
	return explain(imagedata.Upload(ctx, s, id, bytes).Err)
}

// WaitImage waits until an image is active.
func (c *Cloud) WaitImage(ctx context.Context, id string) (i Image, err error) {
	err = c.wait(ctx, func() (bool, error) {
		if i, err = c.Image(ctx, id); err != nil {
			return false, err
		}
		// queued: Glance has put an upload back that failed.
		if i.dead() || i.Status == images.ImageStatusQueued {
			return false, fmt.Errorf("image %s in cloud %s is in the status %s after its upload", id, c.Name, i.Status)
		}
		return i.Status == images.ImageStatusActive, nil
	})
	return i, err
}

// ErrKept says that a cloud does not delete an image, because a volume is a clone of it.
var ErrKept = errors.New("it is in use by the store: a volume is a clone of it")

// DeleteImage deletes an image, and waits until it is gone.
func (c *Cloud) DeleteImage(ctx context.Context, id string) error {
	s, err := c.images()
	if err != nil {
		return err
	}
	err = images.Delete(ctx, s, id).ExtractErr()
	var refused gophercloud.ErrUnexpectedResponseCode
	switch {
	case errors.As(err, &refused) && refused.Actual == http.StatusConflict && strings.Contains(string(refused.Body), "in use"):
		return fmt.Errorf("image %s in cloud %s: %w", id, c.Name, ErrKept)
	case status(err) == http.StatusNotFound:
		return nil
	case err != nil:
		return explain(err)
	}
	return c.wait(ctx, func() (bool, error) {
		i, err := c.Image(ctx, id)
		if errors.Is(err, ErrGone) || err == nil && (i.Status == images.ImageStatusDeleted || i.Status == images.ImageStatusPendingDelete) {
			return true, nil
		}
		return false, err
	})
}

// DeleteImages deletes the images whose names begin with a prefix.
func (c *Cloud) DeleteImages(ctx context.Context, prefix string) error {
	found, err := c.Images(ctx, prefix)
	for _, i := range found {
		if err := c.DeleteImage(ctx, i.ID); err != nil {
			return err
		}
	}
	return err
}

// RenameImage renames an image.
func (c *Cloud) RenameImage(ctx context.Context, id, name string) error {
	s, err := c.images()
	if err != nil {
		return err
	}
	return explain(images.Update(ctx, s, id, images.UpdateOpts{images.ReplaceImageName{NewName: name}}).Err)
}

// LeftImages lists the images whose names begin with a prefix: "image <id> <name>".
func (c *Cloud) LeftImages(ctx context.Context, prefix string) (left []string, err error) {
	found, err := c.Images(ctx, prefix)
	for _, i := range found {
		left = append(left, "image "+i.ID+" "+i.Name)
	}
	return left, err
}

// ReadImage copies the bytes of an image from an offset to its end. An answer that breaks off is
// continued. A store that has no ranges sends the image from its beginning, which is skipped;
// skipped is then called with the number of bytes.
func (c *Cloud) ReadImage(ctx context.Context, i Image, w io.Writer, from, to int64, skipped func(int64)) error {
	return stream(ctx, from, to, func(from int64) (int64, error) { return c.readImage(ctx, i, w, from, to, skipped) })
}

func (c *Cloud) readImage(ctx context.Context, i Image, w io.Writer, from, to int64, skipped func(int64)) (int64, error) {
	s, err := c.images()
	if err != nil {
		return 0, err
	}
	get := func(ranged bool) (*http.Response, error) {
		o := &gophercloud.RequestOpts{KeepResponseBody: true, OkCodes: []int{http.StatusOK, http.StatusPartialContent},
			MoreHeaders: map[string]string{"Accept": "application/octet-stream"}}
		if ranged {
			o.MoreHeaders["Range"] = fmt.Sprintf("bytes=%d-%d", from, to-1)
		}
		return s.Request(ctx, http.MethodGet, s.ServiceURL("images", i.ID, "file"), o)
	}
	ranged := from > 0 || to < i.Size
	resp, err := get(ranged)
	// Glance answers so if the store cannot read from an offset (StoreRandomGetNotSupported).
	if code := status(err); ranged && (code == http.StatusBadRequest || code == http.StatusRequestedRangeNotSatisfiable) {
		resp, err = get(false)
	}
	if err != nil {
		return 0, explain(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := &failing{r: resp.Body}
	switch {
	case resp.StatusCode == http.StatusPartialContent:
		// Glance names the end with or without the requested one; the beginning must be right.
		if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", from)) {
			return 0, fmt.Errorf("image %s in cloud %s: bytes from %d were asked for, and the answer has the Content-Range %q", i.ID, c.Name, from, got)
		}
	case from > 0:
		skipped(from)
		if _, err := io.CopyN(io.Discard, body, from); err != nil {
			return 0, &brokenOff{err}
		}
	}
	n, err := io.CopyN(w, body, to-from)
	if body.err != nil && n < to-from { // not w's
		return n, &brokenOff{body.err}
	}
	return n, err
}
