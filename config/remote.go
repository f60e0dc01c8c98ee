package config

import (
	"slices"
	"strings"
	"time"
)

// Connection is how a remote backend is reached.
type Connection struct {
	// CAFile has PEM certificates to trust besides the system's; Insecure trusts any.
	CAFile   string `mapstructure:"ca_file"`
	Insecure bool   `mapstructure:"insecure"`
	// ConnectTimeout and AnswerTimeout bound a connection and the wait for an answer.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	AnswerTimeout  time.Duration `mapstructure:"answer_timeout"`
	// Retries is how often a read is sent again, RetryBudget how many retries a second
	// all reads may cause.
	Retries     int     `mapstructure:"retries"`
	RetryBudget float64 `mapstructure:"retry_budget"`
	// BreakAfter failures in a row the cloud is left alone for BreakFor.
	BreakAfter int           `mapstructure:"break_after"`
	BreakFor   time.Duration `mapstructure:"break_for"`
}

func (c *Connection) validate(key string, bad problem) {
	for name, negative := range map[string]bool{
		"connect_timeout": c.ConnectTimeout < 0, "answer_timeout": c.AnswerTimeout < 0, "retry_budget": c.RetryBudget < 0,
		"break_after": c.BreakAfter < 0, "break_for": c.BreakFor < 0,
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
