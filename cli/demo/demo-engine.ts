/**
 * The demo's engine: the one asked for, or Whisper's smallest model in a private Python environment, or pocketsphinx on
 * a platform for which a package of the former has no wheel.
 */
import { colour, oneLine, printLine } from '../output.ts';

export type DemoEngine = {
  /** The value for `tmon worker --engine`. */
  choice: string;
  name: string;
};

/** Returns an engine that has been tried. Throws EngineError if none works. */
export async function chooseDemoEngine(
  wanted?: string,
  { print = printLine, choices }: { print?: (line: string) => void; choices?: readonly string[] } = {},
): Promise<DemoEngine> {
  const { findEngine, prepareEngine } = await import('../../agent/engines/choose-engine.ts');
  const { PACKAGED_FASTER_WHISPER } = await import('../../agent/engines/faster-whisper.ts');
  const say = (line: string) => print(`${colour('bold', 'engine')}      ${line}`);
  say('preparing it; the first time this takes a minute');
  const { choice, engine, capabilities, passed_over } =
    wanted === undefined
      ? await findEngine(choices ?? [PACKAGED_FASTER_WHISPER, 'pocketsphinx'])
      : await prepareEngine(wanted);
  await engine.close?.(); // the demo's workers have their own
  for (const { name, reason } of passed_over) {
    say(`${engine.name}, because ${name} cannot be installed here: ${oneLine(reason)}`);
  }
  say(`${engine.name}, ${capabilities.model} on ${capabilities.device}`);
  return { choice, name: engine.name };
}
