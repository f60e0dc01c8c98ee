package cloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumetypes"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"cindergate/internal/move"
)

// GiB is the unit of sizes of volumes.
const GiB = 1 << 30

// ErrGone says that a resource does not exist.
var ErrGone = errors.New("it does not exist")

// Volume describes a volume.
func (c *Cloud) Volume(ctx context.Context, id string) (move.Volume, error) {
	v, err := volumes.Get(ctx, c.volume, id).Extract()
	if status(err) == http.StatusNotFound {
		return move.Volume{}, fmt.Errorf("volume %s in cloud %s: %w", id, c.Name, ErrGone)
	}
	if err != nil {
		return move.Volume{}, explain(err)
	}
	return describe(v), nil
}

func describe(v *volumes.Volume) move.Volume {
	bootable, _ := strconv.ParseBool(v.Bootable)
	return move.Volume{ID: v.ID, Name: v.Name, Description: v.Description, Size: int64(v.Size) * GiB, Status: v.Status, Type: v.VolumeType,
		AvailabilityZone: v.AvailabilityZone, Metadata: v.Metadata, Bootable: bootable, ImageMetadata: v.VolumeImageMetadata,
		Encrypted: v.Encrypted, InUse: v.Status == "in-use" || len(v.Attachments) > 0}
}

// query is the query of a list.
type query url.Values

func (q query) ToVolumeListQuery() (string, error)       { return "?" + url.Values(q).Encode(), nil }
func (q query) ToBackupListDetailQuery() (string, error) { return "?" + url.Values(q).Encode(), nil }

// Volumes lists the project's volumes; a name that is not "" must match.
func (c *Cloud) Volumes(ctx context.Context, name string) (all []move.Volume, err error) {
	q := query{}
	if name != "" {
		q["name"] = []string{name}
	}
	err = volumes.List(c.volume, q).EachPage(ctx, func(_ context.Context, p pagination.Page) (bool, error) {
		page, err := volumes.ExtractVolumes(p)
		for i := range page {
			if name == "" || page[i].Name == name {
				all = append(all, describe(&page[i]))
			}
		}
		return true, err
	})
	return all, explain(err)
}

// Backups lists the project's backups; a name or volume that is not "" must match.
func (c *Cloud) Backups(ctx context.Context, name, volume string) (all []backups.Backup, err error) {
	q := query{}
	if name != "" {
		q["name"] = []string{name}
	}
	if volume != "" {
		q["volume_id"] = []string{volume}
	}
	err = backups.ListDetail(c.volume, q).EachPage(ctx, func(_ context.Context, p pagination.Page) (bool, error) {
		page, err := backups.ExtractBackups(p)
		for _, b := range page {
			if (name == "" || b.Name == name) && (volume == "" || b.VolumeID == volume) {
				all = append(all, b)
			}
		}
		return true, err
	})
	return all, explain(err)
}

// Backup shows a backup.
func (c *Cloud) Backup(ctx context.Context, id string) (*backups.Backup, error) {
	b, err := backups.Get(ctx, c.volume, id).Extract()
	if status(err) == http.StatusNotFound {
		return nil, fmt.Errorf("backup %s in cloud %s: %w", id, c.Name, ErrGone)
	}
	return b, explain(err)
}

// Left lists the volumes and backups whose names begin with a prefix: "volume <id> <name>",
// "backup <id> <name>".
func (c *Cloud) Left(ctx context.Context, prefix string) (left []string, err error) {
	left, err = c.LeftVolumes(ctx, prefix)
	if err != nil {
		return nil, err
	}
	list, err := c.Backups(ctx, "", "")
	for _, b := range list {
		if strings.HasPrefix(b.Name, prefix) {
			left = append(left, "backup "+b.ID+" "+b.Name)
		}
	}
	return left, err
}

