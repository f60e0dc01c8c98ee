// Package carrier moves through the objects of cinder-backup, in the tenant's own Swift
// account or in an S3 service that the tenant has keys for: a source reads the chunks of
// backups there, and a target replaces those of a blank
// backup (the carrier), which an ordinary restore then brings into a volume.
//
// In Swift, it works where cinder-backup runs the driver's default, backup_swift_auth =
// per_user: it then writes with the caller's token to the caller's account
// (cinder/backup/drivers/swift.py). That is found out, never assumed.
package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"

	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/move"
	"cindergate/internal/move/cloud"
)

// Path is the name of the path.
const Path = "carrier"

// account is where the objects of backups are.
type account struct {
	*cloud.Cloud
	store chunk.Store
}

func newAccount(c *cloud.Cloud) (account, error) {
	s, err := c.Objects()
	return account{c, s}, err
}

// notHere explains why a backup's objects are not there.
func (a account) notHere(b *backups.Backup) error {
	return fmt.Errorf("the objects of backup %s are not in container %q of %s: %s, so its bytes cannot be reached", b.ID, b.Container, a.Home(), a.Reason())
}

// locate finds the objects of a backup.
func (a account) locate(ctx context.Context, b *backups.Backup) (chunked.Location, error) {
	if b.Container == "" || strings.Contains(b.Container, "/") {
		return chunked.Location{}, a.notHere(b)
	}
	at, err := chunked.Find(ctx, a.store, b.Container, b.VolumeID, b.ID)
	var failure *chunk.Failure
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &failure) && strings.Contains(failure.Text, "has no container") {
		return at, a.notHere(b)
	}
	return at, err
}

// chain returns the levels of a backup from the full one on.
func (a account) chain(ctx context.Context, id string, size int64) ([]chunked.Level, error) {
	return chunked.ChainOf(ctx, a.store, id, size, func(ctx context.Context, id string) (chunked.Location, error) {
		b, err := a.Backup(ctx, id)
		if err != nil {
			return chunked.Location{}, err
		}
		return a.locate(ctx, b)
	})
}

// open opens the content of a backup. dir is for its digests.
func (a account) open(ctx context.Context, id, dir string) (move.Content, error) {
	b, err := a.Backup(ctx, id)
	if err != nil {
		return nil, err
	}
	size := int64(b.Size) * cloud.GiB
	levels, err := a.chain(ctx, id, size)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "digests-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c, err := chunked.OpenKept(ctx, a.store, size, levels, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &content{c, f}, nil
}

// content is a [move.Content] of chunks.
type content struct {
	*chunked.Content
	f *os.File // the digests of all blocks
}

var _ move.Content = (*content)(nil)

func (c *content) Digests(_ context.Context, w io.Writer) (int64, error) {
	st, err := c.f.Stat()
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(w, io.NewSectionReader(c.f, 0, st.Size()))
	return c.BlockSize(), err
}

func (c *content) Close() error { return c.f.Close() }

// probe finds out whether the newest backup of the project has its objects there.
func (a account) probe(ctx context.Context, as *move.Assessment) error {
	if !a.AssessObjects(ctx, as) {
		return nil
	}
	if err := a.MayBackUp(ctx); err != nil {
		as.Problems = append(as.Problems, err.Error())
		return nil
	}
	all, err := a.Backups(ctx, "", "")
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(b backups.Backup) bool { return b.Status != "available" || b.ObjectCount == 0 })
	if len(all) == 0 {
		as.Unproven = append(as.Unproven, fmt.Sprintf("whether cinder-backup writes to %s shows with the first backup: nothing else is made before, and if it does not, the move ends there and an abort removes it", a.Home()))
		as.Why = a.Home() + " can be reached, and may be where cinder-backup writes"
		return nil
	}
	newest := slices.MaxFunc(all, func(x, y backups.Backup) int { return x.CreatedAt.Compare(y.CreatedAt) })
	if _, err := a.locate(ctx, &newest); err != nil {
		as.Problems = append(as.Problems, err.Error())
		return nil
	}
	as.Why = fmt.Sprintf("the objects of backup %s lie in %s", newest.ID, a.Home())
	return nil
}
