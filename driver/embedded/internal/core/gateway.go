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
	return int64(fs.Blocks) * fs.Bsize, int64(fs.Bavail) * fs.Bsize, nil //nolint:gosec // file systems are smaller than 8 EiB
}

// backend is what follows the name of the gateway in the host of a volume.
const backend = "@embedded"

// PoolOf returns the host of the volumes of a gateway, as rows have it: host@backend#pool.
func PoolOf(gateway string) string { return gateway + backend + "#embedded" }

// GatewayOf returns the gateway that has a volume, by the volume's host; "" if there is only this
// one, or if the volume was never placed.
func (c *Core) GatewayOf(volumeHost string) string {
	if !c.Several() {
		return ""
	}
	name, _, _ := strings.Cut(volumeHost, "@")
	return name
}

// Here reports whether the files of a volume are those of this gateway.
func (c *Core) Here(volumeHost string) bool { return c.GatewayOf(volumeHost) == c.Gateway }
