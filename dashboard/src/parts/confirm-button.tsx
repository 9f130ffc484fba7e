/** A button that says what it will do, exactly, before it does it. */
import { Button, type ButtonProps, Modal } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useAct } from './act.tsx';
import styles from './confirm-button.module.css';

type Props = {
  label: string;
  /** The heading: `Drain gpu-east-07`. */
  title: string;
  /** What will happen. */
  children: ReactNode;
  danger?: boolean;
  run: () => Promise<{ text: string; undo?: () => Promise<unknown> }>;
  button?: ButtonProps;
};

export function ConfirmButton({ label, title, children, danger = false, run, button }: Props) {
  const [opened, { open, close }] = useDisclosure(false);
  const { busy, act } = useAct();
  return (
    <>
      <Button {...button} onClick={open}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={title} size="md">
        <div className={styles.text}>{children}</div>
        <div className={styles.actions}>
          <Button onClick={close}>Not now</Button>
          <Button
            variant="filled"
            color={danger ? 'red' : undefined}
            loading={busy}
            data-autofocus
            onClick={async () => {
              if (await act(run)) close();
            }}
          >
            {label}
          </Button>
        </div>
      </Modal>
    </>
  );
}
