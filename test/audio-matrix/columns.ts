/** The workers of the matrix, each a process of its own with the same model of Whisper. */
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import { startPythonWorker } from '../processes/python-worker.ts';
import { type Cleaning, type Program, startTmon, temporaryDirectory } from '../processes/tmon.ts';

export type Column = {
  name: string;
  /** For the table's head. */
  title: string;
  start(t: Cleaning, server: string): Promise<Program>;
};

export const columns: readonly Column[] = [
  {
    name: 'tmon',
    title: '`tmon worker`, faster-whisper',
    async start(t, server) {
      const args = ['worker', '--server', server, '--engine', PACKAGED_FASTER_WHISPER, '--max-jobs', '2'];
      const worker = startTmon(t, args, { environment: { TMON_WORK_DIR: temporaryDirectory(t) } });
      await worker.line(/\bready\b/);
      return worker;
    },
  },
  { name: 'python', title: 'Python `Worker`, faster-whisper', start: startPythonWorker },
];
