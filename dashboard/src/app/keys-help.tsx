/** All keys of the page. */
import { Kbd, Modal } from '@mantine/core';
import styles from './keys-help.module.css';
import { PAGES } from './navigation.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'search jobs'],
  ['Ctrl K', 'go to any page or job, or run a command'],
  ['j', 'next row'],
  ['k', 'previous row'],
  ['o', 'open the row'],
  ['x', 'select the row'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
];

export function KeysHelp({ onClose }: { onClose: () => void }) {
  const pages = PAGES.filter(({ key }) => key);
  return (
    <Modal opened onClose={onClose} title="Keys" size="md">
      <dl className={styles.keys}>
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <Kbd>{key}</Kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        {pages.map(({ key, name }) => (
          <div key={key}>
            <dt>
              <Kbd>g</Kbd> <Kbd>{key}</Kbd>
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
