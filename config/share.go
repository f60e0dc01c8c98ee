package config

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseShare parses a share like "5%". It returns a number above 0 and up to 1.
func ParseShare(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent > 0 && percent <= 100) {
		return 0, fmt.Errorf("%q is not a share like 5%%, above 0%% and up to 100%%", text)
	}
	return percent / 100, nil
}
