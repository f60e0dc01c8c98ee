package main

import (
	"syscall"

	"go.uber.org/zap"

	"cindergate/config"
)

const (
	// ownDescriptors is how many file descriptors the database, the listener and the log
	// need, and jobDescriptors how many a job may use.
	ownDescriptors, jobDescriptors = 32, 64
	// fewestConnections are always let in.
	fewestConnections = 8
)

// maxConnections is how many connections of clients are let in: as many as are configured,
// but no more than leave descriptors for the store, and one for what a request itself
// opens.
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

// connectionsWithin is how many connections a limit of descriptors leaves room for.
func connectionsWithin(descriptors uint64, jobs int) int {
	left := int(min(descriptors, 1<<30)) - ownDescriptors - jobDescriptors*jobs
	return max(fewestConnections, left/2)
}
