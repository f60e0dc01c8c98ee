package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"

	"cindergate/internal/move"
)

// Points are backups of a volume that a move makes, one for each round.
type Points struct {
	*Cloud
	Env    *move.Env
	Volume string
	state  pointsState
}

type pointsState struct {
	Points []Named `json:"points"`
}

// Named is a resource. The id is known when the cloud has answered.
type Named struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
}

// Load reads the state that was saved last.
func (p *Points) Load() error { return p.Env.Load(&p.state) }

// Freeze makes the backup of a round, incremental on the one before where it can be.
func (p *Points) Freeze(ctx context.Context, round int) (*backups.Backup, error) {
	v, err := p.Cloud.Volume(ctx, p.Volume)
	if err != nil {
		return nil, err
	}
	name := p.Env.Name(fmt.Sprintf("source-point-%d", round))
	if len(p.state.Points) < round {
		p.state.Points = append(p.state.Points, Named{Name: name})
		if err := p.Env.Save(p.state); err != nil {
			return nil, err
		}
	}
	p.Env.Status(fmt.Sprintf("cloud %s backs up the volume", p.Name))
	n := NewBackup{Name: name, VolumeID: p.Volume, Incremental: round > 1, Force: v.InUse, Description: "made by cindergate move " + p.Env.ID}
	b, err := p.EnsureBackup(ctx, n)
	var refused *Refusal
	if n.Incremental && errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		n.Incremental = false // there is none that it could build on
		b, err = p.EnsureBackup(ctx, n)
	}
	if err != nil {
		return nil, err
	}
	p.state.Points[round-1].ID = b.ID
	return b, p.Env.Save(p.state)
}

// Report implements [move.Reporter]: the last backup shows the progress in its metadata.
func (p *Points) Report(ctx context.Context, text string) error {
	if len(p.state.Points) == 0 {
		return nil
	}
	return p.ShowProgress(ctx, p.state.Points[len(p.state.Points)-1].ID, text)
}

// Release deletes the backups.
func (p *Points) Release(ctx context.Context) error {
	return p.DeleteNamed(ctx, p.Env.Name("source-"))
}

// Leftovers lists what is left of them.
func (p *Points) Leftovers(ctx context.Context) ([]string, error) {
	return p.Left(ctx, p.Env.Name("source-"))
}

// PointOf describes a backup as a point.
func PointOf(b *backups.Backup) move.Point {
	p := move.Point{ID: b.ID, Name: b.Name, Description: b.Description, Size: int64(b.Size) * GiB, Taken: b.DataTimestamp, Incremental: b.IsIncremental}
	if p.Taken.IsZero() {
		p.Taken = b.CreatedAt
	}
	if b.Metadata != nil {
		p.Metadata = *b.Metadata
	}
	return p
}

// VolumeOf describes the volume of a backup, with the backup's size. Of a volume that is gone
// only the id is known: its status is "".
func (c *Cloud) VolumeOf(ctx context.Context, b *backups.Backup) (move.Volume, error) {
	v, err := c.Volume(ctx, b.VolumeID)
	if errors.Is(err, ErrGone) {
		v, err = move.Volume{ID: b.VolumeID}, nil
	}
	v.Size = int64(b.Size) * GiB
	return v, err
}

// ChainOf describes the backups of a chain, the full one first.
func (c *Cloud) ChainOf(ctx context.Context, ids []string) ([]move.Point, error) {
	var points []move.Point
	for _, id := range ids {
		b, err := c.Backup(ctx, id)
		if err != nil {
			return nil, err
		}
		if b.Status != "available" {
			return nil, fmt.Errorf("backup %s is in the status %s: all backups of the chain must be available", b.ID, b.Status)
		}
		p := PointOf(b)
		if len(points) > 0 && points[0].Size != p.Size {
			return nil, fmt.Errorf("backup %s is of a volume of %d GiB and backup %s of %d GiB: a chain whose volume was resized cannot be moved",
				points[0].ID, points[0].Size/GiB, b.ID, b.Size)
		}
		points = append(points, p)
	}
	return points, nil
}

// RemoveNamed deletes the backups and the volumes whose names begin with a prefix.
func (c *Cloud) RemoveNamed(ctx context.Context, prefix string) error {
	if err := c.DeleteNamed(ctx, prefix); err != nil {
		return err
	}
	all, err := c.Volumes(ctx, "")
	if err != nil {
		return err
	}
	for _, v := range all {
		if strings.HasPrefix(v.Name, prefix) {
			if err := c.DeleteVolume(ctx, v.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeleteNamed deletes the backups whose names begin with a prefix, the highest number first,
// so that none has another one that depends on it.
func (c *Cloud) DeleteNamed(ctx context.Context, prefix string) error {
	all, err := c.Backups(ctx, "", "")
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(b backups.Backup) bool { return !strings.HasPrefix(b.Name, prefix) })
	number := func(b backups.Backup) int {
		n, _ := strconv.Atoi(b.Name[strings.LastIndexByte(b.Name, '-')+1:])
		return n
	}
	slices.SortFunc(all, func(x, y backups.Backup) int { return number(y) - number(x) })
	for _, b := range all {
		if err := c.DeleteBackups(ctx, b.ID); err != nil {
			return err
		}
	}
	return nil
}
