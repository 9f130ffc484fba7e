/** Reports that a job has failed, and is then killed: by itself within the call's own turn, or from outside. */
import { Reporter } from '../../sdk/typescript/reporter/reporter.ts';

const [url = '', job_id, moment] = process.argv.slice(2);
const reporter = Reporter.fromUrl(url, { workerId: 'worker-1' });
if (job_id !== undefined) {
  reporter.jobStart(job_id);
  reporter.jobFailed(job_id, 'boom');
  if (moment === 'at once') process.kill(process.pid, 'SIGKILL');
  console.log('told');
  setInterval(() => {}, 1000);
}
