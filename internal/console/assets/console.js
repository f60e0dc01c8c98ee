// The pages work without this script. It shows times in the browser's zone, follows what runs, and
// asks before something is lost.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
const pad = n => String(n).padStart(2, '0')

function localTimes(root) {
  for (const t of root.querySelectorAll('time[datetime]')) {
    const at = new Date(t.dateTime)
    if (isNaN(at)) continue
    t.textContent = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`
  }
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
function bytes(n) {
  let i = 0
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++ }
  return `${i === 0 ? n : n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0)} ${units[i]}`
}

function span(seconds) {
  const parts = []
  for (const [size, name] of [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]) {
    const n = Math.floor(seconds / size)
    if (n > 0 && parts.length < 2) { parts.push(`${n} ${name}`); seconds -= n * size } else if (parts.length) break
  }
  return parts.join(' ') || '0 s'
}

// Moves the bars of the jobs that the page already shows.
function moveBars(jobs) {
  for (const job of jobs) {
    const item = document.querySelector(`[data-job="${CSS.escape(job.id)}"]`)
    const bar = item?.querySelector('progress')
    const figures = item?.querySelector('[data-figures]')
    if (!bar || !figures || !job.total || job.done === null) continue
    const percent = Math.floor(job.done / job.total * 100)
    bar.max = 100
    bar.value = percent
    let text = `${percent} %, ${bytes(job.done)} of ${bytes(job.total)}`
    if (job.rate) text += `, ${bytes(job.rate)}/s`
    if (job.remaining_seconds) text += `, ${span(job.remaining_seconds)} left`
    figures.textContent = text
  }
}

// Loads the page again, and puts its parts that show data in the place of the old ones. What is in
// use stays until it is left: a part with the focus, or with something chosen.
let renewing = false
let stale = false
async function renew() {
  stale = true
  if (renewing) return
  renewing = true
  try {
    while (stale) {
      stale = false
      const answer = await fetch(location.href, { headers: { 'X-Console-Refresh': '1' }, redirect: 'manual' })
      if (answer.type === 'opaqueredirect') { location.reload(); return } // the session has ended
      if (!answer.ok) return
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const parts = [...document.querySelectorAll('[data-live]')]
      if (parts.some(inUse)) { left = true; return }
      for (const part of parts) {
        const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`)
        if (!next) continue
        localTimes(next)
        part.replaceWith(document.adoptNode(next))
      }
      chooseMany()
    }
  } catch {
    // The gateway does not answer: the stream of events says so.
  } finally { renewing = false }
}

let left = false // a page was not renewed, for it was in use
const inUse = part => part.contains(document.activeElement) || part.querySelector('input:checked')
for (const event of ['focusout', 'change']) {
  document.addEventListener(event, () => setTimeout(() => {
    if (!left || [...document.querySelectorAll('[data-live]')].some(inUse)) return
    left = false
    renew()
  }))
}

const key = state => JSON.stringify([state.jobs.map(j => [j.id, j.state, j.attempt, j.total > 0]), state.backups, state.failures])
let known = null
let source = null
let again = 0 // timer of the next try
const liveState = document.querySelector('[data-live-state]')

function follow() {
  const at = document.body.dataset.events
  if (!at || source || document.hidden) return
  source = new EventSource(at)
  source.addEventListener('state', event => {
    const state = JSON.parse(event.data)
    liveState.textContent = 'This page renews itself.'
    const now = key(state)
    if (known !== null && known !== now) renew()
    else moveBars(state.jobs)
    known = now
  })
  source.addEventListener('wire', event => {
    liveState.textContent = 'This page renews itself.'
    if (known !== null && known !== event.data && document.querySelector('[data-live]')) renew()
    known = event.data
  })
  source.addEventListener('end', () => { stop(); location.reload() })
  source.onerror = () => {
    liveState.textContent = 'The gateway does not answer; this page is as it was.'
    if (source?.readyState !== EventSource.CLOSED) return
    stop()
    again = setTimeout(resume, 15000) // the browser itself does not try again after an error such as 503
  }
}

function stop() { clearTimeout(again); source?.close(); source = null }

function resume() {
  if (document.hidden || source) return
  if (known !== null) renew()
  follow()
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) stop()
  else resume()
})
addEventListener('pagehide', stop)
addEventListener('pageshow', event => { if (event.persisted) follow() })

// A box that chooses all backups of the page, and how many are chosen.
function chooseMany() {
  const form = document.querySelector('form[data-many]')
  const place = form?.querySelector('[data-all]')
  const says = form?.querySelector('[data-chosen]')
  if (!place || !says) return
  const boxes = () => [...form.querySelectorAll('input[name=id]')]
  const tell = () => {
    const n = boxes().filter(b => b.checked).length
    says.textContent = n ? `${n} chosen` : ''
  }
  if (!place.firstChild) {
    const all = document.createElement('input')
    all.type = 'checkbox'
    all.setAttribute('aria-label', 'Choose all of this page')
    all.addEventListener('change', () => { for (const b of boxes()) b.checked = all.checked; tell() })
    place.append(all)
  }
  form.onchange = tell
  form.onsubmit = event => {
    if (boxes().some(b => b.checked)) return
    event.preventDefault()
    says.textContent = 'Choose at least one backup.'
  }
  tell()
}

// Asks before a restore replaces the data of a volume.
function ask(text, action) {
  const dialog = document.createElement('dialog')
  const words = document.createElement('p')
  words.id = 'question'
  words.textContent = text
  const buttons = document.createElement('div')
  buttons.className = 'buttons'
  const yes = document.createElement('button')
  yes.className = 'danger'
  yes.textContent = action
  const no = document.createElement('button')
  no.textContent = 'Cancel'
  buttons.append(yes, no)
  dialog.setAttribute('aria-labelledby', words.id)
  dialog.append(words, buttons)
  document.body.append(dialog)
  return new Promise(answer => {
    yes.onclick = () => dialog.close('yes')
    no.onclick = () => dialog.close('')
    dialog.onclose = () => { dialog.remove(); answer(dialog.returnValue === 'yes') }
    dialog.showModal()
    no.focus()
  })
}

const restore = document.querySelector('form[data-restore]')
restore?.addEventListener('submit', async event => {
  const to = new FormData(restore).get('to')
  if (to === 'new' || !restore.elements.sure.checked || restore.dataset.sure) return
  event.preventDefault()
  const text = to === 'this' ? 'Replace the data of this volume by that of the backup?' : 'Replace the data of the chosen volume by that of the backup?'
  if (await ask(text, 'Replace the data')) {
    restore.dataset.sure = '1'
    restore.submit()
  }
})

// A click on a command writes it to the clipboard, where the browser has one.
if (navigator.clipboard) {
  document.addEventListener('click', event => {
    const command = event.target.closest('pre.command')
    if (command && getSelection().isCollapsed) {
      navigator.clipboard.writeText(command.textContent).then(() => { command.title = 'Copied' }, () => {})
    }
  })
}

for (const place of document.querySelectorAll('[data-zone]')) place.textContent = zone || 'the browser’s zone'
localTimes(document)
chooseMany()
follow()
