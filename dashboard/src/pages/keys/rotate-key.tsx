/** Gives a key a new secret, after asking how long the present one counts beside it. */
import { Button, Modal, Select } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import type { ApiKey, NewApiKey } from '../../../../protocol/api-keys.ts';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import confirm from '../../parts/confirm-button.module.css';
import { OVERLAPS } from './key-words.ts';
import styles from './keys.module.css';

export function RotateKey({ of: { id, name }, onMade }: { of: ApiKey; onMade: (key: NewApiKey) => void }) {
  const { api } = useLive();
  const [opened, { open, close }] = useDisclosure(false);
  const [overlap, setOverlap] = useState('for a day');
  const { busy, act } = useAct();
  const rotate = async () => {
    onMade(await api.keys.rotate(id, { overlap_seconds: OVERLAPS[overlap]! }));
    return { text: `${name || id} has a new secret.` };
  };
  return (
    <>
      <Button onClick={open}>Rotate</Button>
      <Modal opened={opened} onClose={close} title={`A new secret for ${name || id}`} size="md">
        <form
          className={styles.form}
          onSubmit={async (event) => {
            event.preventDefault();
            if (await act(rotate)) close();
          }}
        >
          <Select
            label="The present secret counts beside the new one"
            data={Object.keys(OVERLAPS)}
            value={overlap}
            onChange={(value) => setOverlap(value!)}
            data-autofocus
          />
          <p className={styles.note}>Sessions that were begun with the present secret end with it.</p>
          <div className={confirm.actions}>
            <Button onClick={close}>Not now</Button>
            <Button type="submit" variant="filled" loading={busy}>
              Make a new secret
            </Button>
          </div>
        </form>
      </Modal>
    </>
  );
}
