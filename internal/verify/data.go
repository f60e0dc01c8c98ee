package verify

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
)

// knownBytes is how many bytes at the beginning of a volume are known. Cinder looks for zeroes
// in pieces of 1 MiB, so they are several of them.
const knownBytes = 8 << 20

// pattern makes bytes of which none repeats within a block.
func pattern(seed uint64) []byte {
	p := make([]byte, knownBytes)
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // known bytes, no secret
	for i := 0; i < len(p); i += 8 {
		v := r.Uint64() | 0x0101010101010101 // no zeroes among them
		for j := range 8 {
			p[i+j] = byte(v >> (8 * j))
		}
	}
	return p
}

// The contents of the volume, one for each backup of the chain. They are made when they are needed.
var (
	firstBytes  = sync.OnceValue(func() []byte { return pattern(1) })
	secondBytes = sync.OnceValue(func() []byte { return make([]byte, knownBytes) }) // all zeroes
	thirdBytes  = sync.OnceValue(func() []byte {
		// New bytes in two pieces, and zeroes around them.
		p, r := make([]byte, knownBytes), pattern(3)
		copy(p[2<<20:3<<20], r[2<<20:])
		copy(p[5<<20:5<<20+700_000], r[5<<20:])
		return p
	})
)

func (x *X) dataVolume() string {
	return x.thing("volumes", "volume with known bytes", func(x *X) string { return x.fill(x.name("data"), firstBytes()) })
}

func (x *X) dataFull() string {
	volume := x.dataVolume()
	return x.thing("backups", "backup of known bytes", func(x *X) string { return x.newBackup(x.name("data-full"), volume, "") })
}

// overwrite restores a backup into the volume with known bytes: that is how a tenant without a
// machine writes.
func (x *X) overwrite(backup, volume string) {
	x.settled("backups", backup)
	a := x.post("/backups/"+backup+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q`, volume)))
	x.overQuota(a)
	a.is(http.StatusAccepted)
	x.settled("volumes", volume)
	x.settled("backups", backup)
}

// dataSecond is an incremental backup of the volume after all known bytes became zeroes.
func (x *X) dataSecond() string {
	zeroes := x.full() // of a blank volume
	x.dataFull()
	volume := x.dataVolume()
	return x.thing("backups", "backup of zeroes on top", func(x *X) string {
		x.overwrite(zeroes, volume)
		return x.newBackup(x.name("data-second"), volume, `, "incremental": true`)
	})
}

// dataThird is an incremental backup on top of the second one, with other bytes.
func (x *X) dataThird() string {
	x.dataSecond()
	volume := x.dataVolume()
	return x.thing("backups", "third backup of a chain", func(x *X) string {
		other := x.fill(x.name("data-other"), thirdBytes())
		backup := x.newBackup(x.name("data-other"), other, "")
		x.overwrite(backup, volume)
		return x.newBackup(x.name("data-third"), volume, `, "incremental": true`)
	})
}

// compare reads a volume and ends the case where its bytes are not the wanted ones.
func (x *X) compare(volume string, want, old []byte, what string) {
	c := &comparison{want: want, old: old}
	x.read(volume, c)
	if v := c.verdict(); v != "" {
		var last *answer
		if n := len(x.exchanges); n > 0 {
			last = &answer{x: x, e: x.exchanges[n-1]}
		}
		x.expect(false, last, what, v)
	}
}

// toNew restores a backup to a new volume and compares it.
func (x *X) toNew(backup string, want, old []byte, what string) {
	a, _ := x.restoredFrom(backup, fmt.Sprintf(`"name": %q`, x.name("restored")))
	x.compare(a.str("restore.volume_id"), want, old, what)
}

// over restores a backup to a volume that holds other bytes and compares it.
func (x *X) over(backup string, before, want []byte, what string) {
	volume := x.fill(x.name("restored-over"), before)
	x.overwrite(backup, volume)
	x.compare(volume, want, before, what)
}

func dataCase(name, capability, rule, source string, run func(*X)) Case {
	return Case{Name: "data-" + name, Capability: capability, Level: Data, Risk: true, Rule: rule, Source: source, Run: run}
}

const (
	fullBytes        = "bytes of full backups"
	incrementalBytes = "bytes of incremental backups"
	chainBytes       = "bytes of chains"

	restoreBytes = "cinder/backup/chunkeddriver.py:ChunkedBackupDriver.restore"
)

var dataCases = []Case{
	dataCase("full", fullBytes, "A full backup that is restored to a new volume has the bytes of its volume.", restoreBytes, func(x *X) {
		x.toNew(x.dataFull(), firstBytes(), nil, "the bytes that were backed up")
	}),
	dataCase("full-over", fullBytes, "A full backup that is restored to a volume with other bytes replaces all of them, by zeroes as well.", restoreBytes, func(x *X) {
		x.over(x.full(), firstBytes(), nil, "zeroes, as in the blank volume that was backed up")
	}),
	dataCase("zeroed", incrementalBytes, "What became zeroes after the full backup is zeroes in a new volume.",
		"cinder/backup/chunkeddriver.py:ChunkedBackupDriver._restore_v1; Cinder from 23.0.0 on does not write zeroes to a new volume, so the old bytes come back", func(x *X) {
			x.toNew(x.dataSecond(), secondBytes(), firstBytes(), "zeroes")
		}),
	dataCase("zeroed-over", incrementalBytes, "What became zeroes after the full backup is zeroes in a volume with other bytes.", restoreBytes, func(x *X) {
		x.over(x.dataSecond(), firstBytes(), secondBytes(), "zeroes")
	}),
	dataCase("chain", chainBytes, "The last of three backups has its own bytes, and zeroes where they became zeroes.", restoreBytes, func(x *X) {
		x.toNew(x.dataThird(), thirdBytes(), firstBytes(), "the bytes of the third backup")
	}),
	dataCase("chain-middle", chainBytes, "The second of three backups still has its own bytes.", restoreBytes, func(x *X) {
		x.dataThird()
		x.toNew(x.dataSecond(), secondBytes(), firstBytes(), "the bytes of the second backup, which are zeroes")
	}),
	dataCase("chain-first", chainBytes, "The first of three backups still has its own bytes.", restoreBytes, func(x *X) {
		x.dataThird()
		x.toNew(x.dataFull(), firstBytes(), thirdBytes(), "the bytes of the first backup")
	}),
	dataCase("source", chainBytes, "A backup does not change its volume.", "cinder/backup/chunkeddriver.py:ChunkedBackupDriver.backup", func(x *X) {
		x.dataThird()
		x.compare(x.dataVolume(), thirdBytes(), firstBytes(), "the bytes of the volume")
	}),
}