// LeftVolumes lists the volumes whose names begin with a prefix: "volume <id> <name>".
func (c *Cloud) LeftVolumes(ctx context.Context, prefix string) (left []string, err error) {
	all, err := c.Volumes(ctx, "")
	for _, v := range all {
		if strings.HasPrefix(v.Name, prefix) {
			left = append(left, "volume "+v.ID+" "+v.Name)
		}
	}
	return left, err
}

// NewVolume is a volume that is made. It is blank unless it is made from an image or a snapshot.
type NewVolume struct {
	Name, Type, Zone    string
	Size                int64 // bytes
	ImageID, SnapshotID string
}

// EnsureVolume makes a volume, unless there is one of that name, and waits for it.
func (c *Cloud) EnsureVolume(ctx context.Context, n NewVolume) (move.Volume, error) {
	found, err := c.Volumes(ctx, n.Name)
	if err != nil {
		return move.Volume{}, err
	}
	var id string
	if len(found) > 0 {
		id = found[0].ID
	} else {
		v, err := volumes.Create(ctx, c.volume, volumes.CreateOpts{Name: n.Name, Size: int(n.Size / GiB), VolumeType: n.Type, AvailabilityZone: n.Zone,
			ImageID: n.ImageID, SnapshotID: n.SnapshotID}, nil).Extract()
		if err != nil {
			return move.Volume{}, explain(err)
		}
		id = v.ID
	}
	return c.WaitVolume(ctx, id)
}

// WaitVolume waits until a volume is available. Any status of an error is one.
func (c *Cloud) WaitVolume(ctx context.Context, id string) (v move.Volume, err error) {
	err = c.wait(ctx, func() (bool, error) {
		if v, err = c.Volume(ctx, id); err != nil {
			return false, err
		}
		if strings.HasPrefix(v.Status, "error") {
			return false, fmt.Errorf("volume %s in cloud %s is in the status %s", id, c.Name, v.Status)
		}
		return v.Status == "available" || v.Status == "in-use", nil
	})
	return v, err
}

// NewBackup is a backup that is made.
type NewBackup struct {
	Name, Description, VolumeID string
	Incremental, Force          bool
}

// EnsureBackup makes a backup, unless there is one of that name, and waits for it. One that
// failed is an error.
func (c *Cloud) EnsureBackup(ctx context.Context, n NewBackup) (*backups.Backup, error) {
	found, err := c.Backups(ctx, n.Name, "")
	if err != nil {
		return nil, err
	}
	var id string
	if len(found) > 0 {
		id = found[0].ID
	} else {
		if err := c.Renew(ctx); err != nil {
			return nil, err
		}
		b, err := backups.Create(ctx, c.volume, backups.CreateOpts{VolumeID: n.VolumeID, Name: n.Name, Description: n.Description,
			Incremental: n.Incremental, Force: n.Force}).Extract()
		if err != nil {
			return nil, explain(err)
		}
		id = b.ID
	}
	return c.WaitBackup(ctx, id)
}

// WaitBackup waits until a backup is available.
func (c *Cloud) WaitBackup(ctx context.Context, id string) (b *backups.Backup, err error) {
	err = c.wait(ctx, func() (bool, error) {
		if b, err = c.Backup(ctx, id); err != nil {
			return false, err
		}
		if strings.HasPrefix(b.Status, "error") {
			return false, fmt.Errorf("backup %s in cloud %s is in the status %s: %s", id, c.Name, b.Status, b.FailReason)
		}
		return b.Status == "available", nil
	})
	return b, err
}

// Restore restores a backup into a volume and waits for it.
func (c *Cloud) Restore(ctx context.Context, backup, volume string) error {
	// One that was asked for by a process before this one must have ended.
	if _, err := c.WaitBackup(ctx, backup); err != nil {
		return err
	}
	if _, err := c.WaitVolume(ctx, volume); err != nil {
		return err
	}
	if err := c.Renew(ctx); err != nil {
		return err
	}
	if _, err := backups.RestoreFromBackup(ctx, c.volume, backup, backups.RestoreOpts{VolumeID: volume}).Extract(); err != nil {
		return explain(err)
	}
	if _, err := c.WaitVolume(ctx, volume); err != nil { // error_restoring is a failure
		return err
	}
	b, err := c.WaitBackup(ctx, backup)
	if err == nil && b.FailReason != "" {
		err = fmt.Errorf("the restore of backup %s in cloud %s failed: %s", backup, c.Name, b.FailReason)
	}
	return err
}

