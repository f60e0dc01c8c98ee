package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/snapshots"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"cindergate/internal/move"
)

func (q query) ToSnapshotListQuery() (string, error) { return "?" + url.Values(q).Encode(), nil }

// snapshots lists the project's snapshots whose names begin with a prefix.
func (c *Cloud) snapshots(ctx context.Context, prefix string) (all []snapshots.Snapshot, err error) {
	err = snapshots.ListDetail(c.volume, query{}).EachPage(ctx, func(_ context.Context, p pagination.Page) (bool, error) {
		page, err := snapshots.ExtractSnapshots(p)
		for _, s := range page {
			if strings.HasPrefix(s.Name, prefix) {
				all = append(all, s)
			}
		}
		return true, err
	})
	return all, explain(err)
}

// EnsureSnapshot makes a snapshot of a volume, which may be in use, unless there is one of that
// name. It waits for it and returns its id.
func (c *Cloud) EnsureSnapshot(ctx context.Context, volume, name string) (string, error) {
	found, err := c.snapshots(ctx, name)
	if err != nil {
		return "", err
	}
	var id string
	for _, s := range found {
		if s.Name == name {
			id = s.ID
		}
	}
	if id == "" {
		// Cinder ignores force since microversion 3.66, and needs it before.
		s, err := snapshots.Create(ctx, c.volume, snapshots.CreateOpts{VolumeID: volume, Name: name, Force: true}).Extract()
		if err != nil {
			return "", explain(err)
		}
		id = s.ID
	}
	return id, c.wait(ctx, func() (bool, error) {
		s, err := c.snapshot(ctx, id)
		if err != nil {
			return false, err
		}
		if strings.HasPrefix(s.Status, "error") {
			return false, fmt.Errorf("snapshot %s in cloud %s is in the status %s", id, c.Name, s.Status)
		}
		return s.Status == "available", nil
	})
}

// CopyInUse makes a snapshot of a volume that is in use, and a volume of that, both unless they
// are there. It returns the volume's id. The type and the zone are the snapshot's.
func (c *Cloud) CopyInUse(ctx context.Context, v move.Volume, snapshotName, volumeName string, status func(string)) (string, error) {
	status(fmt.Sprintf("cloud %s makes a snapshot of the volume", c.Name))
	snapshot, err := c.EnsureSnapshot(ctx, v.ID, snapshotName)
	if err != nil {
		return "", err
	}
	status(fmt.Sprintf("cloud %s makes a volume of the snapshot", c.Name))
	made, err := c.EnsureVolume(ctx, NewVolume{Name: volumeName, Size: v.Size, SnapshotID: snapshot})
	return made.ID, err
}

func (c *Cloud) snapshot(ctx context.Context, id string) (*snapshots.Snapshot, error) {
	s, err := snapshots.Get(ctx, c.volume, id).Extract()
	if status(err) == http.StatusNotFound {
		return nil, fmt.Errorf("snapshot %s in cloud %s: %w", id, c.Name, ErrGone)
	}
	return s, explain(err)
}

// DeleteSnapshots deletes the snapshots whose names begin with a prefix, and waits until they
// are gone.
func (c *Cloud) DeleteSnapshots(ctx context.Context, prefix string) error {
	found, err := c.snapshots(ctx, prefix)
	for _, s := range found {
		if err := c.deleteSnapshot(ctx, s.ID); err != nil {
			return err
		}
	}
	return err
}

func (c *Cloud) deleteSnapshot(ctx context.Context, id string) error {
	asked := false
	return c.wait(ctx, func() (bool, error) {
		s, err := c.snapshot(ctx, id)
		if errors.Is(err, ErrGone) {
			return true, nil
		}
		if err != nil || passing[s.Status] {
			return false, err
		}
		if asked {
			return false, fmt.Errorf("snapshot %s in cloud %s is in the status %s after it was deleted", id, c.Name, s.Status)
		}
		err = snapshots.Delete(ctx, c.volume, id).ExtractErr()
		if err == nil {
			asked = true
		}
		return status(err) == http.StatusNotFound, c.deleted(err)
	})
}

// LeftSnapshots lists the snapshots whose names begin with a prefix: "snapshot <id> <name>".
func (c *Cloud) LeftSnapshots(ctx context.Context, prefix string) (left []string, err error) {
	found, err := c.snapshots(ctx, prefix)
	for _, s := range found {
		left = append(left, "snapshot "+s.ID+" "+s.Name)
	}
	return left, err
}
