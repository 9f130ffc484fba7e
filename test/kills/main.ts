/**
 * `node test/kills/main.ts [--kills 200] [--language python]`: kills.test.ts at full size. A failure that was reported a
 * second before the kill must have arrived without another start.
 */
import { parseArgs } from 'node:util';
import { killWorkers, type Language, MOMENTS } from './kills.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, language: { type: 'string', multiple: true } },
});
const cleaning: (() => void | Promise<void>)[] = [];
let lost = 0;
try {
  for (const language of (values.language ?? ['typescript', 'python']) as Language[]) {
    const killed = await killWorkers(
      { after: (run) => cleaning.push(run) },
      { language, kills: Number(values.kills), moments: MOMENTS },
    );
    for (const moment of MOMENTS) {
      const of = killed.filter((one) => one.moment === moment);
      const before = of.filter(({ arrivedBefore }) => arrivedBefore).length;
      const arrived = of.filter((one) => one.arrived).length;
      console.log(`${language}, killed ${moment}: ${arrived} of ${of.length} arrived, ${before} before the next start`);
      lost += of.length - (moment === 'later' ? before : arrived);
    }
  }
} finally {
  for (const run of cleaning.reverse()) await run();
}
console.log(lost === 0 ? 'none is lost' : `${lost} are lost or late`);
process.exit(lost === 0 ? 0 : 1);
