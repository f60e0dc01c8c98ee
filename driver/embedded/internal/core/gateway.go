package core

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"cindergate/internal/meta"
)

// Gateway is a process that works on the database. Volumes and snapshots are files of one of
// them, and jobs that need a file run there.
type Gateway struct {
	Host             string
	AvailabilityZone string
	TotalBytes       int64 // of the file system of its volumes
	FreeBytes        int64
	SeenAt           time.Time
	Up               bool // its heartbeat is fresh
}

// Several reports whether several gateways share the database.
func (c *Core) Several() bool { return c.Gateway != "" }

// Gateways returns all gateways by name, those that do not run as well. One that has the database
// to itself is up, and its space is not asked for.
func (c *Core) Gateways(tx *meta.Tx) ([]Gateway, error) {
	if !c.Several() {
		return []Gateway{{Host: c.Host, AvailabilityZone: c.AvailabilityZone, SeenAt: tx.Now, Up: true}}, nil
	}
	rows, err := tx.Gateways()
	all := make([]Gateway, len(rows))
	for i, g := range rows {
		all[i] = Gateway{Host: g.Host, AvailabilityZone: g.AvailabilityZone, TotalBytes: g.TotalBytes, FreeBytes: g.FreeBytes, SeenAt: g.SeenAt,
			Up: tx.Now.Sub(g.SeenAt) < c.DownAfter}
	}
	return all, err
}

// Space returns the size of the file system of the volumes, and its free part, in bytes.
func (c *Core) Space() (total, free int64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(c.Files.Dir, &fs); err != nil {
		return 0, 0, err
	}
	return int64(fs.Blocks) * fs.Bsize, int64(fs.Bavail) * fs.Bsize, nil
}

// backend is what follows the name of the gateway in the host of a volume.
const backend = "@embedded"

// PoolOf returns the host of the volumes of a gateway, as rows have it: host@backend#pool.
func PoolOf(gateway string) string { return gateway + backend + "#embedded" }

// SharedHost stands for all gateways in the host of a volume that is on a file system that they
// share.
const SharedHost = "shared"

// OwnHost returns the gateway's part of the host of volumes that are made here.
func (c *Core) OwnHost() string {
	if c.SharedVolumes {
		return SharedHost
	}
	return c.Host
}

// GatewayOf returns the gateway that has a volume, by the volume's host; "" if there is only this
// one, if all of them have it, or if the volume was never placed.
func (c *Core) GatewayOf(volumeHost string) string {
	if !c.Several() || c.SharedVolumes {
		return ""
	}
	name, _, _ := strings.Cut(volumeHost, "@")
	return name
}

// Here reports whether this gateway can see the files of a volume.
func (c *Core) Here(volumeHost string) bool {
	return c.SharedVolumes || c.GatewayOf(volumeHost) == c.Gateway
}

// Alone reports whether this gateway alone changes the files of a volume. Otherwise requests leave
// that to jobs, which run one after the other.
func (c *Core) Alone(volumeHost string) bool { return !c.SharedVolumes && c.Here(volumeHost) }
