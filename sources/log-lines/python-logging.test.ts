import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { LineScanner } from './scan.ts';

/** As the design document prints it, with the import that it leaves out, and the four lines of its other sample. */
const PROGRAM = `
import logging, sys
import json
from datetime import datetime

logging.basicConfig(level=logging.INFO, stream=sys.stdout, FORMAT)

class StructuredLogger:
    def __init__(self, worker_id):
        self.worker_id = worker_id
        self.logger = logging.getLogger(__name__)
    
    def job_event(self, event, job_id, **kwargs):
        event_data = {
            'event': event,
            'job_id': job_id,
            'worker_id': self.worker_id,
            'timestamp': datetime.now().isoformat(),
            **kwargs
        }
        self.logger.info(f"TRANSCRIPTION_EVENT {json.dumps(event_data)}")

worker_id, job_id = 'worker-456', 'job-123'
logger = StructuredLogger(worker_id)
logger.job_event('JOB_START', job_id, audio_duration=4860)
logger.job_event('JOB_PROGRESS', job_id, percentage=45, stage='transcribing')  
logger.job_event('JOB_COMPLETE', job_id, duration=1200, segments=150)
logger.job_event('JOB_FAILED', job_id, error='GPU out of memory')

logger = logging.getLogger('worker')
percentage, duration, error = 45, 1200.5, RuntimeError('GPU out of memory: "cuda:0"')
logger.info(f"JOB_START job_id={job_id} worker_id={worker_id}")
logger.info(f"JOB_PROGRESS job_id={job_id} percentage={percentage}")
logger.info(f"JOB_COMPLETE job_id={job_id} duration={duration}")
logger.error(f"JOB_FAILED job_id={job_id} error={error}")
`;

const FORMATS: [format: string, dated: boolean][] = [
  ['', false],
  ["format='%(asctime)s %(levelname)s %(name)s: %(message)s'", true],
  ["format='%(asctime)s.%(msecs)03d | %(levelname)-8s | %(message)s', datefmt='%Y-%m-%dT%H:%M:%S'", true],
  ["format='{asctime} [{process}:{threadName}] {message}', style='{'", true],
  ["format='%(message)s'", false],
];

test('[B125] [B126] [B127] the document’s StructuredLogger and its plain lines are read as printed, in any format of logging', async () => {
  for (const [format, dated] of FORMATS) {
    const program = PROGRAM.replace('FORMAT', format);
    const { stdout } = await promisify(execFile)('python3', ['-c', program], { env: { ...process.env, TZ: 'UTC' } });
    const { events, unreadable, undated } = new LineScanner().push(Buffer.from(stdout));
    assert.deepEqual(unreadable, [], format);
    const told = events.map(
      ({ event, job_id, worker_id, percentage, stage, audio_duration, duration, segments, error }) => {
        const said = { worker_id, percentage, stage, audio_duration, duration, segments, error };
        assert.equal(job_id, 'job-123');
        return { event, ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)) };
      },
    );
    assert.deepEqual(told, [
      { event: 'JOB_START', worker_id: 'worker-456', audio_duration: 4860 },
      { event: 'JOB_PROGRESS', worker_id: 'worker-456', percentage: 45, stage: 'TRANSCRIBING' },
      { event: 'JOB_COMPLETE', worker_id: 'worker-456', duration: 1200, segments: 150 },
      { event: 'JOB_FAILED', worker_id: 'worker-456', error: 'GPU out of memory' },
      { event: 'JOB_START', worker_id: 'worker-456' },
      { event: 'JOB_PROGRESS', percentage: 45 },
      { event: 'JOB_COMPLETE', duration: 1200.5 },
      { event: 'JOB_FAILED', error: 'GPU out of memory: "cuda:0"' },
    ]);
    assert.equal(undated, dated ? 0 : 4, format);
    // Those without a time follow the last one that has it.
    assert.ok(events.every(({ timestamp_ms }) => timestamp_ms !== null));
  }
});
