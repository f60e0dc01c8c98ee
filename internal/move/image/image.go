// Package image moves volumes through images of the cloud's image service, Glance: a source makes
// an image of a volume, by way of a snapshot if it is in use, and downloads it; a target uploads
// an image and makes a volume of it.
package image

import (
	"context"
	"fmt"

	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Path is the name of the path.
const Path = "glance"

// sizeCap is Glance's default of image_size_cap, in bytes.
const sizeCap = 1 << 40

// probe finds out whether the cloud has a Glance, and whether the login may make volumes.
func probe(ctx context.Context, c *cloud.Cloud) (as move.Assessment, err error) {
	as = move.Assessment{Path: Path}
	missing, err := c.MissingImages(ctx)
	if err != nil {
		return as, err
	}
	if missing != "" {
		as.Elsewhere = true
		as.Problems = append(as.Problems, missing)
		return as, nil
	}
	as.Why = fmt.Sprintf("cloud %s has a Glance, and Cinder makes images of volumes and volumes of images", c.Name)
	if err := c.MayMakeVolumes(ctx); err != nil {
		as.Problems = append(as.Problems, err.Error())
	}
	c.AssessLogin(&as)
	return as, nil
}

// assessSize tells the limits of an image of a volume.
func assessSize(as *move.Assessment, c *cloud.Cloud, v move.Volume) {
	as.Limits = append(as.Limits, fmt.Sprintf("cloud %s stores all %d GiB as an image, ranges of zeroes too", c.Name, v.Size/cloud.GiB))
	if v.Size > sizeCap {
		as.Unproven = append(as.Unproven, fmt.Sprintf("Glance of cloud %s takes images of more than 1 TiB only if its operator raised image_size_cap, which it does not tell", c.Name))
	}
}

// chains says why a chain cannot be moved.
const chains = "the path glance moves volumes, and no chains of backups"

// leftovers lists what a side of a move left.
func leftovers(ctx context.Context, c *cloud.Cloud, prefix string) ([]string, error) {
	var all []string
	for _, list := range []func(context.Context, string) ([]string, error){c.Left, c.LeftSnapshots, c.LeftImages} {
		left, err := list(ctx, prefix)
		if err != nil {
			return nil, err
		}
		all = append(all, left...)
	}
	return all, nil
}
