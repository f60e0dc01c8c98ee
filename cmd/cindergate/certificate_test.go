package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
)

// writePair writes a certificate with the serial number, and its key.
func writePair(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return cert, key
}

// The server serves a renewed certificate without a restart. It ignores files that do not
// match.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, 1)
	c, err := loadCertificate(cert, key, zaptest.NewLogger(t))
	must(t, err)
	serial := func() int64 {
		t.Helper()
		got, err := c.get(nil)
		must(t, err)
		return got.Leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatal(got)
	}
	writePair(t, dir, 2)
	later := time.Now().Add(time.Hour) // later than the file system's clock resolution
	must(t, os.Chtimes(cert, later, later))
	if got := serial(); got != 2 {
		t.Fatal(got)
	}
	must(t, os.WriteFile(key, []byte("half of a k"), 0o600))
	if got := serial(); got != 2 {
		t.Fatal(got)
	}
	must(t, os.Remove(cert))
	if got := serial(); got != 2 {
		t.Fatal(got)
	}
	writePair(t, dir, 3)
	if got := serial(); got != 3 {
		t.Fatal(got)
	}
	if _, err := loadCertificate(cert, cert, zaptest.NewLogger(t)); err == nil {
		t.Fatal("a certificate was taken for its key")
	}
}
