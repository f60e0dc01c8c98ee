package openstack

import (
	"io"
	"strings"
)

// replacer replaces strings in a stream, including those that span two reads. It returns
// data as soon as it can.
type replacer struct {
	from    io.Reader
	replace *strings.Replacer
	olds    []string
	in      []byte // read, not yet replaced
	out     []byte // replaced, not yet returned
	err     error
}

// newReplacer takes pairs of old and new strings.
func newReplacer(from io.Reader, pairs []string) *replacer {
	r := &replacer{from: from, replace: strings.NewReplacer(pairs...)}
	for i := 0; i < len(pairs); i += 2 {
		r.olds = append(r.olds, pairs[i])
	}
	return r
}

func (r *replacer) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		buf := make([]byte, max(len(p), 512))
		var n int
		n, r.err = r.from.Read(buf)
		r.in = append(r.in, buf[:n]...)
		keep := r.pending()
		if r.err != nil {
			keep = 0
		}
		whole := len(r.in) - keep
		r.out = []byte(r.replace.Replace(string(r.in[:whole])))
		r.in = append(r.in[:0], r.in[whole:]...)
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// pending returns the number of bytes at the end that may begin an old string.
func (r *replacer) pending() int {
	longest := 0
	for _, old := range r.olds {
		for n := min(len(old)-1, len(r.in)); n > longest; n-- {
			if strings.HasPrefix(old, string(r.in[len(r.in)-n:])) {
				longest = n
			}
		}
	}
	return longest
}
