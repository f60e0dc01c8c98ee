package otcfake

// task is something that goes on after it was accepted.
type task struct {
	job   *job // whose work it is, nil for none
	steps []func()
}

// later adds a task of steps. The first runs at the next Step.
func (c *Cloud) later(steps ...func()) { c.work(nil, steps...) }

// work adds a task that is a job's.
func (c *Cloud) work(j *job, steps ...func()) { c.tasks = append(c.tasks, &task{j, steps}) }

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

func (c *Cloud) step() { c.stepThose(func(*task) bool { return true }) }

// stepOf moves a job's work one step on.
func (c *Cloud) stepOf(j *job) { c.stepThose(func(t *task) bool { return t.job == j }) }

func (c *Cloud) stepThose(move func(*task) bool) {
	running := c.tasks
	c.tasks = nil
	for _, t := range running {
		if !move(t) {
			c.tasks = append(c.tasks, t)
			continue
		}
		t.steps[0]()
		if t.steps = t.steps[1:]; len(t.steps) > 0 {
			c.tasks = append(c.tasks, t)
		}
	}
}
