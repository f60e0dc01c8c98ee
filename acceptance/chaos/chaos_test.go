package main

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo is a server that repeats what it is sent.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a byte and returns the error of the answer.
func ask(c net.Conn, limit time.Duration) error {
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestProxy(t *testing.T) {
	p, err := newProxy(t.Context(), "127.0.0.1:0", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	before := dial(t, p)
	if err := ask(before, time.Minute); err != nil {
		t.Fatalf("a connection that passes: %v", err)
	}

	p.set(silence)
	during := dial(t, p)
	for name, c := range map[string]net.Conn{"from before": before, "from during": during} {
		if err := ask(c, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection %s the silence hears %v, not nothing", name, err)
		}
	}
	p.set(pass)
	for name, c := range map[string]net.Conn{"from before": before, "from during": during} {
		if err := ask(c, time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection %s the silence is not reset afterwards: %v", name, err)
		}
	}
	if err := ask(dial(t, p), time.Minute); err != nil {
		t.Errorf("a new connection after the silence: %v", err)
	}

	open := dial(t, p)
	if err := ask(open, time.Minute); err != nil {
		t.Fatal(err)
	}
	p.set(refuse)
	if err := ask(open, time.Minute); err == nil {
		t.Error("an open connection goes on while connections are refused")
	}
	if c, err := net.Dial("tcp", p.listener.Addr().String()); err == nil { // the reset may already be here
		t.Cleanup(func() { _ = c.Close() })
		if err := ask(c, time.Minute); err == nil {
			t.Error("a new connection is served while connections are refused")
		}
	}
}

func TestModelKnowsContents(t *testing.T) {
	path := t.TempDir() + "/volume"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<30), f.Close()); err != nil {
		t.Fatal(err)
	}
	r := newRand(1, 2)
	now := content{}
	for range 20 {
		before := now
		if now, err = write(path, now, r); err != nil {
			t.Fatal(err)
		}
		got, err := readContent(path)
		if err != nil || !got.equal(now) {
			t.Fatalf("the file has %v, the model %v, %v", got, now, err)
		}
		if o := (&object{contents: []content{before}}); !before.equal(now) && o.may(got) {
			t.Fatal("the model takes changed bytes for the former ones")
		}
	}
}
