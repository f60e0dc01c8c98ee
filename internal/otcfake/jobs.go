package otcfake

import (
	"net/http"
	"time"
)

// showJob serves GET /v1/{project_id}/jobs/{job_id} of a service.
func (c *Cloud) showJob(service string) handler {
	return func(k *call) answer {
		j := own(c.jobs, k.project, k.id())
		if j == nil || j.service != service {
			if service == "evs" {
				return refuse("Common.0011")
			}
			return refuse("common.0011")
		}
		view := j.view()
		if j.hidden > 0 {
			j.hidden--
		}
		if c.o.JobsRun {
			c.stepOf(j)
		}
		return answer{status: http.StatusOK, body: view}
	}
}

func (j *job) view() object {
	entities := object{}
	for key, value := range j.entities {
		if key != j.idKey || j.hidden == 0 && (!j.atEnd || !j.end.IsZero()) {
			entities[key] = value
		}
	}
	v := object{
		"status": j.status, "job_id": j.id, "job_type": j.kind, "begin_time": jobTime(j.begin), "end_time": jobTime(j.end),
		"error_code": nil, "fail_reason": nil, "entities": entities,
	}
	if j.blank {
		v["sub_jobs"] = ""
	}
	if j.status == "FAIL" {
		v["error_code"], v["fail_reason"] = j.failure.Code, j.failure.Reason
	}
	if j.nested {
		sub := object{}
		for key, value := range v {
			sub[key] = value
		}
		if j.service == "evs" {
			v["entities"] = object{"sub_jobs": []object{sub}}
		} else {
			v["entities"], v["sub_jobs"] = object{}, []object{sub}
		}
	}
	return v
}

// jobTime formats a time. It returns "" for the zero time.
func jobTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
