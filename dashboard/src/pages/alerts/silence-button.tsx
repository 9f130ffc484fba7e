/** Silences alerts with these labels for a while: they are still shown, but notify nobody. */
import { Button, Modal, Select, Textarea, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import confirm from '../../parts/confirm-button.module.css';
import { byOf, useYourName } from '../../parts/your-name.ts';
import styles from './alerts.module.css';

const HOUR_MS = 3_600_000;
const LENGTHS: Readonly<Record<string, number | null>> = {
  '1 hour': HOUR_MS,
  '4 hours': 4 * HOUR_MS,
  '1 day': 24 * HOUR_MS,
  '1 week': 7 * 24 * HOUR_MS,
  'until it is resolved': null,
};
/** Labels that say which alert it is; others, such as the severity, may change. */
const NAMING = ['alertname', 'worker', 'job', 'queue', 'error_code', 'destination'];

type Props = { labels: Readonly<Record<string, string>>; onDone: () => void };

export function SilenceButton({ labels, onDone }: Props) {
  const { api } = useLive();
  const [opened, { open, close }] = useDisclosure(false);
  const [length, setLength] = useState('4 hours');
  const [comment, setComment] = useState('');
  const [name, setName] = useYourName();
  const { busy, act } = useAct();
  const matchers = NAMING.filter((label) => labels[label]).map((label) => ({
    name: label,
    op: '=' as const,
    value: labels[label]!,
  }));
  const create = async () => {
    const until_ms = LENGTHS[length];
    const silence = await api.system.createSilence({
      matchers,
      comment: comment.trim(),
      created_by: byOf(name),
      ...(until_ms ? { ends_at: new Date(Date.now() + until_ms).toISOString() } : { until_resolved: true as const }),
    });
    onDone();
    return { text: 'Silenced.', undo: () => api.system.endSilence(silence.id).then(onDone) };
  };
  return (
    <>
      <Button onClick={open}>Silence</Button>
      <Modal opened={opened} onClose={close} title="Silence this alert" size="md">
        <form
          className={styles.form}
          onSubmit={async (event) => {
            event.preventDefault();
            if (await act(create)) close();
          }}
        >
          <div className={styles.matchers}>
            {matchers.map(({ name: label, value }) => (
              <code key={label}>
                {label}={value}
              </code>
            ))}
          </div>
          <Select label="For" data={Object.keys(LENGTHS)} value={length} onChange={(value) => setLength(value!)} />
          <Textarea
            label="Why"
            size="xs"
            value={comment}
            maxLength={1000}
            onChange={(event) => setComment(event.currentTarget.value)}
            data-autofocus
          />
          <TextInput
            label="Your name"
            value={name}
            maxLength={200}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <div className={confirm.actions}>
            <Button onClick={close}>Not now</Button>
            <Button type="submit" variant="filled" loading={busy}>
              Silence
            </Button>
          </div>
        </form>
      </Modal>
    </>
  );
}
