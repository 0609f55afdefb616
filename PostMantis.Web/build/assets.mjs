// Copies what the dashboard takes from npm into wwwroot/lib, so that nothing is asked of another host at run time.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'node_modules');
const lib = join(root, 'wwwroot', 'lib');

// Every symbol that a page or component names; ProviderIcon and Icon look them up here.
const icons = [
  'arrow-clockwise', 'arrow-left', 'arrow-repeat', 'arrow-right', 'bluesky', 'box-arrow-right', 'box-arrow-up-right',
  'box-seam', 'briefcase', 'broadcast', 'calendar-event', 'check-circle', 'check-lg', 'chevron-down', 'chevron-left',
  'chevron-right', 'circle-half', 'clipboard', 'clock', 'clock-history', 'cloud-arrow-up', 'code-slash', 'collection',
  'dash-circle', 'discord', 'download', 'envelope', 'exclamation-circle', 'exclamation-triangle', 'facebook', 'file-earmark-music', 'file-earmark-text',
  'files',
  'film', 'funnel',
  'grid', 'hourglass-split', 'image', 'images', 'info-circle', 'instagram', 'journal-code', 'journal-text', 'key', 'linkedin', 'list', 'lock', 'mastodon',
  'moon-stars', 'pause-circle', 'pencil', 'pencil-square', 'people', 'person-circle', 'pinterest', 'plug', 'plus-lg',
  'question-circle', 'search', 'send', 'shield-check', 'shield-lock', 'slash-circle', 'sun', 'threads', 'tiktok',
  'trash', 'twitter-x', 'x-circle', 'x-lg', 'youtube',
];

await rm(lib, { recursive: true, force: true });
await mkdir(join(lib, 'fonts'), { recursive: true });

// In a cascade layer of its own, so that any rule of ours wins without an arms race of selectors.
const bootstrap = await readFile(join(packages, 'bootstrap/dist/css/bootstrap.min.css'), 'utf8');
await writeFile(join(lib, 'bootstrap.css'),
  `@layer bootstrap{${bootstrap.replace('@charset "UTF-8";', '').replace(/\/\*# sourceMappingURL.*\*\//, '')}}\n`);

const symbols = await Promise.all(icons.map(async name => {
  const svg = await readFile(join(packages, 'bootstrap-icons/icons', `${name}.svg`), 'utf8');
  const body = svg.slice(svg.indexOf('>') + 1, svg.lastIndexOf('</svg>')).replace(/\s*\n\s*/g, '');
  return `<symbol id="${name}" viewBox="0 0 16 16">${body}</symbol>`;
}));
await writeFile(join(lib, 'icons.svg'), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>\n`);

for (const script of ['latin', 'latin-ext', 'cyrillic', 'greek']) {
  await cp(join(packages, `@fontsource-variable/inter/files/inter-${script}-wght-normal.woff2`),
    join(lib, 'fonts', `inter-${script}.woff2`));
}

const licences = { bootstrap: 'bootstrap', 'bootstrap-icons': 'bootstrap-icons', inter: '@fontsource-variable/inter' };
for (const [name, folder] of Object.entries(licences)) {
  await cp(join(packages, folder, 'LICENSE'), join(lib, `${name}.LICENSE.txt`));
}
