package move

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"cindergate/internal/filelock"
)

// Phase is how far a move is.
type Phase string

// The phases, in order. An abort may begin in any but the last three.
const (
	Copying   Phase = "copying"
	Verifying Phase = "verifying"
	Finishing Phase = "finishing"
	Done      Phase = "done"
	Aborting  Phase = "aborting"
	Aborted   Phase = "aborted"
)

// Verify says how a move is verified.
type Verify string

// The ways to verify.
const (
	// VerifyNone trusts the checks of each piece.
	VerifyNone Verify = "none"
	// VerifyDigests also compares what was copied with the digests that the source has.
	VerifyDigests Verify = "digests"
	// VerifyReadBack also reads the target back by another way than it was written, and
	// compares its digests.
	VerifyReadBack Verify = "readback"
)

// Options are what the user asked for. They are kept in the journal.
type Options struct {
	Rounds    int           `json:"rounds"`    // 0: until a round is smaller than Threshold, or cutover is asked
	Threshold int64         `json:"threshold"` // bytes; 0: only a cutover ends the rounds
	CutoverAt time.Time     `json:"cutover_at,omitzero"`
	Pause     time.Duration `json:"pause"` // between two rounds
	Verify    Verify        `json:"verify"`
	Workers   int           `json:"workers"` // pieces at once; 0: as the target wants
}

// RoundLog is what a round moved.
type RoundLog struct {
	Number  int       `json:"number"`
	Point   string    `json:"point"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"`
	Pieces  int64     `json:"pieces"`
	Changed int64     `json:"changed"` // bytes in pieces that changed
	Result  string    `json:"result,omitempty"`
}

// Journal is the state of a move on disk: move.json in a directory of its own.
type Journal struct {
	ID      string          `json:"id"`
	Created time.Time       `json:"created"`
	Request json.RawMessage `json:"request"` // of the caller: what it needs to make the paths again
	Options Options         `json:"options"`

	Phase     Phase      `json:"phase"`
	Volume    *Volume    `json:"volume,omitempty"` // at the source
	Job       *Job       `json:"job,omitempty"`
	Shape     *Shape     `json:"shape,omitempty"`
	Round     int        `json:"round"`           // in progress
	Last      bool       `json:"last"`            // the round in progress is the last one
	Point     *Point     `json:"point,omitempty"` // of the round in progress
	Committed int        `json:"committed"`       // the last round that was committed
	Digested  int        `json:"digested"`        // the last round whose digests were fetched
	Compare   int        `json:"compare"`         // the last committed round whose digests are kept; 0: none
	Blocks    int64      `json:"blocks"`          // block size of the digests of Compare's round
	NewBlocks int64      `json:"new_blocks"`      // of those of the round in progress; 0: it has none
	Rounds    []RoundLog `json:"rounds"`
	Verified  []string   `json:"verified"`
	Lost      []string   `json:"lost"`
	Error     string     `json:"error"` // of the last run; "" if it has not failed

	Source json.RawMessage `json:"source,omitempty"`
	Target json.RawMessage `json:"target,omitempty"`
}

// Store is the state directory of one move, locked.
type Store struct {
	Journal
	dir  string
	lock *os.File
	mu   sync.Mutex
}

const (
	journalName = "move.json"
	lockName    = "lock"
	cutoverName = "cutover"
	maxJournal  = 64 << 20
)

// ErrLocked says that another process works on the move.
var ErrLocked = errors.New("another process works on this move")

var moveID = regexp.MustCompile(`^[0-9a-f]{10}$`)

// NewID returns the id of a new move.
func NewID() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// CheckID refuses what is no id of a move.
func CheckID(id string) error {
	if !moveID.MatchString(id) {
		return fmt.Errorf("%q is no id of a move: it has 10 hexadecimal digits", id)
	}
	return nil
}

// Create makes the state directory of a new move below dir.
func Create(dir string, j Journal) (*Store, error) {
	if err := CheckID(j.ID); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, j.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	s := &Store{Journal: j, dir: path}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	return s.begin()
}

