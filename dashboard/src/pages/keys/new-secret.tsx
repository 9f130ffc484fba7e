/** The secret of a key that was just made: shown here and never again, so that it is not closed by mistake. */
import { Button, Modal } from '@mantine/core';
import type { NewApiKey } from '../../../../protocol/api-keys.ts';
import { CommandLine } from '../../parts/command-line.tsx';
import confirm from '../../parts/confirm-button.module.css';
import styles from './keys.module.css';

export function NewSecret({ made, onClose }: { made: NewApiKey; onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={`The key of ${made.name || made.id}`}
      size="lg"
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <div className={styles.secret}>
        <p>Copy it now: the monitor keeps a hash, and cannot show it again.</p>
        <CommandLine command={made.key} />
        <p>Programs, workers and tmon take it from the environment, or from a file (TMON_API_KEY_FILE):</p>
        <CommandLine command={`export TMON_SERVER=${window.location.origin} TMON_API_KEY=…`} />
      </div>
      <div className={confirm.actions}>
        <Button variant="filled" onClick={onClose} data-autofocus>
          I have copied it
        </Button>
      </div>
    </Modal>
  );
}
