package chunked

import (
	"cmp"
	"slices"
)

// extent is a part of an object that no later level covers.
type extent struct {
	span
	level  int
	object object
}

// whole reports whether the extent is all of its object.
func (e extent) whole() bool { return e.from == e.object.offset && e.to == e.object.end() }

// overlay returns what is seen of the levels' objects, in order of their offsets. Each level covers
// those before it.
func overlay(levels []planLevel) []extent {
	var seen []extent
	for i, level := range levels {
		seen = append(uncovered(seen, level.objects), whole(i, level.objects)...)
		slices.SortFunc(seen, func(a, b extent) int { return cmp.Compare(a.from, b.from) })
	}
	return seen
}

func whole(level int, objects []object) []extent {
	all := make([]extent, len(objects))
	for i, o := range objects {
		all[i] = extent{span{o.offset, o.end()}, level, o}
	}
	return all
}

// uncovered returns the parts of extents, which are in order, that no object covers.
func uncovered(extents []extent, objects []object) []extent {
	var left []extent
	first := 0 // the first object that ends after the extent begins
	for _, e := range extents {
		for first < len(objects) && objects[first].end() <= e.from {
			first++
		}
		from := e.from
		for i := first; i < len(objects) && objects[i].offset < e.to; i++ {
			if objects[i].offset > from {
				left = append(left, extent{span{from, objects[i].offset}, e.level, e.object})
			}
			from = max(from, objects[i].end())
		}
		if from < e.to {
			left = append(left, extent{span{from, e.to}, e.level, e.object})
		}
	}
	return left
}

// pieces groups the extents into the objects of a new level. A whole object is one of its own. What is
// left of an object that is partly covered becomes one object together with what covers it, where
// that lies in between.
func pieces(extents []extent) [][]extent {
	var all [][]extent
	for i := 0; i < len(extents); {
		n := 1
		if first := extents[i]; !first.whole() && !first.object.isHole() {
			n = joined(extents[i:])
		}
		all = append(all, extents[i:i+n:i+n])
		i += n
	}
	return all
}

// joined returns how many extents become one object with the first, which is a part of an object: up to
// the last part of the same object, if all between them lie within it and hold data.
func joined(extents []extent) int {
	n, first := 1, extents[0]
	for i := 1; i < len(extents); i++ {
		e := extents[i]
		if e.from != extents[i-1].to || e.to > first.object.end() || e.object.isHole() {
			break
		}
		switch {
		case e.level == first.level && e.object.offset == first.object.offset:
			n = i + 1
		case !e.whole():
			return n
		}
	}
	return n
}
