/** A recording to its transcript by the command line, as a user has it: submit, watch, read. Returns the text. */
import assert from 'node:assert/strict';
import { type Cleaning, runTmon } from '../processes/tmon.ts';

const AUDIO = new URL('../../examples/audio/lost-keys.wav', import.meta.url).pathname;
/** PocketSphinx mishears much; what counts is that it heard a text. */
const WORDS_MIN = 10;

export async function transcriptBy(
  t: Cleaning,
  url: string,
  environment: Record<string, string> = {},
): Promise<string> {
  const tmon = async (...args: string[]) => {
    const { code, stdout, stderr } = await runTmon(t, [...args, '--server', url], { environment });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const { job_id } = JSON.parse(await tmon('submit', AUDIO, '--json'));
  await tmon('watch', job_id);
  const text = (await tmon('transcript', job_id)).trim();
  assert.ok(text.split(/\s+/).length >= WORDS_MIN, text);
  return text.replace(/\s+/g, ' ');
}
