package chunked

import (
	"encoding/json"
	"maps"
)

// VolumeMeta is the part of volume_meta that a restore applies (cinder/backup/driver.py
// BackupMetadataAPI.put and the factories there).
type VolumeMeta struct {
	// Base holds display_name, display_description and, from version 2 on,
	// encryption_key_id. A restore leaves the value of an absent key unchanged; nil is
	// null.
	Base     map[string]*string
	Metadata map[string]string // all of volume-metadata; nil: none
	Image    map[string]string // all of volume-glance-metadata, which makes a volume bootable; nil: none
}

// MergeVolumeMeta merges each level's volume_meta, the full backup's first, as in
// [Restored.VolumeMeta]. A later level replaces the earlier ones: Base key by key, Metadata
// and Image as a whole, because a restore replaces a volume's metadata as a whole.
func MergeVolumeMeta(levels []*string) (VolumeMeta, error) {
	var m VolumeMeta
	for _, text := range levels {
		if text == nil {
			continue
		}
		one, err := decodeVolumeMeta(*text)
		if err != nil {
			return VolumeMeta{}, err
		}
		if m.Base == nil {
			m.Base = one.Base
		} else {
			maps.Copy(m.Base, one.Base)
		}
		if one.Metadata != nil {
			m.Metadata = one.Metadata
		}
		if one.Image != nil {
			m.Image = one.Image
		}
	}
	return m, nil
}

func decodeVolumeMeta(text string) (VolumeMeta, error) {
	var raw struct {
		Version  int
		Base     map[string]json.RawMessage `json:"volume-base-metadata"`
		Metadata map[string]string          `json:"volume-metadata"`
		Image    map[string]any             `json:"volume-glance-metadata"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return VolumeMeta{}, wrap(err, "The backup's volume metadata is damaged.")
	}
	if raw.Version != 1 && raw.Version != 2 {
		return VolumeMeta{}, errorf("The backup's volume metadata has the unknown version %d.", raw.Version)
	}
	m := VolumeMeta{Base: map[string]*string{}, Metadata: raw.Metadata}
	keys := []string{"display_name", "display_description"}
	if raw.Version == 2 {
		keys = append(keys, "encryption_key_id")
	}
	for _, key := range keys {
		if v, ok := raw.Base[key]; ok {
			var s *string
			if err := json.Unmarshal(v, &s); err != nil {
				return VolumeMeta{}, wrap(err, "The backup's volume metadata is damaged.")
			}
			m.Base[key] = s
		}
	}
	if raw.Image != nil {
		m.Image = map[string]string{}
	}
	for key, v := range raw.Image {
		s, ok := v.(string)
		if !ok {
			b, err := json.Marshal(v)
			if err != nil {
				return VolumeMeta{}, wrap(err, "The backup's volume metadata is damaged.")
			}
			s = string(b)
		}
		m.Image[key] = s
	}
	return m, nil
}
