/** Creates a key: its role, what it is for, and its limits. */
import { Button, Checkbox, Modal, Select, TagsInput, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { KEY_ROLES, type KeyCreation, type KeyRole, type NewApiKey } from '../../../../protocol/api-keys.ts';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import confirm from '../../parts/confirm-button.module.css';
import { LimitFields } from '../limits/limit-fields.tsx';
import { given, type Limits, NO_LIMITS } from '../limits/limit-words.ts';
import { LIFETIMES, ROLE_WORDS } from './key-words.ts';
import styles from './keys.module.css';

export function CreateKey({ onMade }: { onMade: (key: NewApiKey) => void }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size="xs" onClick={open}>
        Create key
      </Button>
      <Modal opened={opened} onClose={close} title="Create a key" size="md">
        <Form onMade={onMade} onClose={close} />
      </Modal>
    </>
  );
}

function Form({ onMade, onClose }: { onMade: (key: NewApiKey) => void; onClose: () => void }) {
  const { api } = useLive();
  const [role, setRole] = useState<KeyRole>('submit');
  const [name, setName] = useState('');
  const [tags, setTags] = useState<string[]>([]);
  const [worker, setWorker] = useState('');
  const [tenant, setTenant] = useState('');
  const [limits, setLimits] = useState<Limits>(NO_LIMITS);
  const [limited, setLimited] = useState(false);
  const [lifetime, setLifetime] = useState('never');
  const { busy, act } = useAct();
  const mayHaveTags = role === 'read' || role === 'submit';
  const create = async () => {
    const lasts_ms = LIFETIMES[lifetime];
    const creation: KeyCreation = {
      role,
      name: name.trim(),
      ...(mayHaveTags && tags.length > 0 ? { tags } : {}),
      ...(role === 'worker' && worker.trim() !== '' ? { worker_id: worker.trim() } : {}),
      ...(role !== 'admin' && tenant.trim() !== '' ? { tenant: tenant.trim() } : {}),
      ...(role === 'submit' ? given(limits) : {}),
      ...(lasts_ms ? { expires_at: new Date(Date.now() + lasts_ms).toISOString() } : {}),
    };
    onMade(await api.keys.create(creation));
    return { text: `The key ${name.trim()} is made.` };
  };
  return (
    <form
      className={styles.form}
      onSubmit={async (event) => {
        event.preventDefault();
        if (await act(create)) onClose();
      }}
    >
      <Select
        label="Role"
        data={KEY_ROLES.map((value) => ({ value, label: `${value}: ${ROLE_WORDS[value]}` }))}
        value={role}
        onChange={(value) => setRole(value as KeyRole)}
      />
      <TextInput
        label="What it is for"
        value={name}
        maxLength={100}
        onChange={(event) => setName(event.currentTarget.value)}
        placeholder={role === 'worker' ? 'gpu-1' : 'web shop'}
        data-autofocus
      />
      {mayHaveTags && (
        <TagsInput
          label="Only jobs with one of these tags"
          size="xs"
          maxTags={20}
          value={tags}
          onChange={setTags}
          placeholder="all jobs; Enter adds a tag"
        />
      )}
      {role === 'worker' && (
        <TextInput
          label="Only as the worker with this id"
          value={worker}
          maxLength={128}
          onChange={(event) => setWorker(event.currentTarget.value)}
          placeholder="any worker"
        />
      )}
      {role !== 'admin' && (
        <TextInput
          label="Only for this tenant"
          value={tenant}
          maxLength={32}
          onChange={(event) => setTenant(event.currentTarget.value)}
          placeholder="all tenants"
        />
      )}
      {role === 'submit' && (
        <Checkbox
          label="Limit how much it may submit"
          checked={limited}
          onChange={(event) => {
            setLimited(event.currentTarget.checked);
            setLimits(NO_LIMITS);
          }}
        />
      )}
      {role === 'submit' && limited && <LimitFields limits={limits} onChange={setLimits} />}
      <Select label="Ends" data={Object.keys(LIFETIMES)} value={lifetime} onChange={(value) => setLifetime(value!)} />
      <div className={confirm.actions}>
        <Button onClick={onClose}>Not now</Button>
        <Button type="submit" variant="filled" loading={busy}>
          Create
        </Button>
      </div>
    </form>
  );
}