// begin writes what a new move needs.
func (s *Store) begin() (*Store, error) {
	if err := errors.Join(os.MkdirAll(s.path("source"), 0o700), os.MkdirAll(s.path("target"), 0o700), s.save()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Ensure opens a move, and begins it as j says if its journal was never written. A directory
// without a journal is what a crash leaves behind.
func Ensure(dir string, j Journal) (*Store, error) {
	if err := CheckID(j.ID); err != nil {
		return nil, err
	}
	s := &Store{Journal: j, dir: filepath.Join(dir, j.ID)}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	_, err := os.Lstat(s.path(journalName))
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.unused(); err == nil {
			return s.begin()
		}
	} else if err == nil {
		s.Journal, err = Read(dir, j.ID)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// unused removes what begin makes before it writes the journal. It fails if the directory holds anything
// else: then the journal is lost, and a new one would forget what the move has made.
func (s *Store) unused() error {
	for _, name := range []string{"source", "target", journalName + ".new"} {
		if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	left, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range left {
		if e.Name() != lockName {
			return fmt.Errorf("%s has %s of a move, but not its %s", s.dir, e.Name(), journalName)
		}
	}
	return nil
}

// Remove deletes the state directory of a move that has ended.
func Remove(s *Store) error {
	if s.Phase != Done && s.Phase != Aborted {
		return fmt.Errorf("move %s is %s: its state is still needed", s.ID, s.Phase)
	}
	return errors.Join(os.RemoveAll(s.dir), s.Close())
}

// Open locks the state directory of a move.
func Open(dir, id string) (*Store, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	s := &Store{dir: filepath.Join(dir, id)}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	j, err := Read(dir, id)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Journal = j
	return s, nil
}

// Read reads the journal of a move without its lock: what it holds may change at any time.
func Read(dir, id string) (Journal, error) {
	var j Journal
	if err := CheckID(id); err != nil {
		return j, err
	}
	f, err := os.Open(filepath.Join(dir, id, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return j, fmt.Errorf("there is no move %s in %s: %w", id, dir, fs.ErrNotExist)
	}
	if err != nil {
		return j, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJournal))
	if err != nil {
		return j, err
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return j, fmt.Errorf("%s of move %s: %w", journalName, id, err)
	}
	if j.ID != id {
		return j, fmt.Errorf("%s of move %s names move %q", journalName, id, j.ID)
	}
	return j, nil
}

// List returns the ids of all moves below dir, the oldest first.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var found []Journal
	for _, e := range entries {
		if e.IsDir() && moveID.MatchString(e.Name()) {
			if j, err := Read(dir, e.Name()); err == nil {
				found = append(found, j)
			}
		}
	}
	slices.SortFunc(found, func(a, b Journal) int { return a.Created.Compare(b.Created) })
	ids := make([]string, len(found))
	for i, j := range found {
		ids[i] = j.ID
	}
	return ids, err
}

// Running reports whether a process works on the move.
func Running(dir, id string) bool {
	return filelock.Held(filepath.Join(dir, id, lockName))
}

// AskCutover asks the move, running or not, to make its next round the last one.
func AskCutover(dir, id string) error {
	j, err := Read(dir, id)
	if err != nil {
		return err
	}
	if j.Phase != Copying {
		return fmt.Errorf("move %s is %s: there is nothing to cut over", id, j.Phase)
	}
	f, err := os.OpenFile(filepath.Join(dir, id, cutoverName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (s *Store) acquire() error {
	f, err := filelock.Lock(s.path(lockName), 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no move in %s: %w", s.dir, fs.ErrNotExist)
	case errors.Is(err, filelock.ErrLocked):
		return ErrLocked
	}
	s.lock = f
	return err
}

// Close releases the lock.
func (s *Store) Close() error { return s.lock.Close() }

// Dir returns the state directory of the move.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Store) cutoverAsked() bool {
	_, err := os.Stat(s.path(cutoverName))
	return err == nil
}

// change changes the journal and saves it.
func (s *Store) change(how func(j *Journal)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(&s.Journal)
	return s.save()
}

// save replaces move.json durably.
func (s *Store) save() error {
	text, err := json.MarshalIndent(&s.Journal, "", " ")
	if err != nil {
		return err
	}
	return writeFile(s.path(journalName), text)
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// env returns the environment of the source or the target.
func (s *Store) env(side string, state func(j *Journal) *json.RawMessage, status func(string)) *Env {
	e := &Env{ID: s.ID, Dir: s.path(side), State: *state(&s.Journal), Status: status}
	e.Save = func(v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return s.change(func(j *Journal) { *state(j) = raw; e.State = raw })
	}
	return e
}

// SourceEnv returns the environment of the move's source.
func (s *Store) SourceEnv(status func(string)) *Env {
	return s.env("source", func(j *Journal) *json.RawMessage { return &j.Source }, status)
}

// TargetEnv returns the environment of the move's target.
func (s *Store) TargetEnv(status func(string)) *Env {
	return s.env("target", func(j *Journal) *json.RawMessage { return &j.Target }, status)
}
