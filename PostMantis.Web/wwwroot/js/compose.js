// The composer while somebody writes: the server is asked what each network says to it, and keeps it as a draft. Without
// this file the same page is sent and answered whole.

const form = document.querySelector('[data-compose]');
const token = () => form.querySelector('[name=__RequestVerificationToken]').value;
const postId = () => form.dataset.post ?? location.pathname.match(/^\/posts\/([0-9a-f-]{36})\/edit$/)?.[1];
const canDraft = form.querySelector('button[name=when][value=draft]') !== null;
const said = form.querySelector('[data-saved]');

const values = () => {
  const sent = new FormData(form);
  sent.delete('files');
  return new URLSearchParams(sent);
};
const ask = (path, signal) => {
  const id = postId();
  return fetch(id ? `${path}?post=${id}` : path, { method: 'POST', body: values(), signal, headers: { Accept: 'text/html' } });
};

// What the networks say. An answer to words that have changed since is thrown away.
let written = 0;
let filesMoved = false;
let checking = null;
let checkTimer = 0;

async function check() {
  const asked = written;
  checking?.abort();
  checking = new AbortController();
  try {
    const answer = await ask('/posts/check', checking.signal);
    if (!answer.ok || asked !== written) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (asked !== written) return;
    const left = [...fresh.querySelectorAll('[data-part]')].filter(part => !put(part));
    filesMoved &&= left.some(isFiles);
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
}

const isFiles = part => part.dataset.part === 'media' || part.dataset.part.startsWith('files-');

// False: somebody is writing there; it is put when they are elsewhere.
function put(part) {
  if (isFiles(part) && !filesMoved) return true;
  const place = form.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
  if (!place) return true;
  if (place.contains(document.activeElement) && document.activeElement.matches('input, select, textarea')) return false;
  if (part.dataset.part === 'media') putFiles(place, part);
  else if (place.innerHTML !== part.innerHTML) place.replaceChildren(...part.childNodes);
  return true;
}

// Each in the place of its own: between them are files still on their way, and refused ones, which the server has no word of.
function putFiles(place, part) {
  const idOf = row => row.querySelector('[name=media]')?.value;
  const fresh = new Map([...part.children].map(row => [idOf(row), row]));
  for (const row of [...place.children]) {
    const next = fresh.get(idOf(row));
    if (next) row.replaceWith(next);
    else if (idOf(row)) row.remove();
    fresh.delete(idOf(row));
  }
  place.append(...fresh.values());
}

// Each chosen profile has its panel; what its account may choose is asked for once, when it is chosen.
const asked = new Set([...form.querySelectorAll('[name=profiles]:checked')].map(box => box.value));

function showPanels() {
  let any = false;
  for (const box of form.querySelectorAll('[name=profiles]')) {
    const panel = form.querySelector(`[data-profile="${box.value}"]`);
    panel.hidden = !box.checked;
    any ||= box.checked;
    if (box.checked && !asked.has(box.value)) {
      asked.add(box.value);
      if (panel.dataset.liveChoices !== undefined) choices(box.value, panel);
    }
  }
  const none = form.querySelector('[data-none]');
  if (none) none.hidden = any;
}

async function choices(id, panel) {
  const answer = await fetch(`/posts/options/${id}`);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const options of fresh.querySelectorAll('[data-options]')) {
    const place = panel.querySelector(`[data-options="${options.dataset.options}"]`);
    const touched = place.contains(document.activeElement)
      || [...place.querySelectorAll('input:not([type=hidden]), select, textarea')].some(field => field.type === 'checkbox'
        ? field.checked !== field.defaultChecked
        : field.value !== '' && !field.matches('select:has(option[selected])'));
    if (!touched) place.replaceChildren(...options.childNodes);
  }
}

// Kept as a draft after a pause. The first time makes the draft, and from then on this page is its page.
let saveTimer = 0;
let saving = null;
let dirty = false;

