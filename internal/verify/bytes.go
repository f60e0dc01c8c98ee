package verify

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// way is a way to bring known bytes into a volume, and to read the bytes of one.
type way interface {
	// fill makes a volume of 1 GiB that begins with the given bytes, and has zeroes after them.
	fill(x *X, name string, content []byte) string
	// read writes all bytes of a volume to w, but may leave out zeroes: it skips them.
	read(x *X, volume string, w *comparison)
}

// way chooses the first way that works: the commands that the user names, the content of
// backups, which only Cindergate gives out, or images.
func (x *X) way() way {
	switch {
	case x.r.o.WriteVolume != "":
		return commands{writer: x.r.o.WriteVolume, reader: x.r.o.ReadVolume}
	case x.givesContent():
		return content{}
	case x.r.o.Image != "":
		return images{}
	}
	x.notTested("there is no way to the bytes of a volume: the catalogue has no image service, and no commands are given")
	return nil
}

// probeBytes ends a case of the data level where there is no way to the bytes.
func (x *X) probeBytes() { x.way() }

const (
	gib    = 1 << 30
	octets = "application/octet-stream"
)

// fill and read are preparations: where they fail, the case is not tested.
func (x *X) fill(name string, content []byte) (volume string) {
	x.prepares(func() { volume = x.way().fill(x, name, content) })
	return volume
}

func (x *X) read(volume string, w *comparison) {
	x.prepares(func() { x.way().read(x, volume, w) })
}

func (x *X) prepares(f func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case deviates:
			x.notTested("the bytes of a volume could not be written or read: %s, not %s", p.Got, p.Expected)
		default:
			panic(p)
		}
	}()
	f()
}

// content is Cindergate's own way (docs/api.md, "Content of backups").
type content struct{}

// givesContent asks for the bytes of a backup that does not exist, and sends it some: only an
// endpoint that has these operations names the backup.
func (x *X) givesContent() bool {
	names := func(a *answer) bool {
		return a.e.Status == http.StatusNotFound && strings.Contains(string(a.content), nowhere)
	}
	return names(x.get(somewhere+"/data?map")) &&
		names(x.put(somewhere+"/data", strings.Repeat("\x00", 1<<20), with("Content-Type", octets), with("Content-Range", fmt.Sprintf("bytes 0-%d/*", 1<<20-1))))
}

func (content) fill(x *X, name string, content []byte) string {
	a := x.post("/backups/upload", fmt.Sprintf(`{"upload": {"size": %d, "name": %q}}`, small, name))
	x.overQuota(a)
	a.is(http.StatusAccepted)
	id := x.keep("backups", a.str("backup.id"))
	x.keep("uploads", id)
	x.put("/backups/"+id+"/data", string(content), with("Content-Type", octets), with("Content-Range", fmt.Sprintf("bytes 0-%d/*", len(content)-1))).is(http.StatusNoContent)
	x.post("/backups/"+id+"/upload", fmt.Sprintf(`{"commit": {"received": %d}}`, len(content))).is(http.StatusAccepted)
	x.settled("backups", id)
	r := x.post("/backups/"+id+"/restore", restoreTo(fmt.Sprintf(`"name": %q`, name)))
	x.overQuota(r)
	volume := x.keep("volumes", r.is(http.StatusAccepted).str("restore.volume_id"))
	x.settled("volumes", volume)
	return volume
}

