// Package move moves volumes and chains of backups from one cloud to another: it plans,
// copies in rounds while the volume is in use, verifies, resumes after any end of the
// process, and removes what it made.
//
// The engine ([Move]) knows no cloud. A [Source] freezes points of a volume and reads them; a
// [Target] takes them in pieces. A path is an implementation of one of the two.
//
// # State
//
// The engine keeps a journal (see [Journal]). A path keeps its own state there as JSON, by
// [Env.Save], and says what it is about to make before it asks for it: the name of each
// resource follows from the move's id ([Env.Name]), so that one whose answer was lost is found
// again by its name. All methods may be called again after a crash with the state that was
// saved last, and then go on or find that the work is done.
package move

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
)

// Volume is what travels with a volume besides its bytes.
type Volume struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	Size             int64             `json:"size"` // bytes, whole GiB
	Status           string            `json:"status"`
	Type             string            `json:"type"`
	AvailabilityZone string            `json:"availability_zone"`
	Metadata         map[string]string `json:"metadata"`
	Bootable         bool              `json:"bootable"`
	ImageMetadata    map[string]string `json:"image_metadata"`
	Encrypted        bool              `json:"encrypted"`
	InUse            bool              `json:"in_use"`
}

// Point is a frozen state of a volume. ID, and what is needed to open it again, do not
// change.
type Point struct {
	ID          string            `json:"id"` // of the backup, snapshot or image
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Size        int64             `json:"size"`  // bytes of the volume at that point
	Taken       time.Time         `json:"taken"` // data_timestamp, else created_at
	Incremental bool              `json:"incremental"`
	State       json.RawMessage   `json:"state,omitempty"` // of the path that made it
}

// Assessment is what a path says of itself for the plan, before anything is made.
type Assessment struct {
	Path     string   `json:"path"`     // "carrier", "glance" …
	Why      string   `json:"why"`      // one sentence: why this path works here
	Problems []string `json:"problems"` // sentences; any of them makes the move impossible
	// Elsewhere says that the path is not for this cloud, whatever the problems are.
	Elsewhere bool     `json:"elsewhere,omitempty"`
	Unproven  []string `json:"unproven"` // what shows only after the first bytes, and when
	Costs     []string `json:"costs"`    // time, space and quota that it takes besides the bytes
	Limits    []string `json:"limits"`
	Lost      []string `json:"lost"` // what the target cannot keep
	Quotas    []Quota  `json:"quotas"`
}

// Quota is how much of a quota is left. A problem of the assessment says what is too small.
type Quota struct {
	Name  string `json:"name"` // "gigabytes", "volumes", "backups", "backup_gigabytes" …
	Limit int64  `json:"limit"`
	Used  int64  `json:"used"` // -1 as the limit: unlimited
	Needs int64  `json:"needs"`
}

// Env is what the engine gives a path. It is the same for each run of a move.
type Env struct {
	// ID of the move.
	ID string
	// Dir is a directory for files of the path's own. It is removed with the move.
	Dir string
	// State is what was saved last; nil at first.
	State json.RawMessage
	// Save replaces State durably. It must have returned before a resource is asked for
	// that the state announces.
	Save func(state any) error
	// Status tells users what the path waits for: a short phrase, or "" if it goes on.
	Status func(text string)
}

// CopyPrefix begins the metadata by which a Cindergate copies backups (docs/copies.md). It names
// backends of that Cindergate, so it does not travel.
const CopyPrefix = "cindergate:copy-"

// Travels returns the metadata that a resource keeps in another cloud, and the keys of the rest.
func Travels(metadata map[string]string) (kept map[string]string, stays []string) {
	kept = make(map[string]string, len(metadata))
	for key, value := range metadata {
		if strings.HasPrefix(key, CopyPrefix) {
			stays = append(stays, key)
		} else {
			kept[key] = value
		}
	}
	slices.Sort(stays)
	return kept, stays
}

// Prefix begins the name of each resource that any move makes.
const Prefix = "cindergate-move-"

// Name returns the name of a resource of this move: cindergate-move-<id>-<what>.
func (e *Env) Name(what string) string { return Prefix + e.ID + "-" + what }

// Load decodes the state that was saved last. Without one, into is left as it is.
func (e *Env) Load(into any) error {
	if len(e.State) == 0 {
		return nil
	}
	return json.Unmarshal(e.State, into)
}

// ErrNone says that a path has no way to do what is optional.
var ErrNone = errors.New("this path has no way to do that")

// Source reads one volume, or one chain of backups, of a cloud.
type Source interface {
	// Assess finds out whether the path works here. It changes nothing.
	Assess(ctx context.Context) (Assessment, error)
	// Describe describes the volume. For a chain, it describes the volume of the backups as
	// far as it is known.
	Describe(ctx context.Context) (Volume, error)
	// Chain lists the points of the chain, the full backup first. A source of a volume
	// returns [ErrNone].
	Chain(ctx context.Context) ([]Point, error)
	// Freeze makes the point of a round, which count from 1, and returns it when it can be
	// read. If it was made already, it is returned. A source makes a later point
	// incremental on the one before where it can.
	Freeze(ctx context.Context, round int) (Point, error)
	// Open opens a point. The caller closes the content.
	Open(ctx context.Context, p Point) (Content, error)
	// Release removes what Freeze made; after that, Leftovers finds nothing. What is already
	// gone is no error. It is also what an abort calls.
	Release(ctx context.Context) error
	// Leftovers lists, from the cloud's own lists, what still exists with the move's prefix:
	// "backup <id> <name>".
	Leftovers(ctx context.Context) ([]string, error)
}

