package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// secretPaths returns the path to every secret of a type: keys, "*" for the name in a map, and
// "[]" for an element of a list.
func secretPaths(of reflect.Type, prefix []string) (paths [][]string) {
	switch of.Kind() {
	case reflect.Pointer:
		return secretPaths(of.Elem(), prefix)
	case reflect.Map:
		return secretPaths(of.Elem(), append(slices.Clone(prefix), "*"))
	case reflect.Slice:
		return secretPaths(of.Elem(), append(slices.Clone(prefix), "[]"))
	case reflect.Struct:
		for i := range of.NumField() {
			name, options, _ := strings.Cut(of.Field(i).Tag.Get("mapstructure"), ",")
			path := append(slices.Clone(prefix), name)
			switch {
			case options == "squash":
				path = prefix
			case of.Field(i).Type == reflect.TypeFor[Secret]():
				paths = append(paths, path)
				continue
			}
			paths = append(paths, secretPaths(of.Field(i).Type, path)...)
		}
	}
	return paths
}

// settingsWith returns the configuration in which only the setting at path has a value.
func settingsWith(path []string, values map[string]any) any {
	switch {
	case len(path) == 1:
		section := map[string]any{}
		for suffix, value := range values {
			section[path[0]+suffix] = value
		}
		return section
	case path[0] == "[]":
		return []any{settingsWith(path[1:], values)}
	case path[0] == "*":
		return map[string]any{"any": settingsWith(path[1:], values)}
	}
	return map[string]any{path[0]: settingsWith(path[1:], values)}
}

// secretAt returns the secret at a path of a configuration.
func secretAt(v reflect.Value, path []string) string {
	switch v.Kind() {
	case reflect.Pointer:
		return secretAt(v.Elem(), path)
	case reflect.Map:
		return secretAt(v.MapIndex(reflect.ValueOf("any")), path[1:])
	case reflect.Slice:
		return secretAt(v.Index(0), path[1:])
	case reflect.String:
		return v.String()
	}
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("mapstructure"), ",")
		if name == path[0] {
			return secretAt(v.Field(i), path[1:])
		}
		if options == "squash" {
			if found := secretAt(v.Field(i), path); found != "" {
				return found
			}
		}
	}
	return ""
}

// Every secret may come from a file, and not from both the file and the setting itself.
func TestEverySecretMayComeFromAFile(t *testing.T) {
	hush := filepath.Join(t.TempDir(), "hush")
	must(t, os.WriteFile(hush, []byte("the secret\n"), 0o444))
	empty := filepath.Join(t.TempDir(), "empty")
	must(t, os.WriteFile(empty, []byte("\n"), 0o600))
	paths := secretPaths(reflect.TypeFor[Config](), nil)
	if len(paths) < 8 {
		t.Fatalf("only %d secrets were found: %v", len(paths), paths)
	}
	load := func(path []string, values map[string]any) (Config, error) {
		text, err := json.Marshal(settingsWith(path, values)) // JSON is YAML
		must(t, err)
		c, err := Load(file(t, string(text)), nil)
		if err != nil && strings.Contains(err.Error(), "the secret") {
			t.Errorf("%v: the error shows the secret: %v", path, err)
		}
		return c, err
	}
	for _, path := range paths {
		name := path[len(path)-1]
		key := strings.ReplaceAll(strings.ReplaceAll(strings.Join(path, "."), ".[]", "[0]"), "*", "any")
		// The rest of the configuration is incomplete, so other errors are expected.
		c, err := load(path, map[string]any{"_file": hush})
		if got := secretAt(reflect.ValueOf(c), path); got != "the secret" {
			t.Errorf("%s_file: the secret is %q (%v)", key, got, err)
		}
		if err != nil && strings.Contains(err.Error(), name+"_file") && strings.Contains(err.Error(), "invalid keys") {
			t.Errorf("%s_file is refused: %v", key, err)
		}
		for what, values := range map[string]map[string]any{
			key + ": " + name + " and " + name + "_file exclude each other":      {"": "x", "_file": hush},
			key + "_file: " + empty + " is empty":                                {"_file": empty},
			key + "_file: stat " + empty + ".missing: no such file or directory": {"_file": empty + ".missing"},
			key + "_file: must be the path of a file":                            {"_file": 7},
			key + "_file: " + filepath.Dir(empty) + " is not a regular file":     {"_file": filepath.Dir(empty)},
		} {
			if _, err := load(path, values); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		if !slices.Contains(path, "*") && !slices.Contains(path, "[]") {
			if _, ok := defaults[key+"_file"]; !ok {
				t.Errorf("%s_file has no default: the environment does not reach it", key)
			}
			variable := EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
			t.Setenv(variable+"_FILE", hush)
			c, _ := load([]string{"data"}, map[string]any{"": "/d"})
			if got := secretAt(reflect.ValueOf(c), path); got != "the secret" {
				t.Errorf("%s_FILE: the secret is %q", variable, got)
			}
			if unknown := UnknownEnv([]string{variable + "_FILE=x"}); len(unknown) > 0 {
				t.Errorf("%v is called no setting", unknown)
			}
			must(t, os.Unsetenv(variable+"_FILE"))
		}
	}
}

// What a file of a secret may hold.
func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{
		"a": "a", "a\n": "a", "a\r\n": "a", " a b ": " a b ", strings.Repeat("x", maxSecret): strings.Repeat("x", maxSecret),
		"": "", "\n": "", "a\nb": "", "a\x00b": "", strings.Repeat("x", maxSecret+1): "",
	} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		got, err := readSecret(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: got %.20q, %v", content, got, err)
		}
	}
	link := path + ".link" // as Kubernetes mounts them
	must(t, os.WriteFile(path, []byte("a"), 0o600))
	must(t, os.Symlink(path, link))
	if got, err := readSecret(link); got != "a" || err != nil {
		t.Errorf("by a link: %q, %v", got, err)
	}
	pipe := path + ".pipe"
	must(t, syscall.Mkfifo(pipe, 0o600))
	if _, err := readSecret(pipe); err == nil || !strings.Contains(fmt.Sprint(err), "not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
}
