package otcfake

// task is something that goes on after it was accepted.
type task struct{ steps []func() }

// later adds a task of steps. The first runs at the next Step.
func (c *Cloud) later(steps ...func()) { c.tasks = append(c.tasks, &task{steps}) }

// Step moves everything that was accepted one step on, and tells whether there is
// more to do.
func (c *Cloud) Step() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step()
	return len(c.tasks) > 0
}

// Settle moves everything on to its end.
func (c *Cloud) Settle() {
	for c.Step() {
	}
}

func (c *Cloud) step() {
	running := c.tasks
	c.tasks = nil
	for _, t := range running {
		t.steps[0]()
		if t.steps = t.steps[1:]; len(t.steps) > 0 {
			c.tasks = append(c.tasks, t)
		}
	}
}
