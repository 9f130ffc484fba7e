/**
 * `node test/disk-full/main.ts --tries N --seed S`, as root: recordings transcribed on a disk of random fill levels.
 * Prints how they ended; exit code 1 if a transcript lacked its end.
 */
import { parseArgs } from 'node:util';
import { randomOf } from '../random.ts';
import { type Outcome, removeScripts, SmallDisk, TRIALS, whyNot } from './trial.ts';

const { values } = parseArgs({
  options: { tries: { type: 'string', default: '200' }, seed: { type: 'string', default: '7' } },
});
const missing = await whyNot();
if (missing !== null) {
  console.error(`this can't run here: ${missing}`);
  process.exit(2);
}

const counts = new Map<string, number>();
const disk = await SmallDisk.mount();
try {
  for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.tries); seed++) {
    const random = randomOf(seed);
    const kind = TRIALS[seed % TRIALS.length]!;
    const level = { free: random() * 1.2, returns: random() < 0.4 };
    const outcome: Outcome = await disk.try(kind, level);
    counts.set(`${kind}: ${outcome}`, (counts.get(`${kind}: ${outcome}`) ?? 0) + 1);
    if (outcome !== 'cut') continue;
    console.log(`CUT ${kind}, free ${level.free.toFixed(3)}, room returns: ${level.returns}`);
    console.log(`  replay: node test/disk-full/main.ts --tries 1 --seed ${seed}`);
    process.exitCode = 1;
  }
} finally {
  await disk.unmount();
  await removeScripts();
}
for (const [what, count] of [...counts].sort()) console.log(`${String(count).padStart(5)}  ${what}`);
console.log(process.exitCode === 1 ? '\ntranscripts without their end' : '\nno transcript without its end');