// Renew renews the token, if it can be: cinder-backup and cinder-volume work with the token of
// the request that asked for a backup, a restore or an image, and fail when that one expires.
func (c *Cloud) Renew(ctx context.Context) error {
	if c.Fixed {
		return nil
	}
	if err := c.provider.Reauthenticate(ctx, c.provider.Token()); err != nil {
		return fmt.Errorf("cloud %s: the token could not be renewed: %w", c.Name, explain(err))
	}
	return nil
}

// firstPoll is the pause after the first look. What is small is soon ready.
const firstPoll = 50 * time.Millisecond

// longest bounds each wait for a resource.
const longest = 7 * 24 * time.Hour

func (c *Cloud) wait(ctx context.Context, ready func() (bool, error)) error {
	most := c.Poll
	if most <= 0 {
		most = time.Second
	}
	for began, poll := time.Now(), min(firstPoll, most); ; poll = min(2*poll, most) {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		if time.Since(began) > longest {
			return fmt.Errorf("cloud %s has not ended in %s", c.Name, longest)
		}
		if err := sleep(ctx, poll); err != nil {
			return err
		}
	}
}

// passing are the statuses in which nothing is deleted.
var passing = map[string]bool{"creating": true, "restoring": true, "restoring-backup": true, "backing-up": true, "downloading": true, "uploading": true, "deleting": true}

