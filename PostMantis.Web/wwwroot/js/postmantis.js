// Everything works without this file; with it, states move by themselves and codes copy with one click.

document.documentElement.classList.remove('no-script');

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  const label = button.textContent;
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = label; }, 1600);
});

// Counters beside a text: code points, as most networks count; the server has the last word.
for (const counter of document.querySelectorAll('[data-count]')) {
  const field = document.getElementById(counter.dataset.count);
  const show = () => { counter.textContent = `${[...field.value].length} characters`; };
  field.addEventListener('input', show);
  show();
}

// A page that shows moving states names its stream in data-live. When the server says that something changed, the
// regions of the page are fetched anew; what the reader has opened or is typing in stays as it is.
const live = document.querySelector('[data-live]');
if (live) {
  const source = new EventSource(live.dataset.live);
  let running = false;
  let again = false;
  const refresh = async () => {
    if (running) { again = true; return; }
    running = true;
    try {
      do {
        again = false;
        const response = await fetch(location.href, { headers: { Accept: 'text/html' }, redirect: 'error' });
        if (response.ok) swap(new DOMParser().parseFromString(await response.text(), 'text/html'));
      } while (again);
    } finally {
      running = false;
    }
  };
  source.addEventListener('change', refresh);
  addEventListener('pagehide', () => source.close());
}

function swap(fresh) {
  for (const region of document.querySelectorAll('[data-region]')) {
    const next = fresh.querySelector(`[data-region="${CSS.escape(region.dataset.region)}"]`);
    const focused = document.activeElement;
    if (!next || (region.contains(focused) && focused.matches('input, textarea, select'))) continue;
    for (const open of region.querySelectorAll('details[open][id]')) {
      next.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute('open', '');
    }
    region.replaceChildren(...next.childNodes);
  }
}
