package main

import (
	"bytes"
	"strings"
	"testing"
)

// What a policy says about locks and synthetic full backups is said in words.
func TestPolicyCheckWords(t *testing.T) {
	var out bytes.Buffer
	cmd := policyCommand()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"check", "daily 02:30; full=3; synthetic; lock=2w; keep=7d"})
	must(t, cmd.Execute())
	for _, want := range []string{"a full backup, then 2 incremental ones; full backups after the first one are made of the chain", "each backup for 14d after it was made", "keep 7 daily"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
