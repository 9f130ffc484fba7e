/** Sets what a tenant may have: its weight, what may run at once, its quotas a day. */
import { Button, Modal, NumberInput, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import type { Tenant } from '../../../../protocol/tenant.ts';
import { TENANT_PATTERN } from '../../../../protocol/tenant-id.ts';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import confirm from '../../parts/confirm-button.module.css';
import { LimitFields } from './limit-fields.tsx';
import { given, type Limits, NO_LIMITS } from './limit-words.ts';
import styles from './limits.module.css';

/** `tenant` null: a new one. */
export function EditTenant({ tenant, onDone }: { tenant: Tenant | null; onDone: () => void }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button onClick={open}>{tenant === null ? 'Add tenant' : 'Change'}</Button>
      <Modal opened={opened} onClose={close} title={tenant === null ? 'Add a tenant' : tenant.tenant} size="md">
        <Form tenant={tenant} onClose={close} onDone={onDone} />
      </Modal>
    </>
  );
}

type FormProps = { tenant: Tenant | null; onClose: () => void; onDone: () => void };

function Form({ tenant, onClose, onDone }: FormProps) {
  const { api } = useLive();
  const [name, setName] = useState(tenant?.tenant ?? '');
  const [weight, setWeight] = useState(tenant?.weight ?? 1);
  const [limits, setLimits] = useState<Limits>(tenant ? limitsOf(tenant) : NO_LIMITS);
  const { busy, act } = useAct();
  const valid = new RegExp(TENANT_PATTERN).test(name);
  const save = async () => {
    await api.tenants.put(name, { weight, ...given(limits) });
    onDone();
    return { text: `${name} has these limits from now on.` };
  };
  return (
    <form
      className={styles.form}
      onSubmit={async (event) => {
        event.preventDefault();
        if (await act(save)) onClose();
      }}
    >
      {tenant === null && (
        <TextInput
          label="Id"
          value={name}
          maxLength={32}
          onChange={(event) => setName(event.currentTarget.value)}
          error={name !== '' && !valid ? 'Small letters, digits and -' : undefined}
          placeholder="acme"
          data-autofocus
        />
      )}
      <NumberInput
        label="Weight: its share of the workers, in relation to the others"
        size="xs"
        min={1}
        max={1_000}
        allowDecimal={false}
        value={weight}
        onChange={(value) => setWeight(Math.max(1, Number(value) || 1))}
      />
      <LimitFields limits={limits} onChange={setLimits} />
      <div className={confirm.actions}>
        <Button onClick={onClose}>Not now</Button>
        <Button type="submit" variant="filled" loading={busy} disabled={!valid}>
          Save
        </Button>
      </div>
    </form>
  );
}

const limitsOf = ({ max_running, jobs_per_day, audio_hours_per_day, upload_bytes_per_day }: Tenant): Limits => ({
  max_running,
  jobs_per_day,
  audio_hours_per_day,
  upload_bytes_per_day,
});
