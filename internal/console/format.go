package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

// functions are those of the templates.
var functions = template.FuncMap{
	"asset": assetPath, "bytes": bytesText, "rate": rateText, "span": spanText, "counted": counted, "buildOn": buildOn, "command": command,
	"utc":     func(s stamp) string { return s.UTC().Format("2006-01-02 15:04") },
	"iso":     func(s stamp) string { return s.UTC().Format(time.RFC3339) },
	"day":     func(s stamp) string { return s.UTC().Format(time.DateOnly) },
	"seconds": func(n int64) string { return spanText(time.Duration(n) * time.Second) },
	"short":   func(id string) string { return id[:min(len(id), 8)] },
	"dict":    dict,
	"took":    tookText,
	"moment":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") },
	"indent":  indented,
	"percent": func(used, limit int64) int64 { return used * 100 / max(limit, 1) },
	"number":  number,
}

// indented writes JSON for people.
func indented(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// dict makes a map of keys and values, for templates of parts of pages.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no key", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// number writes a number with thin spaces between groups of three digits.
func number(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

// bytesText writes a number of bytes with three digits.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	digits := 0
	if value < 10 {
		digits = 2
	} else if value < 100 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[unit:unit+1] + "iB"
}

func rateText(n int64) string { return bytesText(n) + "/s" }

// spanText writes a duration with its two largest units.
func spanText(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 && len(parts) < 2 {
			parts = append(parts, strconv.Itoa(int(n))+" "+u.name)
			d -= n * u.of
		} else if len(parts) > 0 {
			break
		}
	}
	return cmp.Or(strings.Join(parts, " "), "0 s")
}

// command writes a command for a shell.
func command(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = word; word == "" || strings.Trim(word, plain) != "" {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// plain are the characters that mean nothing to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,="

// safeName leaves of a text what may be in the name of a file.
func safeName(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, text)
}

func newestFirst(all []backup) {
	slices.SortStableFunc(all, func(a, b backup) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt.Time), cmp.Compare(b.ID, a.ID)) })
}
