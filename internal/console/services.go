package console

import (
	"net/http"
	"strings"
)

// pool is a storage pool of a gateway.
type pool struct {
	Name         string `json:"name"`
	Capabilities struct {
		Total       float64 `json:"total_capacity_gb"`
		Free        float64 `json:"free_capacity_gb"`
		Allocated   float64 `json:"allocated_capacity_gb"`
		Provisioned float64 `json:"provisioned_capacity_gb"`
	} `json:"capabilities"`
}

// servicesView is the page of services and gateways.
type servicesView struct {
	Services []service `json:"services"`
	Pools    []pool    `json:"pools"`
	Health   healths   `json:"health"`
}

func (q *request) services() (*servicesView, error) {
	v := &servicesView{Services: []service{}}
	var found struct {
		Services []service `json:"services"`
	}
	if err := q.call(http.MethodGet, "/os-services", nil, &found); err != nil {
		return nil, err
	}
	v.Services = append(v.Services, found.Services...)
	var pools struct {
		Pools []pool `json:"pools"`
	}
	if err := q.call(http.MethodGet, "/scheduler-stats/get_pools?detail=true", nil, &pools); err == nil {
		v.Pools = pools.Pools
	}
	v.Health = q.c.watch.healths(q.ctx, true)
	return v, nil
}

// drain disables or enables a service.
func (q *request) drain() error {
	host, binary, reason := q.r.PostFormValue("host"), q.r.PostFormValue("binary"), strings.TrimSpace(q.r.PostFormValue("reason"))
	action, body := "enable", map[string]string{"host": host, "binary": binary}
	done, same := "The service takes new work again.", command("openstack", "volume", "service", "set", "--enable", host, binary)
	if q.r.PostFormValue("do") != "enable" {
		if reason == "" {
			return q.back("/ui/services", flash{Bad: true, Text: "Say why: the field reason must not be empty."})
		}
		action, body["disabled_reason"] = "disable-log-reason", reason
		done = "The service takes no new work. What runs goes on to its end."
		same = command("openstack", "volume", "service", "set", "--disable", "--disable-reason", reason, host, binary)
	}
	err := q.call(http.MethodPut, "/os-services/"+action, body, nil)
	return q.after("/ui/services", err, flash{Text: done, Command: same})
}
