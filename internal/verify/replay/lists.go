package replay

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// selectListed leaves in lists what can be compared: what the transcript made, and what both sides have by
// the same id. An endpoint has other things as well, and a recorded one had.
func (c *comparison) selectListed(recorded, here any) {
	want, _ := recorded.(map[string]any)
	got, _ := here.(map[string]any)
	for name := range want {
		wantList, isList := want[name].([]any)
		gotList, areLists := got[name].([]any)
		wantIDs, gotIDs := idsIn(wantList), idsIn(gotList)
		if !isList || !areLists || wantIDs == nil || gotIDs == nil {
			continue
		}
		all := len(wantList)
		wantList = c.withoutDeleted(wantList, gotIDs)
		keptWant := slices.DeleteFunc(slices.Clone(wantList), func(v any) bool { return !c.isOurs(idOf(v), gotIDs) })
		keptGot := slices.DeleteFunc(slices.Clone(gotList), func(v any) bool {
			id := idOf(v)
			recorded := c.ids.FromServer(id)
			if c.unlike.isUnlike(recorded) {
				return true
			}
			own, mapped := c.ids[id]
			return recorded == id && (mapped && own != id || !slices.Contains(wantIDs, id))
		})
		foreign, foreignHere := len(wantList)-len(keptWant), len(gotList)-len(keptGot)
		if foreign+foreignHere > 0 {
			c.note(fmt.Sprintf("%s: %d recorded and %d here are not of this transcript, and are not compared", name, foreign, foreignHere))
		}
		if len(keptWant) < all || foreignHere > 0 {
			delete(want, "count")
			delete(got, "count")
			if c.isPart(name, want, got) {
				c.note(name + ": it is one page, whose beginning and end depend on others: only what both pages have is compared")
				keptWant, keptGot = c.common(keptWant, keptGot)
				delete(want, name+"_links")
				delete(got, name+"_links")
			}
		}
		want[name], got[name] = keptWant, keptGot
	}
}

// idsIn returns the ids of a list of things; nil: it is none.
func idsIn(list []any) []string {
	ids := []string{}
	for _, v := range list {
		id := idOf(v)
		if id == "" {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

func idOf(v any) string {
	m, _ := v.(map[string]any)
	id, _ := m["id"].(string)
	return id
}

// isOurs reports whether a recorded id is of something that the transcript made, or that both sides have.
func (c *comparison) isOurs(recorded string, here []string) bool {
	_, mapped := c.ids[recorded]
	return !c.unlike.isUnlike(recorded) && (mapped || slices.Contains(here, recorded))
}

// withoutDeleted returns a recorded list without what was being deleted and is gone here.
func (c *comparison) withoutDeleted(list []any, here []string) []any {
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		m := c.made[idOf(v)]
		return m != nil && m.deleted && !slices.Contains(here, m.id)
	})
}

// isPart reports whether a list is a page of a longer one.
func (c *comparison) isPart(name string, want, got map[string]any) bool {
	_, query, _ := strings.Cut(c.x.Req.Path, "?")
	values, _ := url.ParseQuery(query) // what can be read of it
	return values.Has("limit") || values.Has("offset") || values.Has("marker") || want[name+"_links"] != nil || got[name+"_links"] != nil
}

// common returns what both lists have.
func (c *comparison) common(want, got []any) (inWant, inGot []any) {
	wantIDs, gotIDs := idsIn(want), []string{}
	for _, id := range idsIn(got) {
		gotIDs = append(gotIDs, c.ids.FromServer(id))
	}
	inWant = slices.DeleteFunc(want, func(v any) bool { return !slices.Contains(gotIDs, idOf(v)) })
	inGot = slices.DeleteFunc(got, func(v any) bool { return !slices.Contains(wantIDs, c.ids.FromServer(idOf(v))) })
	return inWant, inGot
}
