package otcfake

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"

	"cindergate/internal/qcow2"
)

// diskBlock is the size of a disk's blocks, in bytes.
const diskBlock = 1 << 20

// disk is the bytes that a [Volume.Content] stands for. A block that is missing is zeroes.
type disk map[int64][]byte

// disk returns the bytes of a content. One that nobody wrote bytes for begins with its text.
func (c *Cloud) disk(content string) disk {
	d, ok := c.disks[content]
	if !ok && content != "" {
		d = disk{}
		d.write([]byte(content), 0)
	}
	return d
}

func (d disk) write(p []byte, off int64) {
	for len(p) > 0 {
		n, within := off/diskBlock, off%diskBlock
		if d[n] == nil {
			d[n] = make([]byte, diskBlock)
		}
		k := copy(d[n][within:], p)
		p, off = p[k:], off+int64(k)
	}
}

func (d disk) read(p []byte, off int64) {
	for len(p) > 0 {
		n, within := off/diskBlock, off%diskBlock
		k := int(min(diskBlock-within, int64(len(p))))
		if b := d[n]; b != nil {
			copy(p[:k], b[within:])
		} else {
			clear(p[:k])
		}
		p, off = p[k:], off+int64(k)
	}
}

// WriteVolume writes bytes into a volume, as a server would.
func (c *Cloud) WriteVolume(id string, p []byte, off int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := find(c.volumes, id)
	d := disk{}
	for n, b := range c.disk(v.Content) { // others may have the old content
		d[n] = bytes.Clone(b)
	}
	d.write(p, off)
	v.Content = "bytes-" + c.newID()
	c.disks[v.Content] = d
}

// ReadVolume reads bytes of a volume.
func (c *Cloud) ReadVolume(id string, p []byte, off int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disk(find(c.volumes, id).Content).read(p, off)
}

// export returns the qcow2 image of a content.
func (c *Cloud) export(content string, sizeGiB int) ([]byte, error) {
	d := c.disk(content)
	blocks := slices.Sorted(maps.Keys(d))
	l, err := qcow2.NewLayout(int64(sizeGiB)<<30, diskBlock, blocks, 0)
	if err != nil {
		return nil, err
	}
	file, err := io.ReadAll(l.Tables())
	for _, n := range blocks {
		file = append(file, d[n]...)
	}
	return file, err
}

// inMemory is a file in memory.
type inMemory []byte

func (f inMemory) ReadAt(_ context.Context, p []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(bytes.NewReader(f), off, int64(len(p))), p)
	return err
}

var errFormat = errors.New("the image file is no qcow2 or raw file")

// take makes a content of an image's file and returns it with the size of the disk, in bytes.
func (c *Cloud) take(file []byte) (content string, size int64, err error) {
	d := disk{}
	switch {
	case len(file) >= 4 && binary.BigEndian.Uint32(file) == 0x514649fb:
		m, err := qcow2.Open(context.Background(), inMemory(file), int64(len(file)))
		if err != nil {
			return "", 0, err
		}
		size = m.Size()
		for r, err := range m.Data(context.Background()) {
			if err != nil {
				return "", 0, err
			}
			for off := r[0]; off < r[1]; off += diskBlock {
				p := make([]byte, min(diskBlock, r[1]-off))
				if err := m.ReadAt(context.Background(), p, off); err != nil {
					return "", 0, err
				}
				d.write(p, off)
			}
		}
	case len(file)%512 == 0:
		size = int64(len(file))
		d.write(file, 0)
	default:
		return "", 0, errFormat
	}
	content = "bytes-" + c.newID()
	c.disks[content] = d
	return content, size, nil
}
