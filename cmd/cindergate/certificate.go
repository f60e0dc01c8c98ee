package main

import (
	"crypto/tls"
	"errors"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// certificate is a pair of PEM files. A client gets what is in the files: a pair that
// has been renewed needs no restart.
type certificate struct {
	cert, key string
	log       *zap.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	version [2]fileVersion
}

// fileVersion tells whether a file has been replaced or written.
type fileVersion struct {
	modified time.Time
	size     int64
}

// loadCertificate reads the files, which must be a pair.
func loadCertificate(cert, key string, log *zap.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	c.loaded = &pair
	c.version, err = c.versions()
	return c, err
}

func (c *certificate) versions() (v [2]fileVersion, err error) {
	for i, name := range []string{c.cert, c.key} {
		st, statErr := os.Stat(name)
		if err = errors.Join(err, statErr); statErr == nil {
			v[i] = fileVersion{st.ModTime(), st.Size()}
		}
	}
	return v, err
}

// get is tls.Config.GetCertificate. Files that are missing or are no pair, as they
// may be while they are being renewed, leave the last good pair in force.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.versions()
	if err != nil || now == c.version {
		return c.loaded, nil // the last good pair is the answer
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		c.log.Warn("the TLS files have changed and are not a pair; the former certificate stays in force", zap.Error(err))
		return c.loaded, nil
	}
	c.loaded, c.version = &pair, now
	c.log.Info("the TLS certificate was reloaded")
	return c.loaded, nil
}
