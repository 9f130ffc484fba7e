/** Something done to many jobs of a queue: shows exactly which before it happens, and offers to undo it where that is possible. */
import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import type { BulkAnswer } from '../../../../protocol/queue.ts';
import { useMay } from '../../live/use-may.tsx';
import { showError, useAct } from '../../parts/act.tsx';
import confirm from '../../parts/confirm-button.module.css';
import { ExactList } from '../../parts/exact-list.tsx';
import { count } from '../../parts/format.ts';

/** Of one call. */
const TAKEN_MAX = 10_000;

type Props = {
  label: string;
  verb: string;
  /** `cancelled`, in `12 jobs cancelled`. */
  done: string;
  note?: string;
  danger?: boolean;
  /** Which jobs it would take. */
  list: () => Promise<BulkAnswer>;
  run: (job_ids: readonly string[]) => Promise<BulkAnswer>;
  undo?: (job_ids: readonly string[]) => Promise<unknown>;
};

export function QueueAction({ label, verb, done, note, danger = false, list, run, undo }: Props) {
  const [job_ids, setJobIds] = useState<readonly string[] | null>(null);
  const [reading, setReading] = useState(false);
  const { busy, act } = useAct();
  const open = () => {
    setReading(true);
    list()
      .then((answer) => setJobIds(answer.job_ids), showError)
      .finally(() => setReading(false));
  };
  const close = () => setJobIds(null);
  const jobs = (number: number) => `${count(number)} ${number === 1 ? 'job' : 'jobs'}`;
  const total = job_ids?.length ?? 0;
  if (!useMay('operate')) return null;
  return (
    <>
      <Button onClick={open} loading={reading}>
        {label}
      </Button>
      <Modal opened={job_ids !== null} onClose={close} title={`${verb} ${jobs(total)}`}>
        {job_ids && total > 0 && <ExactList job_ids={job_ids} />}
        <div className={confirm.text}>
          {total === 0 && <p>There is none.</p>}
          {total === TAKEN_MAX && <p>These are the first {count(TAKEN_MAX)}; repeat it for the others.</p>}
          {note && total > 0 && <p>{note}</p>}
        </div>
        <div className={confirm.actions}>
          <Button onClick={close}>Leave them</Button>
          <Button
            variant="filled"
            color={danger ? 'red' : undefined}
            disabled={total === 0}
            loading={busy}
            data-autofocus
            onClick={async () => {
              const succeeded = await act(async () => {
                const taken = (await run(job_ids!)).job_ids;
                return {
                  text: `${jobs(taken.length)} ${done}.`,
                  ...(undo && taken.length > 0 ? { undo: () => undo(taken) } : {}),
                };
              });
              if (succeeded) close();
            }}
          >
            {verb} {count(total)}
          </Button>
        </div>
      </Modal>
    </>
  );
}
