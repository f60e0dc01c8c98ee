package config

import _ "embed"

// Example is a documented configuration file with every setting at its default.
//
//go:embed example.yaml
var Example string
