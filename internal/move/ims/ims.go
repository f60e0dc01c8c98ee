// Package ims moves through images of Huawei Cloud and Open Telekom Cloud, whose backups never
// hand out bytes: a source has IMS export an image of the volume to a bucket of OBS, and a
// target has it import an image from one.
package ims

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"cindergate/internal/chunk/s3"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
	"cindergate/internal/qcow2"
)

// Path is the name of the path.
const Path = "ims"

// The limits of IMS (IMS API Reference, "Exporting an Image", and "Creating a Data Disk Image
// Using an External Image File").
const (
	mostExported  = 128 // GiB: larger ones leave in a format that is not documented
	leastImported = 40  // GiB
	mostImported  = 2048
)

// exporter brings images of volumes out, into one bucket.
type exporter struct {
	*cloud.IMS
	env    *move.Env
	bucket *s3.Bucket
}

// newExporter returns an exporter whose bucket and resources have names with that infix.
func newExporter(m *cloud.IMS, env *move.Env, side string) (*exporter, error) {
	b, err := m.Bucket(env.Name(side))
	return &exporter{m, env, b}, err
}

// probe finds out whether the path is for this cloud. The service is nil if it is not.
func probe(c *cloud.Cloud, chain bool, as *move.Assessment) *cloud.IMS {
	as.Path = Path
	m, err := c.IMS()
	switch {
	case err != nil:
		as.Problems, as.Elsewhere = append(as.Problems, err.Error()), true
		return nil
	case chain:
		as.Problems = append(as.Problems, fmt.Sprintf("VBS and CBR of cloud %s neither hand out the bytes of backups nor take them: restore a backup to a volume, and move that", c.Name))
		return nil
	}
	as.Why = fmt.Sprintf("cloud %s has IMS and OBS", c.Name)
	as.Unproven = append(as.Unproven, fmt.Sprintf("whether the login may use OBS of cloud %s (Tenant Administrator) shows when its bucket is made, before anything else", c.Name))
	c.AssessLogin(as)
	return m
}

// export writes a volume to a file of the bucket, unless it is there.
func (x *exporter) export(ctx context.Context, volume, name, file string) error {
	if err := x.bucket.Make(ctx); err != nil {
		return err
	}
	switch _, err := x.bucket.Open(ctx, file); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	x.env.Status(fmt.Sprintf("cloud %s makes an image of the volume", x.Name))
	image, err := x.EnsureImageOf(ctx, volume, name, "qcow2")
	if err != nil {
		return err
	}
	x.env.Status(fmt.Sprintf("cloud %s exports the image to bucket %s", x.Name, x.bucket.Name()))
	return x.Export(ctx, image.ID, x.bucket.Name(), file)
}

// open opens a file of the bucket. size is that of the volume, which may be smaller than the
// disk in the image.
func (x *exporter) open(ctx context.Context, file string, size int64) (move.Content, error) {
	f, err := x.bucket.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	m, err := qcow2.Open(ctx, f, f.Size)
	if err != nil {
		return nil, err
	}
	if m.Size() < size {
		return nil, fmt.Errorf("the image in bucket %s has %d bytes, and the volume %d", x.bucket.Name(), m.Size(), size)
	}
	c := &content{m: m, size: size}
	for r, err := range m.Data(ctx) {
		if err != nil {
			return nil, err
		}
		if r[0] < size {
			c.ranges = append(c.ranges, [2]int64{r[0], min(r[1], size)})
		}
	}
	return c, nil
}

// remove deletes the bucket, and what has names with the prefix.
func (x *exporter) remove(ctx context.Context, prefix string) error {
	return errors.Join(x.bucket.Remove(ctx), x.removeFrozen(ctx, prefix))
}

// removeFrozen deletes the images, volumes and snapshots whose names begin with a prefix.
func (x *exporter) removeFrozen(ctx context.Context, prefix string) error {
	for _, remove := range []func(context.Context, string) error{x.DeleteImages, x.DeleteVolumes, x.DeleteSnapshots} {
		if err := remove(ctx, prefix); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) leftovers(ctx context.Context, prefix string) ([]string, error) {
	var left []string
	for _, list := range []func(context.Context, string) ([]string, error){x.LeftVolumes, x.LeftSnapshots, x.LeftImages} {
		found, err := list(ctx, prefix)
		if err != nil {
			return nil, err
		}
		left = append(left, found...)
	}
	there, err := x.bucket.Exists(ctx)
	if there {
		left = append(left, "bucket "+x.bucket.Name())
	}
	return left, err
}

// content is a [move.Content] of an image.
type content struct {
	m      *qcow2.Image
	size   int64
	ranges [][2]int64
}

var _ move.Content = (*content)(nil)

func (c *content) Size() int64 { return c.size }
func (c *content) Grid() int64 { return c.m.Cluster() }

func (c *content) Data() iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		for _, r := range c.ranges {
			if !yield(r[0], r[1]) {
				return
			}
		}
	}
}

func (c *content) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	p := make([]byte, min(to-from, 4<<20))
	for from < to {
		p = p[:min(to-from, int64(len(p)))]
		if err := c.m.ReadAt(ctx, p, from); err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		from += int64(len(p))
	}
	return nil
}

// Digests implements [move.Content]: an image has none.
func (c *content) Digests(context.Context, io.Writer) (int64, error) { return 0, move.ErrNone }

func (c *content) Close() error { return nil }
