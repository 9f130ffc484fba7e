/** Launches workers on the monitor's fleet, after saying what that will cost. */
import { Button, Modal, NumberInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import confirm from '../../parts/confirm-button.module.css';

const AT_ONCE_MAX = 20;

export function LaunchButton() {
  const { api } = useLive();
  const [opened, { open, close }] = useDisclosure(false);
  const [wanted, setWanted] = useState(1);
  const { busy, act } = useAct();
  const launch = async () => {
    for (let i = 0; i < wanted; i++) await api.workers.launch();
    return { text: `${wanted === 1 ? 'A worker is' : `${wanted} workers are`} starting.` };
  };
  return (
    <>
      <Button size="xs" onClick={open}>
        Launch worker
      </Button>
      <Modal opened={opened} onClose={close} title="Launch workers" size="md">
        <div className={confirm.text}>
          <p>They start on the fleet that the monitor was started with (--fleet), and cost its price until they end.</p>
          <NumberInput
            label="How many"
            size="xs"
            w={110}
            min={1}
            max={AT_ONCE_MAX}
            value={wanted}
            onChange={(value) => setWanted(Math.min(AT_ONCE_MAX, Math.max(1, Number(value) || 1)))}
            data-autofocus
          />
        </div>
        <div className={confirm.actions}>
          <Button onClick={close}>Not now</Button>
          <Button
            variant="filled"
            loading={busy}
            onClick={async () => {
              if (await act(launch)) close();
            }}
          >
            Launch {wanted}
          </Button>
        </div>
      </Modal>
    </>
  );
}
