/** `tmon-worker`, of the Python package, with an engine that does something wrong first: see engine.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pythonWithModel, SDK_SOURCE } from '../processes/python-worker.ts';
import { startProgram, temporaryDirectory } from '../processes/tmon.ts';
import { actOf, gates, PROGRAM, type ShelledEngine } from './engine.ts';
import type { WorkerKind } from './scene.ts';

export type PythonEngine = Pick<ShelledEngine, 'held' | 'release'> & {
  /** The interpreter that has faster-whisper. */
  python: string;
  environment: Record<string, string>;
};

const ENGINE = join(SDK_SOURCE, 'transcription_monitor/worker_command/_engine/main.py');

/** Python imports it at its start; the process with the model becomes PROGRAM, which runs the engine's script. */
const SITE = `
import os, sys
words = os.environ["TMON_TEST_ENGINE"].split("\\n")
if sys.orig_argv[1:] == words[-1:]:
    os.execv(sys.executable, [sys.executable, *words])
`;

export const PYTHON_WORKER: WorkerKind<PythonEngine> = {
  async engine(t, first, times = {}) {
    const { python, path } = await pythonWithModel();
    const { directory, held, release } = gates(t);
    writeFileSync(join(directory, 'sitecustomize.py'), SITE);
    const environment = {
      PYTHONPATH: `${directory}:${path}`,
      PYTHONDONTWRITEBYTECODE: '1',
      TMON_TEST_ENGINE: [PROGRAM, ...actOf(first, directory, times), ENGINE].join('\n'),
    };
    return { python, environment, held, release };
  },
  start(t, { server, id, engine, options }) {
    const own = ['--server', server, '--id', id, '--model', 'tiny.en', '--work-dir', temporaryDirectory(t)];
    const args = ['-m', 'transcription_monitor.worker_command', ...own, ...options];
    return startProgram(t, engine.python, args, { environment: engine.environment });
  },
};
