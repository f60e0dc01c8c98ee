package otcfake

// task is work that continues after its request was accepted.
type task struct {
	job   *job // the job that it belongs to, nil if none
	steps []func()
}

// later adds a task of steps. The first step runs at the next Step.
func (c *Cloud) later(steps ...func()) { c.work(nil, steps...) }

// work adds a task that belongs to a job.
func (c *Cloud) work(j *job, steps ...func()) { c.tasks = append(c.tasks, &task{j, steps}) }

// Step advances all accepted work by one step, and reports whether more remains.
func (c *Cloud) Step() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step()
	return len(c.tasks) > 0
}

// Settle advances all accepted work to its end.
func (c *Cloud) Settle() {
	for c.Step() {
	}
}

func (c *Cloud) step() { c.stepThose(func(*task) bool { return true }) }

// stepOf advances a job's work by one step.
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