async function save() {
  if (!canDraft || !dirty || saving) return saving;
  dirty = false;
  saving = (async () => {
    try {
      const answer = await ask('/posts/autosave');
      const body = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : {};
      if (!answer.ok) {
        said.textContent = `Not saved: ${body.message ?? 'the server did not take it.'}`;
        return;
      }
      form.querySelector('[name=revision]').value = body.revision;
      said.textContent = body.said;
      if (postId() !== body.id) {
        form.dataset.post = body.id;
        form.action = `/posts/${body.id}/edit`;
        history.replaceState(null, '', form.action);
      }
    } catch {
      dirty = true;
      said.textContent = 'Not saved: there is no connection.';
    } finally {
      saving = null;
    }
  })();
  await saving;
  if (dirty) later();
}

const later = () => {
  clearTimeout(saveTimer);
  saveTimer = setTimeout(save, 1500);
};
const isWorthKeeping = () => form.elements.body.value.trim() !== '' || form.querySelector('[name=media]') !== null;

function changed() {
  written++;
  clearTimeout(checkTimer);
  checkTimer = setTimeout(check, 300);
  if (!isWorthKeeping()) return;
  dirty = true;
  later();
}

form.addEventListener('input', event => {
  const field = event.target;
  document.getElementById(`${field.id || field.name}-error`)?.remove();
  field.removeAttribute('aria-invalid');
  if (field.name === 'profiles') showPanels();
  if (field.name === 'drop') {
    field.closest('.upload').remove();
    filesMoved = true;
  }
  if (field.name === 'everywhere') filesMoved = true;
  changed();
});
// What could not be put while somebody wrote there.
form.addEventListener('focusout', () => {
  if (!filesMoved) return;
  clearTimeout(checkTimer);
  checkTimer = setTimeout(check, 300);
});
form.addEventListener('pm:files', () => {
  filesMoved = true;
  changed();
});

// Sent once, and not while it is being kept.
form.addEventListener('submit', event => {
  if (form.dataset.sending !== undefined) {
    event.preventDefault();
    return;
  }
  clearTimeout(saveTimer);
  dirty = false;
  if (saving) {
    event.preventDefault();
    saving.then(() => form.requestSubmit(event.submitter));
    return;
  }
  form.dataset.sending = '';
});
addEventListener('pageshow', () => { delete form.dataset.sending; });

// A part is added when the last one is written in.
const thread = form.querySelector('[data-thread]');
thread.addEventListener('input', () => {
  const parts = thread.querySelectorAll('textarea');
  const last = parts[parts.length - 1];
  if (last.value.trim() === '') return;
  const item = last.closest('li').cloneNode(true);
  const [label, field] = [item.querySelector('label'), item.querySelector('textarea')];
  const number = parts.length + 2;
  [label.htmlFor, label.textContent, field.id, field.value] = [`thread-${number}`, `Part ${number}`, `thread-${number}`, ''];
  field.textContent = '';
  thread.append(item);
});

// Enter in a line is no order to send.
form.addEventListener('keydown', event => {
  if (event.key === 'Enter' && event.target.matches('input:not([type=submit])') && !event.ctrlKey && !event.metaKey) event.preventDefault();
});

const press = value => form.querySelector(`button[name=when][value=${value}]`)?.click();
const help = document.querySelector('[data-keys]');
addEventListener('keydown', event => {
  if (!event.ctrlKey && !event.metaKey) return;
  if (event.key === 'Enter') press(event.shiftKey || !form.elements.moment.value ? 'now' : 'at');
  else if (event.key === 's') press(canDraft ? 'draft' : 'at');
  else if (event.key === '/') help?.showModal();
  else return;
  event.preventDefault();
});
document.querySelector('[data-keys-open]')?.addEventListener('click', () => help.showModal());
document.querySelector('[data-keys-close]')?.addEventListener('click', () => help.close());

// The zone of this computer, until a person has said another.
const zone = form.elements.zone;
if (zone.dataset.zoneGuess !== undefined) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zone.options].some(option => option.value === here)) zone.value = here;
}
showPanels();
if (form.querySelector('[name=profiles]:checked')) check();
