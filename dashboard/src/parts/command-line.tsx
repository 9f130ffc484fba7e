/** A command, or some lines of a program, to copy. */
import { ActionIcon, CopyButton } from '@mantine/core';
import styles from './command-line.module.css';
import { Icon } from './icon.tsx';

export function CommandLine({ command }: { command: string }) {
  return (
    <div className={styles.command}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
      <pre tabIndex={0}>{command}</pre>
      <CopyButton value={command}>
        {({ copied, copy }) => (
          <ActionIcon onClick={copy} aria-label={copied ? 'Copied' : 'Copy'} title={copied ? 'Copied' : 'Copy'}>
            <Icon name={copied ? 'check' : 'copy'} size={14} />
          </ActionIcon>
        )}
      </CopyButton>
    </div>
  );
}
