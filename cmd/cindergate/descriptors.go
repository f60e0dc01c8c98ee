package main

import (
	"syscall"

	"go.uber.org/zap"

	"cindergate/config"
)

const (
	// ownDescriptors is the number of file descriptors for the database, the listener and
	// the log; jobDescriptors is the number that one job may use.
	ownDescriptors, jobDescriptors = 32, 64
	// fewestConnections is the least number of connections, whatever the limit of
	// descriptors.
	fewestConnections = 8
)

// maxConnections returns how many client connections to allow: the configured number,
// reduced so that the store and the requests themselves have enough file descriptors.
func maxConnections(c *config.Config, log *zap.Logger) int {
	if c.HTTP.MaxConnections == 0 {
		return 0
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return c.HTTP.MaxConnections
	}
	most := connectionsWithin(limit.Cur, c.Embedded.Workers)
	if most >= c.HTTP.MaxConnections {
		return c.HTTP.MaxConnections
	}
	log.Warn("the limit of open files (ulimit -n) allows fewer connections than http.max_connections",
		zap.Uint64("open_files", limit.Cur), zap.Int("max_connections", c.HTTP.MaxConnections), zap.Int("connections", most))
	return most
}

// connectionsWithin returns how many connections fit within a limit of descriptors.
func connectionsWithin(descriptors uint64, jobs int) int {
	left := int(min(descriptors, 1<<30)) - ownDescriptors - jobDescriptors*jobs
	return max(fewestConnections, left/2)
}
