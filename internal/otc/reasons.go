package otc

import (
	"strings"

	"cindergate/driver"
)

// because lists the codes of each reason, as [meaning] lists those of each kind.
type because map[driver.Reason]string

// of returns a table of the codes, each with prefix, in lower case.
func (b because) of(prefix string) map[string]driver.Reason {
	table := map[string]driver.Reason{}
	for reason, numbers := range b {
		for _, code := range expand(prefix, numbers) {
			table[code] = reason
		}
	}
	return table
}

// reason returns the reason that a code of the service stands for. A code with several
// meanings gives NoReason: VolumeBackup.0111 is about the volume or about the backup.
func (k *Kind) reason(code string) driver.Reason {
	if isThrottle(code) {
		return driver.RateLimited
	}
	return k.reasons[strings.ToLower(code)]
}

// vbsReasons holds the reasons of VolumeBackup.* (VBS API reference, Error Codes).
var vbsReasons = because{
	driver.VolumeUnknown:      "0021",
	driver.VolumeBusy:         "0012 0205",
	driver.VolumeBackedUp:     "0013 0206",
	driver.VolumeFailed:       "0202",
	driver.VolumeTooSmall:     "0209",
	driver.BackupNotAvailable: "0089",
	driver.QuotaExceeded:      "0040 0071-0084",
}.of("VolumeBackup")

// cbrReasons holds the reasons of BackupService.* (CBR API reference, Error Codes).
var cbrReasons = because{
	driver.VolumeUnknown:      "7000",
	driver.VolumeBusy:         "2010 2011 7003",
	driver.VolumeBackedUp:     "0002 2002 6125 6203",
	driver.VolumeTooSmall:     "2001",
	driver.BackupUnknown:      "6200",
	driver.BackupNotAvailable: "2005 6206 6215",
	driver.QuotaExceeded:      "6100 6114 6133 6142 7303",
}.of("BackupService")

// evsReasons holds the reasons of EVS.* (EVS API reference, Error Codes).
var evsReasons = because{driver.QuotaExceeded: "1034 1042"}.of("EVS")
