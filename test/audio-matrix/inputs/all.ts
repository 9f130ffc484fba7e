/** Every input, in the sections of the table. */
import type { Input } from '../input.ts';
import { bad } from './bad.ts';
import { containers } from './containers.ts';
import { names } from './names.ts';
import { rates } from './rates.ts';
import { streamFaults } from './stream-faults.ts';
import { wavFaults } from './wav-faults.ts';

export type Section = { title: string; inputs: readonly Input[] };

export const sections: readonly Section[] = [
  { title: 'Containers and codecs', inputs: containers },
  { title: 'Sample rates and channels', inputs: rates },
  { title: 'WAV headers that do not describe their file', inputs: wavFaults },
  { title: 'Cut, joined, damaged; within videos', inputs: streamFaults },
  { title: 'Names that say something else', inputs: names },
  { title: 'No recording', inputs: bad },
];
