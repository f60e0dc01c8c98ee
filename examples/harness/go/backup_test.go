// Package backup shows how a program that makes backups is tested: here, that it waits when the
// cloud tells it to slow down.
package backup

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"cindergate/cindertest"
)

// backUp is the program: it makes a backup, and waits as long as the cloud says.
func backUp(ctx context.Context, client *gophercloud.ServiceClient, volume string, wait func(time.Duration)) (string, error) {
	for {
		b, err := backups.Create(ctx, client, backups.CreateOpts{VolumeID: volume}).Extract()
		if err == nil {
			return b.ID, nil
		}
		var refused gophercloud.ErrUnexpectedResponseCode
		if !errors.As(err, &refused) || refused.Actual != http.StatusRequestEntityTooLarge {
			return "", err
		}
		seconds, err := strconv.Atoi(refused.ResponseHeader.Get("Retry-After"))
		if err != nil || seconds == 0 {
			return "", refused // a quota is used up, and waiting does not help
		}
		wait(time.Duration(seconds) * time.Second)
	}
}

func TestBackUpWaits(t *testing.T) {
	cloud := cindertest.New(t)
	client := cloud.BlockStorage()
	v, err := volumes.Create(t.Context(), client, volumes.CreateOpts{Size: 1}, nil).Extract()
	if err != nil {
		t.Fatal(err)
	}
	cloud.Faults.Next("POST /backups").Times(3).RetryAfter(20 * time.Second)
	id, err := backUp(t.Context(), client, v.ID, cloud.Clock.Advance)
	if err != nil {
		t.Fatal(err)
	}
	cloud.Settle()
	b, err := backups.Get(t.Context(), client, id).Extract()
	if err != nil {
		t.Fatal(err)
	}
	if b.Status != "available" || b.CreatedAt.Sub(cindertest.Start) != time.Minute {
		t.Errorf("%s after %s", b.Status, b.CreatedAt.Sub(cindertest.Start))
	}
}
