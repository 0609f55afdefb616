// A post is dragged to another day and keeps its time. Each post has a link that does the same with a form.

const region = document.querySelector('[data-region=calendar]');
const form = document.querySelector('[data-cal-form]');
const said = document.querySelector('[data-cal-status]');
let dragged = null;

const arm = () => {
  for (const post of region.querySelectorAll('[data-post]')) post.draggable = true;
};
const dayOf = target => target instanceof Element ? target.closest('[data-day]') : null;
const clear = () => {
  for (const day of region.querySelectorAll('.over')) day.classList.remove('over');
};

region.addEventListener('dragstart', event => {
  dragged = event.target.closest('[data-post]');
  if (!dragged) return;
  event.dataTransfer.effectAllowed = 'move';
  event.dataTransfer.setData('text/plain', dragged.querySelector('.cal-words').textContent);
  dragged.classList.add('dragged');
});
region.addEventListener('dragend', () => {
  dragged?.classList.remove('dragged');
  dragged = null;
  clear();
});
region.addEventListener('dragover', event => {
  const day = dayOf(event.target);
  if (!dragged || !day) return;
  event.preventDefault();
  if (day.classList.contains('over')) return;
  clear();
  day.classList.add('over');
});
region.addEventListener('drop', async event => {
  const [day, post] = [dayOf(event.target), dragged];
  if (!post || !day) return;
  event.preventDefault();
  clear();
  if (day.contains(post)) return;
  const values = new URLSearchParams(new FormData(form));
  values.set('post', post.dataset.post);
  values.set('revision', post.dataset.revision);
  values.set('day', day.dataset.day);
  const answer = await fetch('/calendar/move', { method: 'POST', body: values });
  const body = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : {};
  said.textContent = body.message ?? 'The server did not take it.';
  said.dataset.tone = answer.ok ? 'good' : 'bad';
  const page = await fetch(location.href, { headers: { Accept: 'text/html' } });
  const fresh = new DOMParser().parseFromString(await page.text(), 'text/html').querySelector('[data-region=calendar]');
  if (fresh) region.replaceChildren(...fresh.childNodes);
});

// What comes anew, by a move or by the live stream, can be dragged too.
new MutationObserver(arm).observe(region, { childList: true });
arm();
