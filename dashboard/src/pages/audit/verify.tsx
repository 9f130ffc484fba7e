/** Walks the hash chain of the journal, and says whether every byte of the record is as it was written. */
import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import type { AuditVerification } from '../../../../protocol/audit.ts';
import { useLive } from '../../live/use-live.ts';
import { showError } from '../../parts/act.tsx';
import { Pill } from '../../parts/pill.tsx';
import styles from './audit.module.css';

const TONES = { pass: 'ok', warn: 'warn', fail: 'bad' } as const;

export function VerifyButton() {
  const { api } = useLive();
  const [found, setFound] = useState<AuditVerification | null>(null);
  const [busy, setBusy] = useState(false);
  const verify = () => {
    setBusy(true);
    api.audit
      .verify()
      .then(setFound, showError)
      .finally(() => setBusy(false));
  };
  return (
    <>
      <Button size="xs" loading={busy} onClick={verify}>
        Verify
      </Button>
      <Modal
        opened={found !== null}
        onClose={() => setFound(null)}
        title={found?.intact ? 'The record is intact' : 'The record is not intact'}
        size="lg"
      >
        <ul className={styles.findings}>
          {found?.findings.map(({ check, verdict, says }) => (
            <li key={`${check} ${says}`}>
              <Pill tone={TONES[verdict]}>{verdict}</Pill>
              <span>{says}</span>
            </li>
          ))}
        </ul>
        <p className={styles.none}>
          Hashes are not signed: who can write to the store can write another history. Keep exports elsewhere.
        </p>
      </Modal>
    </>
  );
}
