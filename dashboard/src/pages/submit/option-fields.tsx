/** The options of the jobs that are added next: of the job, and of its transcription. */
import { Autocomplete, Checkbox, NumberInput, Select, TagsInput, Textarea, TextInput } from '@mantine/core';
import type { JobSubmission } from '../../../../protocol/job.ts';
import type { JobOptions } from '../../../../protocol/job-options.ts';
import { OUTPUT_FORMATS, PRIORITIES } from '../../../../protocol/job-words.ts';
import type { Worker } from '../../../../protocol/worker.ts';
import type { Records } from '../../live/records.ts';
import { useLive, useSelection } from '../../live/use-live.ts';
import { Panel } from '../../parts/panel.tsx';
import { offerOf, sameOffer } from './models.ts';
import styles from './submit.module.css';

export type Options = Omit<JobSubmission, 'audio_url'>;

type Fields = { options: Options; onChange: (options: Options) => void };

export function OptionFields({ options, onChange }: Fields) {
  const set = (change: Partial<Options>) => onChange(withoutAbsent({ ...options, ...change }));
  return (
    <Panel title="Options for what is added next">
      <div className={styles.form}>
        <div className={styles.pair}>
          <Select
            label="Priority"
            data={[...PRIORITIES]}
            value={options.priority ?? 'normal'}
            onChange={(value) => set({ priority: value as Options['priority'] })}
          />
          <Select
            label="Format of the transcript"
            data={[...OUTPUT_FORMATS]}
            value={options.output_format ?? 'json'}
            onChange={(value) => set({ output_format: value as Options['output_format'] })}
          />
        </div>
        <TagsInput
          label="Tags"
          size="xs"
          maxTags={32}
          value={options.tags ?? []}
          onChange={(tags) => set({ tags: tags.length === 0 ? undefined : tags })}
          placeholder="Enter adds a tag"
        />
        <div className={styles.pair}>
          <NumberInput
            label="Attempts at most"
            size="xs"
            min={1}
            max={20}
            value={options.max_attempts ?? 3}
            onChange={(value) => set({ max_attempts: typeof value === 'number' ? value : undefined })}
          />
          <TextInput
            label="Webhook"
            type="url"
            value={options.webhook_url ?? ''}
            onChange={(event) => set({ webhook_url: event.currentTarget.value.trim() || undefined })}
            placeholder="https://example.com/transcribed"
          />
        </div>
        <Checkbox
          label="Fail a recording whose end is missing"
          checked={options.require_complete ?? false}
          onChange={(event) => set({ require_complete: event.currentTarget.checked || undefined })}
        />
      </div>
    </Panel>
  );
}

const offered = (workers: Records<Worker>) => offerOf(workers.values());

/** A worker that does not know an option does not get the job; what no live worker knows is not offered, and would be refused. */
export function TranscriptionFields({ options, onChange }: Fields) {
  const { models, devices, tags, options: known } = useSelection(useLive().workers, offered, sameOffer);
  const { options: given = {}, requires = {} } = options;
  const unknown = (name: keyof JobOptions) => known !== null && !known.includes(name);
  const set = (change: Partial<JobOptions>) => {
    const next = withoutAbsent({ ...given, ...change });
    onChange(withoutAbsent({ ...options, options: isEmpty(next) ? undefined : next }));
  };
  const require = (change: Partial<NonNullable<Options['requires']>>) => {
    const next = withoutAbsent({ ...requires, ...change });
    onChange(withoutAbsent({ ...options, requires: isEmpty(next) ? undefined : next }));
  };
  return (
    <Panel title="How it is transcribed">
      <div className={styles.form}>
        <div className={styles.pair}>
          <Autocomplete
            label="Model"
            size="xs"
            data={models}
            value={given.model ?? ''}
            onChange={(value) => set({ model: value.trim() || undefined })}
            placeholder="any"
          />
          <TextInput
            label="Language"
            value={given.language ?? ''}
            onChange={(event) => set({ language: event.currentTarget.value.trim() || undefined })}
            placeholder="detected; en, de"
          />
        </div>
        <Textarea
          label="Names and words to expect, as a text"
          size="xs"
          autosize
          minRows={2}
          maxRows={6}
          maxLength={4096}
          value={given.prompt ?? ''}
          onChange={(event) => set({ prompt: event.currentTarget.value || undefined })}
        />
        <Checkbox
          label="Times of single words"
          disabled={unknown('word_timestamps')}
          checked={given.word_timestamps ?? false}
          onChange={(event) => set({ word_timestamps: event.currentTarget.checked || undefined })}
        />
        <Checkbox
          label="Each channel by itself, for calls"
          disabled={unknown('channels')}
          checked={given.channels === 'split'}
          onChange={(event) => set({ channels: event.currentTarget.checked ? 'split' : undefined })}
        />
        <Checkbox
          label="Tell speakers apart"
          disabled={unknown('diarize')}
          checked={given.diarize ?? false}
          onChange={(event) => set({ diarize: event.currentTarget.checked || undefined })}
        />
        <Checkbox
          label="Translate into English"
          disabled={unknown('task')}
          checked={given.task === 'translate'}
          onChange={(event) => set({ task: event.currentTarget.checked ? 'translate' : undefined })}
        />
        <div className={styles.pair}>
          <Autocomplete
            label="Only on this device"
            size="xs"
            data={devices}
            value={requires.device ?? ''}
            onChange={(value) => require({ device: value.trim() || undefined })}
            placeholder="any"
          />
          <TagsInput
            label="Only on workers with these tags"
            size="xs"
            maxTags={16}
            data={tags}
            value={requires.tags ?? []}
            onChange={(value) => require({ tags: value.length === 0 ? undefined : value })}
          />
        </div>
      </div>
    </Panel>
  );
}

const isEmpty = (one: object): boolean => Object.keys(one).length === 0;

const withoutAbsent = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
