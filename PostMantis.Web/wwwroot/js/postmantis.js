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
    for (const details of region.querySelectorAll('details[id]')) {
      next.querySelector(`#${CSS.escape(details.id)}`)?.toggleAttribute('open', details.open);
    }
    region.replaceChildren(...next.childNodes);
  }
}

// Files: chosen or dropped, several at once, each with its progress. A file that was cut off goes on where it stopped.
for (const field of document.querySelectorAll('[data-uploads]')) {
  const form = field.closest('form');
  const input = field.querySelector('input[type=file]');
  const zone = field.querySelector('.drop');
  const list = field.querySelector('.uploads');
  const status = field.querySelector('[data-upload-status]');
  const submits = form.querySelectorAll('button[type=submit]');
  const hold = held => { for (const submit of submits) submit.disabled = held; };
  const token = form.querySelector('[name=__RequestVerificationToken]').value;
  const inForm = field.dataset.uploads === 'compose';
  let running = 0;

  const ask = async (path, values) => {
    const answer = await fetch(path, { method: 'POST', body: new URLSearchParams({ __RequestVerificationToken: token, ...values }) });
    const said = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : {};
    if (!answer.ok) throw new Error(said.message ?? 'The server did not take it.');
    return said;
  };

  const put = (ticket, file, from, show) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(ticket.uploadMethod, ticket.url);
    for (const [name, value] of Object.entries(ticket.requiredHeaders)) request.setRequestHeader(name, value);
    if (from > 0) request.setRequestHeader('Content-Range', `bytes ${from}-${file.size - 1}/${file.size}`);
    request.upload.addEventListener('progress', event => show(from + event.loaded));
    // A conflict passes: the server has yet to notice that what was cut off no longer sends, or stands elsewhere than it said.
    request.addEventListener('load', () => {
      if (request.status < 300) resolve();
      else reject(request.status === 409 ? new TypeError('The upload is held.') : new Error('The upload was refused.'));
    });
    request.addEventListener('error', () => reject(new TypeError('The connection was cut off.')));
    request.send(from > 0 ? file.slice(from) : file);
  });

  const send = async (ticket, file, show) => {
    for (let tries = 0; ; tries++) {
      try {
        let from = 0;
        if (tries > 0) {
          // A bucket does not say, and its uploads begin anew.
          const stands = await fetch(ticket.url, { method: 'HEAD' }).catch(() => null);
          from = Number(stands?.headers.get('Upload-Offset') ?? 0);
        }
        return await put(ticket, file, from, show);
      } catch (error) {
        if (!(error instanceof TypeError) || tries === 3) throw error;
        await new Promise(resolve => { setTimeout(resolve, 1000 * 2 ** tries); });
      }
    }
  };

  const row = file => {
    const item = document.createElement('li');
    item.className = 'upload';
    item.innerHTML = '<span class="thumb"></span><div class="upload-what"><span class="upload-name"></span>'
      + '<progress class="bar"></progress><small class="mute"></small></div>';
    item.querySelector('.upload-name').textContent = file.name;
    const bar = item.querySelector('progress');
    [bar.max, bar.value] = [Math.max(file.size, 1), 0];
    bar.setAttribute('aria-label', `Sending ${file.name}`);
    list.append(item);
    return item;
  };

  const finish = (item, file, done) => {
    item.querySelector('progress').remove();
    item.querySelector('small').textContent = done.facts;
    if (done.thumb) {
      const picture = document.createElement('img');
      [picture.src, picture.alt] = [done.thumb, ''];
      item.querySelector('.thumb').append(picture);
    }
    if (!inForm) return;
    const [hidden, label, words, remove] = ['input', 'label', 'input', 'button'].map(name => document.createElement(name));
    Object.assign(hidden, { type: 'hidden', name: 'media', value: done.id });
    Object.assign(label, { className: 'visually-hidden', htmlFor: `alt-${done.id}`, textContent: `What ${file.name} shows` });
    Object.assign(words, {
      className: 'form-control', id: `alt-${done.id}`, name: `alt-${done.id}`,
      placeholder: 'What it shows, for people who cannot see it',
    });
    Object.assign(remove, { type: 'button', className: 'btn btn-quiet btn-sm', textContent: 'Remove' });
    remove.setAttribute('aria-label', `Remove ${file.name}`);
    remove.addEventListener('click', () => {
      item.remove();
      form.dispatchEvent(new CustomEvent('pm:files'));
    });
    item.querySelector('.upload-what').append(label, words);
    item.append(hidden, remove);
    form.dispatchEvent(new CustomEvent('pm:files'));
  };

  // It stays beside what was taken until somebody has read it.
  const refuse = (item, file, why) => {
    item.querySelector('progress').remove();
    item.classList.add('refused');
    item.querySelector('small').textContent = why;
    const dismiss = document.createElement('button');
    Object.assign(dismiss, { type: 'button', className: 'btn btn-quiet btn-sm', textContent: 'Dismiss' });
    dismiss.setAttribute('aria-label', `Dismiss ${file.name}`);
    dismiss.addEventListener('click', () => {
      item.remove();
      if (running > 0 || list.querySelector('.refused')) return;
      status.textContent = '';
      if (!inForm) location.reload();
    });
    item.append(dismiss);
  };

  const take = async file => {
    const item = row(file);
    const bar = item.querySelector('progress');
    running++;
    hold(true);
    status.textContent = 'Sending …';
    try {
      const ticket = await ask('/library/uploads', { fileName: file.name, mimeType: file.type, fileSize: file.size });
      await send(ticket, file, sent => { bar.value = sent; });
      item.querySelector('small').textContent = 'Looking at it …';
      const done = await ask(`/library/uploads/${ticket.artifactId}`, { done: 'true' });
      if (!done.isVerified) throw new Error(done.message);
      finish(item, file, done);
    } catch (error) {
      refuse(item, file, error.message);
    } finally {
      running--;
      hold(running > 0);
      if (running === 0) {
        const all = list.querySelector('.refused') === null;
        status.textContent = all ? 'All files are here.' : 'Done, but not all were taken.';
        if (!inForm && all) location.reload();
      }
    }
  };

  // Taken here, they are not sent with the form once more.
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    files.forEach(take);
  });
  for (const name of ['dragenter', 'dragover']) {
    zone.addEventListener(name, event => { event.preventDefault(); zone.classList.add('over'); });
  }
  for (const name of ['dragleave', 'drop']) zone.addEventListener(name, () => zone.classList.remove('over'));
  zone.addEventListener('drop', event => {
    event.preventDefault();
    [...event.dataTransfer.files].forEach(take);
  });
}
