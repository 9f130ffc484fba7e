/** Reads a requirements file of pip, for a private environment. */
import { readFile } from 'node:fs/promises';

/** Its lines without comments and blank ones. */
export async function readRequirements(file: URL): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}
