package otcfake

import (
	"net/http"
	"regexp"
)

// Failure is the reason of a failure, in the cloud's words.
type Failure struct{ Code, Reason string }

// Traps make the cloud misbehave. Those of the first part apply once, to the next operation
// of their kind; the others stay.
type Traps struct {
	// FailBackup makes a backup end in error. VBS's job, or CBR's checkpoint and operation
	// log, show it.
	FailBackup *Failure
	// NoRecord makes a failed backup leave no record: VBS's job has an empty backup_id, and
	// CBR lists nothing for the checkpoint.
	NoRecord bool
	// NoEntity makes the next job of VBS, or of a volume from a backup, succeed without
	// naming its id.
	NoEntity bool
	// IDAfter is the number of reads of the next job that still omit its entities' id.
	IDAfter int
	// RecordAfter is the number of CBR's lists by checkpoint_id that still omit the next
	// backup.
	RecordAfter int
	// Skip makes CBR's next checkpoint answer 200 and skip its volumes.
	Skip *Failure
	// FailRestore makes the next restore to a volume fail. The job or the operation log
	// shows it, and the volume becomes error_restoring.
	FailRestore *Failure
	// FailVolume makes the next volume from a backup end in error_restoring.
	FailVolume *Failure
	// NoVolume makes that volume's job fail before the volume exists, even if an id was
	// promised.
	NoVolume bool
	// ErrorVolume makes that volume's job fail with a volume in error, whose id the job
	// names.
	ErrorVolume bool
	// FailImage makes the next export or import of an image fail. Its job shows it.
	FailImage *Failure

	// DescriptionJSON shows VBS descriptions as {"DESC": …, "INC": …} in a string.
	DescriptionJSON bool
	// MetadataBlank makes VBS's service_metadata begin with a blank and have progress as a
	// string.
	MetadataBlank bool
	// TextNumbers swaps the types of CBR's sizes and enterprise_project_id: numbers become
	// strings, and strings numbers.
	TextNumbers bool
	// ListChildren makes CBR's lists also show the volumes of servers' backups.
	ListChildren bool
	// DeleteAnswers makes CBR's delete answer 200 and {} instead of 204.
	DeleteAnswers bool
	// BlankSubJobs shows "" as the sub-jobs of jobs that have none.
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

// spend returns a trap that applies once, and resets it.
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
	Path    string // a regular expression for a part of the path below the service; "": any
	Times   int    // number of requests that it answers; 0: one, negative: all
	Skip    int    // number of requests that pass first
	Status  int
	Body    string
	Header  http.Header
	// Drop closes the connection without an answer. With Done the request is carried out
	// first.
	Drop, Done bool
	// Hang gives no answer until the client leaves.
	Hang bool
}

type armed struct {
	Fault
	path *regexp.Regexp
}

// Inject adds a fault. A request gets the first fault that matches.
func (c *Cloud) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &armed{f, regexp.MustCompile(f.Path)})
}

// fault returns the fault for a request, nil if there is none.
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

// Malformed returns the 401 that stands for 404: the API gateway could not parse an id, or
// the resource no longer exists.
func Malformed(service string) Fault {
	return Fault{Service: service, Status: http.StatusUnauthorized, Body: `{"unauthorized":{"code":"401","message":"Malformed request url"}}`}
}

// Refusal returns one of the cloud's errors with its body, such as APIGW.0308 (429, too
// many requests) or BackupService.9998 (500, the token is not valid).
func Refusal(service, name string) Fault { return code(name).Fault(service) }

// Fault returns the error as an answer of a service.
func (c Code) Fault(service string) Fault {
	return Fault{Service: service, Status: c.Status, Body: string(c.answer().text())}
}