// DeleteBackups deletes backups, the newest of a chain first, and waits until they are gone.
func (c *Cloud) DeleteBackups(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		asked := false
		err := c.wait(ctx, func() (bool, error) {
			b, err := c.Backup(ctx, id)
			if errors.Is(err, ErrGone) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
			if passing[b.Status] {
				return false, nil
			}
			if asked {
				return false, fmt.Errorf("backup %s in cloud %s is in the status %s after it was deleted: %s", id, c.Name, b.Status, b.FailReason)
			}
			err = backups.Delete(ctx, c.volume, id).ExtractErr()
			if err == nil {
				asked = true
			}
			return status(err) == http.StatusNotFound, c.deleted(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleted explains a failed delete.
func (c *Cloud) deleted(err error) error {
	if status(err) == http.StatusNotFound {
		return nil
	}
	return explain(err)
}

// DeleteVolume deletes a volume and waits until it is gone.
func (c *Cloud) DeleteVolume(ctx context.Context, id string) error {
	asked := false
	return c.wait(ctx, func() (bool, error) {
		v, err := c.Volume(ctx, id)
		if errors.Is(err, ErrGone) {
			return true, nil
		}
		if err != nil || passing[v.Status] {
			return false, err
		}
		if asked {
			return false, fmt.Errorf("volume %s in cloud %s is in the status %s after it was deleted", id, c.Name, v.Status)
		}
		err = volumes.Delete(ctx, c.volume, id, nil).ExtractErr()
		if err == nil {
			asked = true
		}
		return status(err) == http.StatusNotFound, c.deleted(err)
	})
}

// DeleteVolumes deletes the volumes whose names begin with a prefix.
func (c *Cloud) DeleteVolumes(ctx context.Context, prefix string) error {
	all, err := c.Volumes(ctx, "")
	for _, v := range all {
		if strings.HasPrefix(v.Name, prefix) {
			if err := c.DeleteVolume(ctx, v.ID); err != nil {
				return err
			}
		}
	}
	return err
}

// DeleteMade deletes a volume that a move made, whether or not its id is known.
func (c *Cloud) DeleteMade(ctx context.Context, n Named) error {
	if n.ID != "" { // it may have another name already
		if err := c.DeleteVolume(ctx, n.ID); err != nil {
			return err
		}
	}
	if n.Name == "" {
		return nil
	}
	found, err := c.Volumes(ctx, n.Name)
	for _, v := range found {
		if err := c.DeleteVolume(ctx, v.ID); err != nil {
			return err
		}
	}
	return err
}

// travels returns the metadata that can be kept, and says what cannot.
func (c *Cloud) travels(metadata map[string]string) (kept map[string]string, lost []string) {
	kept, stays := move.Travels(metadata)
	for _, key := range stays {
		lost = append(lost, fmt.Sprintf("metadata %s: it is about the source's own gateway, not about cloud %s", key, c.Name))
	}
	return kept, lost
}

// Dress gives a volume its name, description, metadata, bootable flag and image metadata, and
// removes other image metadata, such as those of the image that it was made from. It returns
// what the cloud refused.
func (c *Cloud) Dress(ctx context.Context, id string, v move.Volume) (lost []string, err error) {
	now, err := c.Volume(ctx, id)
	if err != nil {
		return nil, err
	}
	keep := func(what string, err error) error {
		if code := status(err); code >= 400 && code < 500 && code != http.StatusNotFound && code != http.StatusUnauthorized {
			lost = append(lost, fmt.Sprintf("%s: cloud %s refused it with %d", what, c.Name, code))
			return nil
		}
		return explain(err)
	}
	v.Metadata, lost = c.travels(v.Metadata)
	_, err = volumes.Update(ctx, c.volume, id, volumes.UpdateOpts{Name: &v.Name, Description: &v.Description, Metadata: v.Metadata}).Extract()
	if status(err) == http.StatusBadRequest || status(err) == http.StatusForbidden {
		err = keep("metadata", err)
		if _, again := volumes.Update(ctx, c.volume, id, volumes.UpdateOpts{Name: &v.Name, Description: &v.Description}).Extract(); again != nil {
			return lost, errors.Join(err, explain(again))
		}
	}
	if err != nil {
		return lost, explain(err)
	}
	if len(v.ImageMetadata) > 0 {
		if err := keep("image metadata", volumes.SetImageMetadata(ctx, c.volume, id, volumes.ImageMetadataOpts{Metadata: v.ImageMetadata}).ExtractErr()); err != nil {
			return lost, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now.ImageMetadata)) {
		if _, ok := v.ImageMetadata[key]; ok {
			continue
		}
		_, err := c.volume.Post(ctx, c.volume.ServiceURL("volumes", id, "action"), map[string]any{"os-unset_image_metadata": map[string]string{"key": key}}, nil,
			&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
		if err := keep("removal of the image metadata "+key, err); err != nil {
			return lost, err
		}
	}
	if now.Bootable != v.Bootable {
		if err := keep("bootable flag", volumes.SetBootable(ctx, c.volume, id, volumes.BootableOpts{Bootable: v.Bootable}).ExtractErr()); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// renamed are the options of an update of a backup. gophercloud's own lack the object
// "backup" around them, which Cinder requires.
type renamed struct{ backups.UpdateOpts }

func (r renamed) ToBackupUpdateMap() (map[string]any, error) {
	inner, err := r.UpdateOpts.ToBackupUpdateMap()
	return map[string]any{"backup": inner}, err
}

// DressBackup gives a backup its name, description and metadata.
func (c *Cloud) DressBackup(ctx context.Context, id, name, description string, metadata map[string]string) (lost []string, err error) {
	o := backups.UpdateOpts{Name: &name, Description: &description}
	metadata, lost = c.travels(metadata)
	if c.Metadata {
		o.Metadata = metadata
	} else if len(metadata) > 0 {
		lost = append(lost, fmt.Sprintf("metadata of backup %s: cloud %s has none (it takes microversion 3.43)", name, c.Name))
	}
	return lost, explain(backups.Update(ctx, c.volume, id, renamed{o}).Err)
}

// Progress is the key of the metadata with which a backup that a move makes shows how far the
// move is.
const Progress = "cindergate:move-progress"

// ShowProgress replaces the metadata of a backup that a move makes by a text.
func (c *Cloud) ShowProgress(ctx context.Context, id, text string) error {
	if id == "" || !c.Metadata {
		return nil
	}
	return explain(backups.Update(ctx, c.volume, id, renamed{backups.UpdateOpts{Metadata: map[string]string{Progress: text}}}).Err)
}

// Types returns the names of the volume types that the project may use.
func (c *Cloud) Types(ctx context.Context) (names []string, err error) {
	page, err := volumetypes.List(c.volume, nil).AllPages(ctx)
	if err != nil {
		return nil, explain(err)
	}
	all, err := volumetypes.ExtractVolumeTypes(page)
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names, err
}

// Zones returns the names of the availability zones that can be used.
func (c *Cloud) Zones(ctx context.Context) (names []string, err error) {
	page, err := availabilityzones.List(c.volume).AllPages(ctx)
	if err != nil {
		return nil, explain(err)
	}
	all, err := availabilityzones.ExtractAvailabilityZones(page)
	for _, z := range all {
		if z.ZoneState.Available {
			names = append(names, z.ZoneName)
		}
	}
	return names, err
}

// Quotas returns the project's limits and what is used of them.
func (c *Cloud) Quotas(ctx context.Context) (map[string]move.Quota, error) {
	l, err := limits.Get(ctx, c.volume).Extract()
	if err != nil {
		return nil, explain(err)
	}
	a := l.Absolute
	q := map[string]move.Quota{}
	for _, one := range []struct {
		name        string
		limit, used int
	}{
		{"volumes", a.MaxTotalVolumes, a.TotalVolumesUsed}, {"gigabytes", a.MaxTotalVolumeGigabytes, a.TotalGigabytesUsed},
		{"backups", a.MaxTotalBackups, a.TotalBackupsUsed}, {"backup_gigabytes", a.MaxTotalBackupGigabytes, a.TotalBackupGigabytesUsed},
		{"snapshots", a.MaxTotalSnapshots, a.TotalSnapshotsUsed},
	} {
		q[one.name] = move.Quota{Name: one.name, Limit: int64(one.limit), Used: int64(one.used)}
	}
	return q, nil
}

// MayMakeVolumes finds out whether the login may create volumes from images, without making
// one: it asks for one from an image that does not exist. Cinder checks the policy first, and
// then the image (cinder/volume/api.py, create).
func (c *Cloud) MayMakeVolumes(ctx context.Context) error {
	v, err := volumes.Create(ctx, c.volume, volumes.CreateOpts{Name: move.Prefix + "probe", Size: 1, ImageID: uuid.NewString()}, nil).Extract()
	switch status(err) {
	case http.StatusForbidden:
		return fmt.Errorf("cloud %s does not let the roles %s create volumes: Cinder's policy volume:create_from_image asks for member", c.Name, strings.Join(c.Roles, ", "))
	case http.StatusNotFound, http.StatusBadRequest, http.StatusRequestEntityTooLarge: // 413: the quota, which is assessed elsewhere
		return nil
	}
	if err != nil {
		return explain(err)
	}
	return c.DeleteVolume(ctx, v.ID) // a service that looks for the image later
}

// MayBackUp finds out whether the login may create backups, without making one: it asks for
// one of a volume that does not exist. Cinder checks the policy first, and then the volume.
func (c *Cloud) MayBackUp(ctx context.Context) error {
	err := backups.Create(ctx, c.volume, backups.CreateOpts{VolumeID: uuid.NewString(), Name: move.Prefix + "probe"}).Err
	switch status(err) {
	case http.StatusForbidden:
		return fmt.Errorf("cloud %s does not let the roles %s create backups: Cinder's policy backup:create asks for member", c.Name, strings.Join(c.Roles, ", "))
	case http.StatusNotFound, http.StatusBadRequest:
		return nil
	}
	return explain(err)
}
