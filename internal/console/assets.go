package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
)

//go:embed assets/*
var assetFiles embed.FS

// asset is a file that pages load.
type asset struct {
	hash, kind string
	content    []byte
}

var assets = loadAssets(map[string]string{"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"})

func loadAssets(kinds map[string]string) map[string]asset {
	all := map[string]asset{}
	for name, kind := range kinds {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		sum := sha256.Sum256(content)
		all[name] = asset{hex.EncodeToString(sum[:8]), kind, content}
	}
	return all
}

// assetPath returns the path of an asset. It changes with the content, so that browsers may keep it.
func assetPath(name string) string { return path.Join(Prefix, "assets", assets[name].hash, name) }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[r.PathValue("name")]
	if !ok || a.hash != r.PathValue("hash") {
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.content) // if it fails, the browser is gone
}