func (content) read(x *X, volume string, w *comparison) {
	id := x.newBackup(x.name("read"), volume, "")
	path := "/backups/" + id + "/data"
	for offset := int64(0); ; {
		m := x.get(path + "?map&offset=" + strconv.FormatInt(offset, 10)).is(http.StatusOK)
		for i := range m.list("map.ranges") {
			r := "map.ranges." + strconv.Itoa(i)
			begin, end := int64(m.number(r+".0")), int64(m.number(r+".1"))
			w.seek(begin)
			x.stream(http.MethodGet, x.url(request{who: Tester}, path), w, end-begin, http.StatusPartialContent, http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", begin, end-1)}})
		}
		next, ok := m.value("map.next").(float64)
		if !ok || int64(next) <= offset {
			break
		}
		offset = int64(next)
	}
	w.seek(gib)
	x.delete("/backups/" + id).is(http.StatusAccepted)
}

// stream reads an answer that is too long to be kept.
func (x *X) stream(method, url string, w io.Writer, limit int64, status int, header http.Header) {
	header.Set("OpenStack-API-Version", "volume "+x.version)
	e, _, err := x.r.client.do(x.ctx, call{who: Tester, login: x.r.login(Tester), method: method, url: url, header: header, into: w, limit: limit})
	if e != nil {
		x.exchanges = append(x.exchanges, e)
	}
	if err != nil {
		x.broken(e, err)
	}
	a := &answer{x: x, e: e}
	a.is(status)
}

// images is the way through Glance.
type images struct{}

func (images) at(x *X) []option { return []option{from(x.r.o.Image), at("")} }

// passes removes an image that was only on the way.
func (w images) passes(x *X, id string) {
	x.delete("/v2/images/"+id, w.at(x)...)
}

func (w images) fill(x *X, name string, content []byte) string {
	a := x.post("/v2/images", fmt.Sprintf(`{"name": %q, "disk_format": "raw", "container_format": "bare", "visibility": "private"}`, name), w.at(x)...)
	x.overQuota(a)
	image := x.keep("images", a.is(http.StatusCreated).str("id"))
	x.put("/v2/images/"+image+"/file", string(content), append(w.at(x), with("Content-Type", octets))...).is(http.StatusNoContent)
	v := x.post("/volumes", fmt.Sprintf(`{"volume": {"name": %q, "size": %d, "imageRef": %q}}`, name, small, image))
	x.overQuota(v)
	volume := x.keep("volumes", v.is(http.StatusAccepted).str("volume.id"))
	x.settled("volumes", volume)
	w.passes(x, image)
	return volume
}

func (w images) read(x *X, volume string, c *comparison) {
	a := x.post("/volumes/"+volume+"/action", fmt.Sprintf(`{"os-volume_upload_image": {"image_name": %q, "disk_format": "raw", "container_format": "bare", "force": false}}`, x.name("read")))
	image := x.keep("images", a.is(http.StatusAccepted).str("os-volume_upload_image.image_id"))
	x.settled("volumes", volume)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, x.r.o.Poll) {
		s := x.get("/v2/images/"+image, w.at(x)...).is(http.StatusOK)
		status := s.str("status")
		if status == "active" {
			break
		}
		x.expect(status == "queued" || status == "saving" || status == "importing", s, "an image that becomes active", "status "+status)
		x.pause(wait)
	}
	x.stream(http.MethodGet, x.r.o.Image+"/v2/images/"+image+"/file", c, 2*gib, http.StatusOK, http.Header{})
	w.passes(x, image)
}

// commands is the way through commands of the user.
type commands struct{ writer, reader string }

func (c commands) command(x *X, text, volume string) *exec.Cmd {
	cmd := exec.CommandContext(x.ctx, "/bin/sh", "-c", text) //nolint:gosec // the user's own command
	cmd.Env = append(os.Environ(), "VOLUME_ID="+volume)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// ran ends the case where a command fails.
func (c commands) ran(x *X, err error, said *bytes.Buffer) {
	if err != nil {
		x.notTested("the command failed: %v: %s", err, x.r.client.secrets.hide(keep(said.Bytes())))
	}
}

func (c commands) fill(x *X, name string, content []byte) string {
	volume := x.newVolume(name, small, "")
	cmd := c.command(x, c.writer, volume)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(content), &said
	c.ran(x, cmd.Run(), &said)
	return volume
}

func (c commands) read(x *X, volume string, w *comparison) {
	cmd := c.command(x, c.reader, volume)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &said
	c.ran(x, cmd.Run(), &said)
}

// comparison is a writer that compares what it gets with what a volume should hold: some bytes
// at its beginning, and zeroes after them.
type comparison struct {
	want []byte
	old  []byte // what was there before; it must not come back
	at   int64  // offset of the next byte

	first   int64 // offset of the first difference
	differ  int64 // number of bytes that differ
	revived int64 // of them, those that are what was there before
}

// seek goes on at an offset: what lies between is zeroes.
func (c *comparison) seek(offset int64) {
	zeroes := make([]byte, 1<<20)
	for c.at < offset {
		n := min(int64(len(zeroes)), offset-c.at)
		if c.at >= int64(max(len(c.want), len(c.old))) {
			c.at = offset // zeroes are right there
			return
		}
		_, _ = c.Write(zeroes[:n])
	}
}

func (c *comparison) Write(p []byte) (int, error) {
	for from := 0; from < len(p); {
		// A stretch inside or beyond the known bytes.
		n := len(p) - from
		var want []byte
		if c.at < int64(len(c.want)) {
			want = c.want[c.at:]
			n = min(n, len(want))
			want = want[:n]
		} else {
			n = min(n, len(blank))
			want = blank[:n]
		}
		got := p[from : from+n]
		if !bytes.Equal(got, want) {
			for i := range got {
				if got[i] == want[i] {
					continue
				}
				if c.differ == 0 {
					c.first = c.at + int64(i)
				}
				c.differ++
				if at := c.at + int64(i); at < int64(len(c.old)) && got[i] == c.old[at] {
					c.revived++
				}
			}
		}
		c.at += int64(n)
		from += n
	}
	return len(p), nil
}

var blank [1 << 20]byte

// verdict says what differs; "": nothing.
func (c *comparison) verdict() string {
	switch {
	case c.at < gib:
		return fmt.Sprintf("%d bytes", c.at)
	case c.differ == 0:
		return ""
	case c.revived*10 > c.differ*9:
		return fmt.Sprintf("%d bytes differ from byte %d on: what an older backup has is back", c.differ, c.first)
	}
	return fmt.Sprintf("%d bytes differ from byte %d on", c.differ, c.first)
}
