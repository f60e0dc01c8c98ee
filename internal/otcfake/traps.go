package otcfake

import (
	"net/http"
	"regexp"
)

// Failure is why something failed, in the cloud's words.
type Failure struct{ Code, Reason string }

// Traps are how the cloud misbehaves. Those of the first part are for the next
// operation of their kind and spent by it; the others stay.
type Traps struct {
	// FailBackup lets a backup end in error, by VBS's job or CBR's checkpoint and
	// operation log.
	FailBackup *Failure
	// NoRecord leaves a failed backup without a record: VBS's job has an empty
	// backup_id, CBR lists nothing for the checkpoint.
	NoRecord bool
	// NoEntity lets the next job of VBS, or of a volume from a backup, succeed without telling its id.
	NoEntity bool
	// IDAfter is how many reads of the next job do not show its entities' id yet.
	IDAfter int
	// RecordAfter is how many of CBR's lists by checkpoint_id do not show the next
	// backup yet.
	RecordAfter int
	// Skip lets CBR's next checkpoint answer 200 and pass over its volumes.
	Skip *Failure
	// FailRestore lets the next restore to a volume fail: the job or the operation
	// log says so, and the volume is error_restoring.
	FailRestore *Failure
	// FailVolume lets the next volume from a backup end error_restoring.
	FailVolume *Failure
	// NoVolume lets that volume's job fail before there is one, whatever id was promised.
	NoVolume bool
	// ErrorVolume lets that volume's job fail with a volume in error, whose id it tells.
	ErrorVolume bool

	// DescriptionJSON shows VBS descriptions as {"DESC": …, "INC": …} in text.
	DescriptionJSON bool
	// MetadataBlank begins VBS's service_metadata with a blank, and has its progress
	// as text.
	MetadataBlank bool
	// TextNumbers shows CBR's sizes and enterprise_project_id as text where they are
	// numbers, and as numbers where they are text.
	TextNumbers bool
	// ListChildren shows the volumes of servers' backups in CBR's lists by themselves.
	ListChildren bool
	// DeleteAnswers lets CBR's delete answer 200 and {} rather than 204.
	DeleteAnswers bool
	// BlankSubJobs has "" for the sub-jobs of jobs that have none.
	BlankSubJobs bool
	// IDAtEnd shows a job's id only once the job has ended.
	IDAtEnd bool
	// NestedEntities shows a job's entities only in its sub-jobs.
	NestedEntities bool
}

// Trap changes the traps.
func (c *Cloud) Trap(change func(*Traps)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.traps)
}

// spend takes a trap that works once.
func spend[T any](trap *T) T {
	var none T
	was := *trap
	*trap = none
	return was
}

// Fault answers requests in place of the cloud.
type Fault struct {
	Service string // vbs, cbr, evs, iam; "": any
	Method  string // "": any
	Path    string // a regular expression for part of the path below the service; "": any
	Times   int    // requests that it answers; 0: one, negative: all
	Skip    int    // requests that pass first
	Status  int
	Body    string
	Header  http.Header
	// Drop ends the connection without an answer; with Done after the request was
	// carried out.
	Drop, Done bool
	// Hang answers nothing until the client goes away.
	Hang bool
}

type armed struct {
	Fault
	path *regexp.Regexp
}

// Inject adds a fault. The first that matches a request is used.
func (c *Cloud) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &armed{f, regexp.MustCompile(f.Path)})
}

// fault is the fault for a request, nil for none.
func (c *Cloud) fault(r *Request) *armed {
	for _, f := range c.faults {
		if f.Times == 0 || f.Service != "" && f.Service != r.Service || f.Method != "" && f.Method != r.Method || !f.path.MatchString(r.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Times--
		return f
	}
	return nil
}

// Malformed is the 401 that stands for 404: the router could not parse an id, or it
// is gone.
func Malformed(service string) Fault {
	return Fault{Service: service, Status: http.StatusUnauthorized, Body: `{"unauthorized":{"code":"401","message":"Malformed request url"}}`}
}

// Refusal is one of the cloud's errors in its body, such as APIGW.0308 (429, the
// client is to slow down) or BackupService.9998 (500, a token is not valid).
func Refusal(service, name string) Fault { return code(name).Fault(service) }

// Fault is the error as an answer of a service.
func (c Code) Fault(service string) Fault {
	return Fault{Service: service, Status: c.Status, Body: string(c.answer().text())}
}
