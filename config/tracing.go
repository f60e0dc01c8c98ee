package config

func (t *Tracing) validate(bad problem) {
	if t.Endpoint != "" {
		checkURL("tracing.endpoint", t.Endpoint, bad)
	}
	if t.ServiceName == "" {
		bad("tracing.service_name", "must not be empty")
	}
	if _, err := ParseShare(t.Sample); err != nil {
		bad("tracing.sample", "%v", err)
	}
}
