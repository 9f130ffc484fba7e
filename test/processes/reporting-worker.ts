/**
 * A worker that only reports, to every URL: `reporting-worker.ts WORKER JOB HANGS URL…`. It keeps reporting JOB;
 * `HANGS` is another job that it started and that stands still (`-`: none). Prints `reports` once it has started.
 */
import { Reporter } from '../../sdk/typescript/reporter/reporter.ts';

const [workerId = '', job = '', hangs = '-', ...urls] = process.argv.slice(2);
const reporters = urls.map((url) => Reporter.fromUrl(url, { workerId }));
const STEP_MS = 250;

for (const reporter of reporters) {
  reporter.jobStart(job);
  if (hangs !== '-') {
    reporter.jobStart(hangs);
    reporter.jobProgress(hangs, 10, { stage: 'TRANSCRIBING' });
  }
}
let percentage = 0;
setInterval(() => {
  percentage = Math.min(99, percentage + 0.1);
  for (const reporter of reporters) reporter.jobProgress(job, percentage, { stage: 'TRANSCRIBING' });
}, STEP_MS);
await Promise.all(reporters.map((reporter) => reporter.flush()));
console.log('reports');
