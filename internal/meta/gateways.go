package meta

import "time"

// Gateway is a row of gateways: a process that shares the database. Host is the key.
type Gateway struct {
	Host             string
	Directory        string // the id of its data directory
	AvailabilityZone string
	TotalBytes       int64 // of the file system of its volumes
	FreeBytes        int64
	SeenAt           time.Time // its last heartbeat, by the database's clock; zero: it has been stopped
}

var gateways = table[Gateway]{name: "gateways", key: func(g *Gateway) string { return g.Host }, columns: []column[Gateway]{
	{"id", func(g *Gateway) any { return &g.Host }},
	{"directory", func(g *Gateway) any { return &g.Directory }},
	{"availability_zone", func(g *Gateway) any { return &g.AvailabilityZone }},
	{"total_bytes", func(g *Gateway) any { return &g.TotalBytes }},
	{"free_bytes", func(g *Gateway) any { return &g.FreeBytes }},
	{"seen_at", func(g *Gateway) any { return lease{&g.SeenAt} }},
}}

// Gateways returns all gateways, those that are gone as well, by name.
func (tx *Tx) Gateways() ([]*Gateway, error) { return gateways.find(tx.ctx, tx.q, "ORDER BY id") }

// PutGateway inserts or replaces a gateway.
func (tx *Tx) PutGateway(g *Gateway) error { return gateways.put(tx.ctx, tx.q, g) }
