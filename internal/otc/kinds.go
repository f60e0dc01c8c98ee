package otc

import (
	"regexp"

	"cindergate/driver"
)

// The services' error codes, by the vendors' tables. Where a table names no status, the
// kind is that of the exception that Cinder raises in the same case: a quota is OverLimit,
// and a resource's state is InvalidState even where the vendor answers 500.

// gatewayMeaning holds the codes APIGW.*. It leaves out 0201, which comes with many
// statuses.
var gatewayMeaning = meaning{
	driver.InvalidInput: "0106",
	driver.Unauthorized: "0301 0303 0305 0307",
	driver.Forbidden:    "0302 0304 0306",
	driver.OverLimit:    "0308",
	driver.NotSupported: "0101", // the service or its function is not in this region
	driver.Internal:     "0103-0105",
}

var gatewayCodes = gatewayMeaning.of("APIGW")

var identityKind = Kind{Name: "identity", codes: gatewayCodes}

// vbsMeaning holds the codes VolumeBackup.*.
var vbsMeaning = meaning{
	driver.InvalidInput: "0002-0007 0010 0011 0026 0049 0050 0053 0105 0203 0204 0208 0210",
	driver.InvalidState: "0012 0013 0089 0113 0202 0205 0206 0209 0211",
	driver.Forbidden:    "0008 0009 0041 0042 0044",
	driver.NotFound:     "0021 0111 0207",
	driver.OverLimit:    "0040 0071-0084",
	driver.Unavailable:  "0900",
	driver.Internal: "0014 0017-0020 0022-0025 0027-0030 0035-0039 0043 0062-0064 0070 " +
		"0100-0104 0109 0110 0123 0125 0200 0201",
}

// VBS is the Volume Backup Service.
var VBS = Kind{
	Name: "VBS",
	types: []catalogType{
		{name: "vbsv2"}, {name: "vbs"}, {name: "volume-backup"},
		// A catalogue without VBS has EVS, on a host of the same pattern.
		{name: "volumev2", from: regexp.MustCompile(`\bevs\b`), to: "vbs"},
	},
	codes: vbsMeaning.of("VolumeBackup").and(gatewayCodes, meaning{
		driver.Unauthorized: "0002 0003",
		driver.Forbidden:    "0213",
		driver.OverLimit:    "0217 0218",
	}.of("AutoBackup"), meaning{
		driver.Internal: "0011", // no such job; the caller decides what that means
	}.of("common")),
	reasons: vbsReasons,
}

// cbrMeaning holds the codes BackupService.*.
var cbrMeaning = meaning{
	driver.InvalidInput: "1011 1012 6001 6003 6118-6120 6122 6128-6131 6300 6301 6600 6700-6704 6706-6714 9900",
	driver.InvalidState: "0001 0002 2001-2003 2005 2007-2015 6101-6104 6106-6113 6116 6117 6121 6123-6127 6134-6137 " +
		"6201-6204 6206 6215 6216 6220 7001-7004 7006-7009 7101-7111 7113-7117 7200 7201 7203 7204",
	driver.Unauthorized: "9998",
	driver.Forbidden:    "8600",
	driver.NotFound:     "4001 6000 6002 6105 6200 6217 6302 6402 6500 6501 6601 6705 7000 7100 7202",
	driver.OverLimit:    "6100 6114 6133 6142 7303 8300",
	driver.Internal:     "1005 1006 4004-4007 6132 6138 6139 6207-6214 6400 6401 6403-6408 8400 9910",
}

// CBR is Cloud Backup and Recovery.
var CBR = Kind{
	Name:  "CBR",
	types: []catalogType{{name: "cbr"}},
	codes: cbrMeaning.of("BackupService").and(gatewayCodes), reasons: cbrReasons,
}

// evsMeaning holds the codes EVS.*.
var evsMeaning = meaning{
	driver.InvalidInput: "0001 1001-1016 1018 1020-1025 1031 1032 1036 1039-1041 1043 1045 1049 1051-1054 1057 1058 1061-1063 1070 " +
		"2041 2045-2047 2052-2054 2070-2072 2078 2083-2085 2087 2094 2096 2108 2142 5400",
	// About encryption: the key of 2040 is not enabled; those of 2042 and 2105 (status 500)
	// were not made or no longer exist.
	driver.InvalidState: "1044 1046-1048 1064-1066 2040 2042 2043 2068 2089 2105 2130",
	driver.Unauthorized: "0002 5401", // 0002 comes with 400
	// About encryption: EVS lacks rights or an agency. 2044 and 2265 come with 404, 2143
	// with 401. Neither the requested resource nor the token is at fault.
	driver.Forbidden:   "0003 1027 2044 2055 2056 2143-2145 2265 5403",
	driver.NotFound:    "5404",
	driver.OverLimit:   "1034 1042 5413",
	driver.Unavailable: "5503",
	driver.Internal:    "2024 2025 5500",
}

// EVS is the Elastic Volume Service, the clouds' Block Storage.
var EVS = Kind{
	Name:  "EVS",
	types: []catalogType{{name: "volumev2"}, {name: "volumev3"}, {name: "volume"}, {name: "evs"}},
	codes: evsMeaning.of("EVS").and(gatewayCodes, meaning{
		driver.Unauthorized: "0013 0018", // with 400: the token is not valid or of another project
		driver.Internal:     "0011",
	}.of("Common")),
	reasons: evsReasons,
}
