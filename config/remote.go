package config

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// Connection is how a remote backend is reached.
type Connection struct {
	// CAFile has PEM certificates to trust besides the system's; Insecure trusts any.
	CAFile   string `mapstructure:"ca_file"`
	Insecure bool   `mapstructure:"insecure"`
	// ConnectTimeout and AnswerTimeout bound a connection and the wait for an answer, and
	// AnswerTimeout again that for its body.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	AnswerTimeout  time.Duration `mapstructure:"answer_timeout"`
	// MaxAnswer is the largest answer that is read, in bytes; what is streamed through is
	// not bounded.
	MaxAnswer int64 `mapstructure:"max_answer"`
	// Retries is how often a read is sent again, RetryBudget how many retries a second
	// all reads may cause. 0: none.
	Retries     int     `mapstructure:"retries"`
	RetryBudget float64 `mapstructure:"retry_budget"`
	// After BreakAfter failures in a row the circuit breaker stops requests to a service of
	// the cloud, or to a resource of it, for BreakFor. 0 of either disables the breaker.
	BreakAfter int           `mapstructure:"break_after"`
	BreakFor   time.Duration `mapstructure:"break_for"`
}

// connectionDefaults are the defaults of a remote backend's settings. A setting that is
// left out has its default; 0 is 0.
var connectionDefaults = map[string]any{
	"connect_timeout": "5s",
	"answer_timeout":  "60s",
	"max_answer":      32 << 20,
	"retries":         2,
	"retry_budget":    10,
	"break_after":     10,
	"break_for":       "5s",
}

// fillBackends adds the defaults of what backends leave out.
func fillBackends(v *viper.Viper) {
	backends := v.GetStringMap("backends")
	for _, b := range backends {
		backend, _ := b.(map[string]any)
		fillCopies(v, backend)
		fillPolicyLogin(v, backend)
		for _, name := range []string{DriverCinder, DriverVBS, DriverCBR} {
			settings, ok := backend[name].(map[string]any)
			if !ok {
				continue
			}
			for key, value := range connectionDefaults {
				setAbsent(settings, key, value)
			}
			if name != DriverCinder {
				setAbsent(settings, "id_timeout", idTimeout)
			}
		}
	}
	if len(backends) > 0 {
		v.Set("backends", backends)
	}
}

// setAbsent sets keys that are missing or have no value.
func setAbsent(settings map[string]any, key string, value any) {
	if settings[key] == nil {
		settings[key] = value
	}
}

// checkTime checks a time without which a request could take for ever.
func checkTime(key string, d time.Duration, bad problem) {
	switch {
	case d < 0:
		bad(key, "must not be negative")
	case d == 0:
		bad(key, "must be more than 0")
	}
}

// minAnswer is the least that an answer may be allowed to have, in bytes.
const minAnswer = 64 << 10

func (c *Connection) validate(key string, bad problem) {
	checkTime(key+".connect_timeout", c.ConnectTimeout, bad)
	checkTime(key+".answer_timeout", c.AnswerTimeout, bad)
	if c.MaxAnswer < minAnswer {
		bad(key+".max_answer", "%d bytes is less than %d", c.MaxAnswer, minAnswer)
	}
	for name, negative := range map[string]bool{
		"retries": c.Retries < 0, "retry_budget": c.RetryBudget < 0, "break_after": c.BreakAfter < 0, "break_for": c.BreakFor < 0,
	} {
		if negative {
			bad(key+"."+name, "must not be negative")
		}
	}
}

// Cinder is a backend with the driver cinder.
type Cinder struct {
	// URL is the Block Storage endpoint without version and project.
	URL        string `mapstructure:"url"`
	Connection `mapstructure:",squash"`
	// Restore says what the cloud's restore takes: any, or volume for volume_id only.
	Restore string `mapstructure:"restore"`
	// RestoreVolumeType is the type of volumes made for such a restore.
	RestoreVolumeType string `mapstructure:"restore_volume_type"`
}

func (c *Cinder) validate(key string, bad problem) {
	checkURL(key+".url", c.URL, bad)
	checkOneOf(key+".restore", c.Restore, bad, "", "any", "volume")
	c.Connection.validate(key, bad)
}

// checkOneOf checks a word; "" among valid stands for the first that is not.
func checkOneOf(key, value string, bad problem, valid ...string) {
	if !slices.Contains(valid, value) {
		bad(key, "%q is none of %s", value, strings.TrimPrefix(strings.Join(valid, ", "), ", "))
	}
}
