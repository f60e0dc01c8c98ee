package otc

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"cindergate/driver"
)

var validName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// CheckName refuses backup names that VBS and CBR refuse. They accept 1 to 64 characters of
// [0-9A-Za-z_-]. VBS reserves names that begin with auto for its policies.
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

// CheckNameOrChinese is CheckName for CBR on Huawei Cloud, which also accepts Chinese
// characters.
func CheckNameOrChinese(name string) error {
	if !validNameOrChinese.MatchString(name) {
		return driver.Errorf(driver.InvalidInput,
			"Invalid input for field name: this backend takes 1 to 64 of the characters 0-9, A-Z, a-z, _ and -, and Chinese ones.")
	}
	return nil
}

// CheckDescription refuses descriptions of more than most characters and, if refuseAngles
// is set, those with < or >. All the references refuse these two, except OTC's page of CBR.
func CheckDescription(description string, most int, refuseAngles bool) error {
	switch {
	case utf8.RuneCountInString(description) > most:
		return driver.Errorf(driver.InvalidInput, "Invalid input for field description: this backend takes at most %d characters.", most)
	case refuseAngles && strings.ContainsAny(description, "<>"):
		return driver.Errorf(driver.InvalidInput, "Invalid input for field description: this backend takes no < and >.")
	}
	return nil
}
