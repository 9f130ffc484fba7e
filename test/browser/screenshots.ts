/**
 * `npm run screenshots [-- --only PAGE] [--into FOLDER]`: every page of the dashboard with the busy fleet, in both themes, 1440 and
 * 390 pixels wide, into docs/images/. Two minutes; the pictures are the same each time but for generated ids.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { NARROW, openBrowser, openPage, type Theme, type WatchedPage, WIDE } from './browser.ts';
import { type BusyFleet, END, openBusyFleet } from './busy-fleet.ts';
import { openKeyedMonitor } from './keyed-monitor.ts';
import { ADMINISTRATION, PAGES, type PageUnderTest } from './pages.ts';

const IMAGES = fileURLToPath(new URL('../../docs/images', import.meta.url));
/** Colours of a picture: enough for text on two grounds. */
const COLOURS = 128;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    into: { type: 'string', default: IMAGES },
    url: { type: 'string' },
  },
});
const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
let total = 0;
try {
  await buildDashboard();
  const browser = await openBrowser(t);
  const chosen = ({ name }: PageUnderTest) => values.only === undefined || values.only.includes(name);
  const wanted = PAGES.filter(chosen);
  const administration = ADMINISTRATION.filter(chosen);
  const keyed = administration.length === 0 ? null : await openKeyedMonitor(t);
  const fleet = wanted.length === 0 ? null : values.url ? await knownFleet(values.url) : await openBusyFleet(t);
  await mkdir(values.into, { recursive: true });
  for (const theme of ['dark', 'light'] as const) {
    for (const [width, viewport] of [
      ['1440', WIDE],
      ['390', NARROW],
    ] as const) {
      const look = { theme, viewport, time: END };
      for (const { name, path, prepare } of wanted) {
        const page = await openPage(t, browser, fleet!.url, look);
        await page.goto(path(fleet!));
        await picture(page, { name, prepare, theme, width });
        await page.context().close();
      }
      if (keyed === null) continue;
      const page = await openPage(t, browser, keyed.url, look);
      await keyed.signIn(page);
      for (const { name, path, prepare } of administration) {
        await page.goto(path({ heard: [], hung: '' }));
        await picture(page, { name, prepare, theme, width });
      }
      await page.context().close();
    }
  }
  console.log(
    `${(wanted.length + administration.length) * 4} pictures, ${(total / 1e6).toFixed(1)} MB, in ${values.into}`,
  );
} finally {
  for (const clean of cleaning) await clean();
}

type Shot = Pick<PageUnderTest, 'name' | 'prepare'> & { theme: Theme; width: string };

async function picture(page: WatchedPage, { name, prepare, theme, width }: Shot): Promise<void> {
  await prepare(page);
  await keep(await page.screenshot({ animations: 'disabled' }), name, theme, width);
  if (page.problems.length > 0) console.log(`${name} ${theme} ${width}:\n  ${page.problems.splice(0).join('\n  ')}`);
}

async function keep(picture: Buffer, name: string, theme: Theme, width: string): Promise<void> {
  const path = join(values.into, `${name}-${theme}-${width}.png`);
  await rm(path, { force: true });
  await sharp(picture).png({ palette: true, colours: COLOURS, dither: 0, effort: 9, compressionLevel: 9 }).toFile(path);
  total += (await stat(path)).size;
}

/** One that runs already: node test/browser/busy-fleet.ts. */
async function knownFleet(url: string): Promise<Pick<BusyFleet, 'url' | 'heard' | 'hung'>> {
  const idsOf = async (query: string) => {
    const { items } = (await (await fetch(`${url}/api/v1/jobs?${query}`)).json()) as { items: { job_id: string }[] };
    return items.map(({ job_id }) => job_id);
  };
  return { url, heard: await idsOf('tag=examples'), hung: (await idsOf('verdict=hung'))[0]! };
}
