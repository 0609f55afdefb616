// Passkeys: made on the account page, used on the sign-in page. Without this file people use their password.

const ask = async (path, values) => {
  const answer = await fetch(path, { method: 'POST', body: new URLSearchParams(values), headers: { Accept: 'application/json' } });
  const said = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : {};
  if (!answer.ok) throw new Error(said.message ?? 'The server did not take it. Reload the page and try again.');
  return said;
};

const steps = {
  async new(values) {
    const options = await ask('/passkeys/new', values);
    const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
    await ask('/passkeys', { ...values, current: '', credential: JSON.stringify(credential) });
    location.assign('/account');
  },
  async use(values) {
    const options = await ask('/passkeys/ask', values);
    const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    const { location: on } = await ask('/passkeys/sign-in', { ...values, credential: JSON.stringify(credential) });
    location.assign(on);
  },
};

for (const form of document.querySelectorAll('[data-passkey]')) {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) break;
  form.hidden = false;
  const status = form.querySelector('[role=status]');
  form.addEventListener('submit', async event => {
    event.preventDefault();
    status.textContent = '';
    try {
      await steps[form.dataset.passkey](Object.fromEntries(new FormData(form)));
    } catch (error) {
      status.textContent = error.name === 'NotAllowedError' ? 'It was called off.' : error.message;
    }
  });
}
