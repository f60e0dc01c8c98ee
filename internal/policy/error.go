package policy

import (
	"fmt"
	"strings"
)

// SyntaxError is a mistake in a policy.
type SyntaxError struct {
	Text   string // the whole policy
	Offset int    // of Word in Text, in bytes
	Word   string // that is wrong; "": something is missing at Offset
	Rule   string // what is allowed
}

// Error says which word is wrong, and why.
func (e *SyntaxError) Error() string {
	if e.Word == "" {
		return fmt.Sprintf("after %q: %s", e.Text[:e.Offset], e.Rule)
	}
	before := strings.TrimRightFunc(e.Text[:e.Offset], func(r rune) bool { return !isGap(r) }) // without the begin of the word
	return fmt.Sprintf("word %d, %q: %s", len(strings.FieldsFunc(before, isGap))+1, e.Word, e.Rule)
}

// Pointer returns the policy and a second line that points at the word.
func (e *SyntaxError) Pointer() string {
	return e.Text + "\n" + strings.Repeat(" ", len([]rune(e.Text[:e.Offset]))) + strings.Repeat("^", max(len([]rune(e.Word)), 1))
}

func isGap(r rune) bool { return r == ' ' || r == '\t' || r == ';' }
