/** All keys of the page. */
import { Kbd, Modal } from '@mantine/core';
import { type Permission, useMayAny } from '../live/use-may.tsx';
import styles from './keys-help.module.css';
import { PAGES } from './navigation.ts';

const KEYS: readonly (readonly [key: string, what: string, needs?: Permission])[] = [
  ['/', 'search jobs', 'read'],
  ['Ctrl K', 'go to any page or job, or run a command'],
  ['j', 'next row'],
  ['k', 'previous row'],
  ['o', 'open the row'],
  ['x', 'select the row', 'submit'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
];

export function KeysHelp({ onClose }: { onClose: () => void }) {
  const mayAny = useMayAny();
  const pages = PAGES.filter(({ key, needs }) => key && mayAny(needs));
  return (
    <Modal opened onClose={onClose} title="Keys" size="md">
      <dl className={styles.keys}>
        {KEYS.filter(([, , needs]) => mayAny(needs)).map(([key, what]) => (
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
