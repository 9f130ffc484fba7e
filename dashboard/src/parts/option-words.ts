/** Options and requirements of a job in words, for lists of facts. */
import type { Job } from '../../../protocol/job.ts';

type Named = readonly [name: string, value: string];

/** How the recording is transcribed, as far as the submitter said; what is off is left out. */
export function optionFacts({ options = {}, requires = {} }: Pick<Job, 'options' | 'requires'>): Named[] {
  const { language, model, task, channels, prompt, hotwords, temperature, engine_options = {} } = options;
  const on = [
    options.word_timestamps && 'words',
    options.diarize && 'speakers',
    channels === 'split' && 'each channel by itself',
    options.vad && 'speech only',
  ].filter((one): one is string => typeof one === 'string');
  const own = Object.entries(engine_options).map(([name, value]) => `${name}=${value}`);
  const requirements = [requires.device, ...(requires.tags ?? [])].filter((one): one is string => one !== undefined);
  const all: (readonly [string, string | undefined])[] = [
    ['Model wanted', model],
    ['Language', language],
    ['Task', task === 'translate' ? 'into English' : undefined],
    ['With', on.join(', ')],
    ['Prompt', prompt],
    ['Words expected', hotwords],
    ['Temperature', temperature === undefined ? undefined : String(temperature)],
    ['For the engine', own.join(', ')],
    ['Worker needs', requirements.join(', ')],
  ];
  return all.filter((one): one is Named => one[1] !== undefined && one[1] !== '');
}
