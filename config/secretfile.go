package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/viper"
)

// fileSuffix ends the setting that names a file with a secret: password_file is for password.
const fileSuffix = "_file"

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 4096

// withSecretFiles returns the settings of v with each secret that a file holds in the place of
// the setting that names the file. Every [Secret] of [Config] may come from a file. The files
// are read once, here. Their permissions are not checked: Kubernetes mounts secrets with mode
// 0444.
func withSecretFiles(v *viper.Viper, bad problem) (*viper.Viper, error) {
	settings := v.AllSettings()
	resolveSecrets("", settings, reflect.TypeFor[Config](), bad)
	resolved := viper.New()
	return resolved, resolved.MergeConfigMap(settings)
}

// resolveSecrets replaces the files of secrets in the settings of a type.
func resolveSecrets(prefix string, value any, of reflect.Type, bad problem) {
	switch of.Kind() {
	case reflect.Pointer:
		resolveSecrets(prefix, value, of.Elem(), bad)
	case reflect.Map:
		section, _ := value.(map[string]any)
		for name, element := range section {
			resolveSecrets(prefix+"."+name, element, of.Elem(), bad)
		}
	case reflect.Slice:
		elements, _ := value.([]any)
		for i, element := range elements {
			resolveSecrets(prefix+"["+strconv.Itoa(i)+"]", element, of.Elem(), bad)
		}
	case reflect.Struct:
		section, ok := value.(map[string]any)
		if !ok {
			return // the section is missing, or decoding reports what it is
		}
		for i := range of.NumField() {
			field := of.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
			key := strings.TrimPrefix(prefix+"."+name, ".")
			switch {
			case options == "squash":
				resolveSecrets(prefix, section, field.Type, bad)
			case field.Type == reflect.TypeFor[Secret]():
				resolveSecret(key, name, section, bad)
			default:
				resolveSecrets(key, section[name], field.Type, bad)
			}
		}
	}
}

// resolveSecret reads the file of one secret.
func resolveSecret(key, name string, section map[string]any, bad problem) {
	path, given := section[name+fileSuffix]
	if !given {
		return
	}
	delete(section, name+fileSuffix)
	if path == nil || path == "" {
		return
	}
	if direct := section[name]; direct != nil && direct != "" {
		bad(key, "%s and %s%s exclude each other", name, name, fileSuffix)
		return
	}
	text, ok := path.(string)
	if !ok {
		bad(key+fileSuffix, "must be the path of a file")
		return
	}
	secret, err := readSecret(text)
	if err != nil {
		bad(key+fileSuffix, "%v", err)
		return
	}
	section[name] = secret
}

// readSecret reads a file of one line, without its line break. Errors name the file and never
// show its content.
func readSecret(path string) (string, error) {
	// Opening a pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	switch {
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	case len(text) > maxSecret || strings.ContainsAny(secret, "\r\n\x00"):
		return "", fmt.Errorf("%s does not hold one line of at most %d bytes", path, maxSecret)
	}
	return secret, nil
}
