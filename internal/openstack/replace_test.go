package openstack

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReplacerAcrossReads(t *testing.T) {
	const in = "http://up/v3/x http://up/y http://up http://u http://up/v3/"
	const want = "http://gw/v2/x http://gw/y http://up http://u http://gw/v2/"
	pairs := []string{"http://up/v3/", "http://gw/v2/", "http://up/", "http://gw/"}
	for name, from := range map[string]io.Reader{
		"whole": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in)),
		"halves": iotest.HalfReader(strings.NewReader(in)), "data with EOF": iotest.DataErrReader(strings.NewReader(in)),
	} {
		got, err := io.ReadAll(newReplacer(from, pairs))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v %s", name, err, got)
		}
	}
}
