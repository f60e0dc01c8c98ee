package chunked

// prune drops the objects whose bytes a restore does not need, because the last level's
// digests say that their blocks are zeroes, or because later levels have those blocks. A block of zeroes
// is known by its digest: whatever an object holds, the restore writes zeroes there. So a
// damaged object of zeroes is not noticed, only a missing one. Of the others, each byte that
// is restored is verified by the digest of its block.
func (p *plan) prune(data blockSet) {
	if data == nil {
		return
	}
	var covered []span // by later levels; sorted and not adjacent
	for i := len(p.levels) - 1; i >= 0; i-- {
		all := p.levels[i].objects
		var needed []object
		at := 0
		for _, o := range all {
			for at < len(covered) && covered[at].to <= o.offset {
				at++
			}
			if p.needs(o, covered[at:], data) {
				o.hole = o.isHole()
				needed = append(needed, o)
			}
		}
		p.levels[i].objects = needed
		if i > 0 {
			covered = union(covered, all)
		}
	}
}

// needs reports whether any block that holds data has bytes of o. covered are the ranges
// that later levels have, from the first one that ends after the object begins.
func (p *plan) needs(o object, covered []span, data blockSet) bool {
	from := o.offset
	for _, c := range covered {
		if c.from >= o.end() {
			break
		}
		if p.hasData(span{from, c.from}, data) {
			return true
		}
		from = max(from, c.to)
	}
	return p.hasData(span{from, o.end()}, data)
}

func (p *plan) hasData(s span, data blockSet) bool {
	if s.from >= s.to {
		return false
	}
	s = s.cover(p.blockSize, p.size)
	return data.any(s.from/p.blockSize, (s.to+p.blockSize-1)/p.blockSize)
}

// union adds the ranges of objects, which are sorted, to sorted ranges.
func union(ranges []span, objects []object) []span {
	merged := make([]span, 0, len(ranges)) // objects often join
	add := func(s span) {
		if last := len(merged) - 1; last >= 0 && s.from <= merged[last].to {
			merged[last].to = max(merged[last].to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	for _, o := range objects {
		for len(ranges) > 0 && ranges[0].from < o.offset {
			add(ranges[0])
			ranges = ranges[1:]
		}
		add(span{o.offset, o.end()})
	}
	for _, r := range ranges {
		add(r)
	}
	return merged
}
