package main

import (
	"crypto/tls"
	"errors"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// certificate is a pair of PEM files. It follows changes of the files, so a renewed
// certificate needs no restart.
type certificate struct {
	cert, key string
	log       *zap.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	version [2]fileVersion
}

// fileVersion identifies the content of a file: it changes when the file is replaced or
// written.
type fileVersion struct {
	modified time.Time
	size     int64
}

// loadCertificate reads the certificate and its key, which must match.
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

// get implements tls.Config.GetCertificate. If the files are missing or do not match, as
// during a renewal, it returns the last valid pair.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.versions()
	if err != nil || now == c.version {
		return c.loaded, nil // the last valid pair
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
