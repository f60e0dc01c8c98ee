package otc

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"cindergate/driver"
)

var validName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// CheckName refuses names of backups that VBS and CBR would: they take 1 to 64 of
// [0-9A-Za-z_-]. VBS keeps names that begin with auto for its policies.
func CheckName(name string, autoIsTaken bool) error {
	if !validName.MatchString(name) {
		return driver.Errorf(driver.InvalidInput, "Invalid input for field name: this backend takes 1 to 64 of the characters 0-9, A-Z, a-z, _ and -.")
	}
	if autoIsTaken && len(name) >= 4 && strings.EqualFold(name[:4], "auto") {
		return driver.Errorf(driver.InvalidInput, "Invalid input for field name: this backend takes no name that begins with auto, which its policies use.")
	}
	return nil
}

var validNameOrChinese = regexp.MustCompile(`^[0-9A-Za-z_\p{Han}-]{1,64}$`)

// CheckNameOrChinese is CheckName of CBR on Huawei Cloud, which takes Chinese
// characters besides.
func CheckNameOrChinese(name string) error {
	if !validNameOrChinese.MatchString(name) {
		return driver.Errorf(driver.InvalidInput,
			"Invalid input for field name: this backend takes 1 to 64 of the characters 0-9, A-Z, a-z, _ and -, and Chinese ones.")
	}
	return nil
}

// CheckDescription refuses descriptions that are longer than most characters, or, where
// angles are refused, have < or >. Only OTC's page of CBR says nothing of these.
func CheckDescription(description string, most int, refuseAngles bool) error {
	switch {
	case utf8.RuneCountInString(description) > most:
		return driver.Errorf(driver.InvalidInput, "Invalid input for field description: this backend takes at most %d characters.", most)
	case refuseAngles && strings.ContainsAny(description, "<>"):
		return driver.Errorf(driver.InvalidInput, "Invalid input for field description: this backend takes no < and >.")
	}
	return nil
}