// Content is the bytes of a point. Its methods may be called concurrently.
type Content interface {
	// Size returns the length in bytes.
	Size() int64
	// Grid returns a number of bytes; reads that begin at a multiple of it are cheap. 0: any
	// offset is as good.
	Grid() int64
	// Data yields the ranges [from, to) that may hold anything but zeroes, in order. The rest
	// is zeroes and never read.
	Data() iter.Seq2[int64, int64]
	// Copy writes the bytes [from, to) to w, in order. They are verified as far as the path can.
	Copy(ctx context.Context, w io.Writer, from, to int64) error
	// Digests writes the SHA-256 of each block to w, 32 bytes each, and returns the size of the
	// blocks, in bytes. Only the last block may be short. A content without digests returns
	// [ErrNone] and writes nothing: then the engine reads all data ranges to find changes.
	Digests(ctx context.Context, w io.Writer) (blockSize int64, err error)
	io.Closer
}

// Streamed is a [Content] that is read in order by one reader: the engine calls Copy for one range
// after another, from the first to the last, and never concurrently. It is for paths whose store
// has no ranges, or whose only digest is one of all bytes.
type Streamed interface {
	Content
	// Verify is called when all that a round needs has been copied, and may read what has not
	// been. It compares the whole with the path's digest, and says what it did.
	Verify(ctx context.Context) (said string, err error)
}

// Compared is a [Content] that [Target.ReadBack] returns if the path can compare the state that
// was read back as a whole, without its bytes.
type Compared interface {
	Content
	// Compared says how the state was found to be what was written; "": it was not, and the
	// engine compares the bytes.
	Compared() string
}

// Job is what a target is to take.
type Job struct {
	Volume Volume `json:"volume"` // as it shall be at the target: name, type and zone are those asked for
	// Chain are the points of a chain, the full backup first. nil: a volume, of which each
	// round replaces what the round before brought.
	Chain []Point `json:"chain,omitempty"`
	// Base is a point of the source whose state the target already has, as a backup that the
	// first point of the chain can be incremental on. Only what differs is copied. nil: none.
	Base *Point `json:"base,omitempty"`
	Grid int64  `json:"grid"` // of the source's first content
}

// Shape is how a target wants the bytes.
type Shape struct {
	// Piece is the length of each piece in bytes, but for the last one. At most [MaxPiece].
	Piece int64 `json:"piece"`
	// Block is the size of the blocks whose digests the target needs, in bytes; 0:
	// [DefaultBlock]. Piece is a multiple of it.
	Block int64 `json:"block"`
	// Ordered says that the target takes a stream: every piece of a round, zeroes too, from
	// the first to the last, one at a time; and again from the first one after a crash, unless
	// the last one has been written. As each round is a whole copy, there is one, unless the
	// user asked for more.
	Ordered bool `json:"ordered"`
	// Parallel is how many pieces the target takes at once; 0: 8.
	Parallel int `json:"parallel"`
}

// Limits of [Shape].
const (
	DefaultBlock = 32 << 10
	MaxPiece     = 16 << 20
	MaxReceipt   = 80 // bytes
)

// BaseRound is the round of a piece that has not changed since [Job.Base].
const BaseRound = math.MaxInt32

// Piece is a part of a round.
type Piece struct {
	Round  int
	Index  int64  // from 0
	Offset int64  // Index times the piece's length
	Data   []byte // valid during the call only
	Zero   bool   // all of Data is zeroes
}

// Taken is a piece as the engine's journal knows it.
type Taken struct {
	Index   int64
	Round   int    // that wrote it last; 0: never, for it is zeroes since the first round; or [BaseRound]
	Receipt []byte // what [Target.Write] returned; valid during the iteration only
}

// Round is a round whose pieces have all been written.
type Round struct {
	Number int  // from 1; in a chain, the point's place
	Last   bool // no other round follows: only now a volume must have the bytes
	Point  Point
	// Pieces yields all pieces of the volume in order. Those of a later round of a chain
	// whose Round is Number are the ones that changed.
	Pieces iter.Seq2[Taken, error]
	// Digests returns the digests of all blocks of the volume, 32 bytes each.
	Digests func() io.Reader
}

// Target makes one volume, or one chain of backups, in a cloud.
type Target interface {
	// Assess finds out whether the path works here, what it cannot keep and which quotas are
	// left. It changes nothing.
	Assess(ctx context.Context, j Job) (Assessment, error)
	// Prepare makes what the pieces need: a blank volume, a carrier, an upload. It may take
	// long. It is called in each run, before any other method but Assess, Abort and
	// Leftovers, and returns the same shape each time.
	Prepare(ctx context.Context, j Job) (Shape, error)
	// Write stores a piece. It may be called in any order, concurrently, and again for the
	// same piece, unless the shape is ordered. The receipt, of at most [MaxReceipt] bytes, comes
	// back in Commit; what Write returned last counts.
	Write(ctx context.Context, p Piece) (receipt []byte, err error)
	// Commit makes the pieces of a round the state of the volume, at the last round at the
	// latest, or the next point of the chain. It returns the id of the volume or backup. It may
	// be called again.
	Commit(ctx context.Context, r Round) (id string, err error)
	// ReadBack opens the state that was committed last (or point round of a chain) by another
	// way than it was written. It may make resources to do so. Without such a way it returns
	// [ErrNone].
	ReadBack(ctx context.Context, round int) (Content, error)
	// Finish gives the volume or the backups their names and metadata and removes everything
	// else; after that, Leftovers finds nothing. It may be called again. It returns what it
	// could not keep.
	Finish(ctx context.Context) (lost []string, err error)
	// Abort removes everything that was made, the volume and backups as well. What is already
	// gone is no error.
	Abort(ctx context.Context) error
	// Leftovers lists what still exists with the move's prefix, as that of [Source] does.
	Leftovers(ctx context.Context) ([]string, error)
}
