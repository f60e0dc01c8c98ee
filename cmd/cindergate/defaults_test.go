package main

import (
	"os"
	"path/filepath"
	"testing"

	"cindergate/config"
	"cindergate/driver"
)

// Package config imports none of the others, so it repeats their defaults. This test
// compares them.
func TestDefaultsAreThoseOfTheDrivers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cindergate.yaml")
	text := "backends: {east: {driver: vbs, vbs: {identity_url: https://iam.example.com/v3}}}\nauth: noauth\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.MaxBody != driver.MaxRequestBody {
		t.Errorf("http.max_body is %d, Cinder's is %d", c.HTTP.MaxBody, driver.MaxRequestBody)
	}
	if got := c.Backends["east"].VBS.IDTimeout; got != driver.AnswerTime {
		t.Errorf("id_timeout is %s, drivers wait %s", got, driver.AnswerTime)
	}
}
