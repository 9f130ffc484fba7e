/**
 * `npm run audio-matrix [-- --only PATTERN] [--columns tmon,python] [--keep FOLDER]`: recordings as they come (containers, codecs, rates, broken
 * headers, wrong names, no recordings at all), transcribed by each kind of worker with a real engine, and compared with what must become
 * of them. Writes docs/audio.md unless `--only` or `--columns` is given; exit code 1 if an input did not become what it must.
 *
 * ffmpeg and sox make the inputs (Debian's packages are installed if they are missing, as root), beside each is what is expected of it. One monitor
 * has all jobs; the columns follow each other. Takes about a quarter of an hour on two free cores.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { eachAtOnce } from '../../server/at-once.ts';
import { startTestMonitor, temporaryDirectory } from '../processes/tmon.ts';
import { type Column, columns } from './columns.ts';
import { type Table, writeDocument } from './document.ts';
import { encoded, type Input } from './input.ts';
import { sections } from './inputs/all.ts';
import { judge } from './judge.ts';
import { type Played, play, type Sample } from './play.ts';
import { Studio } from './studio.ts';

const DOCUMENT = fileURLToPath(new URL('../../docs/audio.md', import.meta.url));
const MAKING_AT_ONCE = 4;
const CLEAN: Input = { ...encoded('clean.wav', ''), make: (studio) => studio.clean() };

const { values } = parseArgs({
  options: { only: { type: 'string' }, columns: { type: 'string' }, keep: { type: 'string' } },
});
const began_ms = performance.now();
const log = (line: string) =>
  console.log(`${((performance.now() - began_ms) / 1000).toFixed(1).padStart(7)} s  ${line}`);

const cleaning: (() => void | Promise<void>)[] = [];
const t = { after: (run: () => void | Promise<void>) => void cleaning.push(run) };
let wrong = 0;
try {
  wrong = await main();
} finally {
  for (const run of cleaning.reverse()) await run();
}
process.exit(wrong === 0 ? 0 : 1);

async function main(): Promise<number> {
  const pattern = new RegExp(values.only ?? '');
  const wanted = columns.filter(({ name }) => values.columns?.split(',').includes(name) ?? true);
  const studio = await Studio.open(temporaryDirectory(t));
  const kept = values.keep ?? temporaryDirectory(t);
  await mkdir(kept, { recursive: true });

  const chosen = sections.map(({ title, inputs }) => ({
    title,
    inputs: inputs.filter(({ name }) => pattern.test(name)),
  }));
  const made = new Map<Input, Sample>();
  const inputs = [CLEAN, ...chosen.flatMap((section) => section.inputs)];
  await eachAtOnce(inputs.entries(), MAKING_AT_ONCE, async ([index, input]) => {
    made.set(
      input,
      await sampleOf(studio, input, join(kept, `${index}-${input.name.slice(-100).replaceAll('/', '_')}`)),
    );
  });
  const samples = inputs.map((input) => made.get(input)!);
  log(`${samples.length} recordings, ${wanted.map(({ name }) => name).join(' and ')}`);

  const monitor = await startTestMonitor(t);
  const played: Played[] = [];
  for (const column of wanted) played.push(await play(t, column, { ...monitor, samples, log }));

  const tables: Table[] = chosen
    .filter((section) => section.inputs.length > 0)
    .map((section) => ({
      title: section.title,
      rows: section.inputs.map((input) => {
        const sample = made.get(input)!;
        const verdicts = played.map(({ outcomes }) => judge(sample, outcomes[inputs.indexOf(input)]!, outcomes[0]!));
        return { sample, verdicts };
      }),
    }));
  const document = writeDocument({ columns: wanted, tables });
  if (values.only === undefined && values.columns === undefined) await writeFile(DOCUMENT, document);
  await writeFile(join(kept, 'audio.md'), document);
  return report(wanted, tables, played);
}

async function sampleOf(studio: Studio, input: Input, path: string): Promise<Sample> {
  const bytes = await input.make(studio);
  await writeFile(path, bytes);
  return { input, bytes, decoded_seconds: await studio.decodedSeconds(path) };
}

/** Prints what is wrong; returns how much. */
function report(wanted: readonly Column[], tables: readonly Table[], played: readonly Played[]): number {
  const cells = tables.flatMap(({ rows }) =>
    rows.flatMap(({ sample, verdicts }) =>
      verdicts.map((verdict, index) => ({ ...verdict, where: `${sample.input.name} (${sample.input.made})`, index })),
    ),
  );
  const wrongs = [
    ...cells.flatMap((cell) => cell.wrong.map((one) => `${wanted[cell.index]!.name}: ${cell.where}: ${one}`)),
    ...played.flatMap(({ differences }, index) => differences.map((one) => `${wanted[index]!.name}: ${one}`)),
  ];
  for (const line of wrongs) log(`WRONG: ${line}`);
  const bad = cells.filter((cell) => cell.wrong.length > 0).length;
  console.log(`${cells.length - bad} passed, ${bad} failed`);
  return wrongs.length;
}
