/** The same from a program: the command line, Python, TypeScript and curl. */
import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { CommandLine } from './command-line.tsx';
import { Panel } from './panel.tsx';
import styles from './program.module.css';

const LANGUAGES = ['tmon', 'Python', 'TypeScript', 'curl'] as const;

export type Program = Readonly<Record<(typeof LANGUAGES)[number], string>>;

const KEY = 'tmon.language';

export function ProgramPanel({ program }: { program: Program }) {
  const [chosen, setChosen] = useState(remembered);
  return (
    <Panel
      title="From a program"
      aside={
        <SegmentedControl
          data={[...LANGUAGES]}
          value={chosen}
          aria-label="Language"
          onChange={(next) => {
            localStorage.setItem(KEY, next);
            setChosen(next as typeof chosen);
          }}
        />
      }
    >
      <div className={styles.body}>
        <CommandLine command={program[chosen]} />
      </div>
    </Panel>
  );
}

function remembered(): (typeof LANGUAGES)[number] {
  const last = localStorage.getItem(KEY);
  return LANGUAGES.find((one) => one === last) ?? 'tmon';
}
