/** The recordings among dropped or chosen files, folders looked through; and URLs among pasted lines. */

export type Dropped = { file: File; name: string };

const RECORDING = /\.(wav|mp3|m4a|mp4|m4b|aac|flac|ogg|oga|opus|webm|mkv|mov|avi|wma|aiff?|amr|3gp|caf|mpga|mpeg)$/i;

export const isRecording = ({ name, type }: Pick<File, 'name' | 'type'>): boolean =>
  /^(audio|video)\//.test(type) || RECORDING.test(name);

/** All files of a drop, those in folders with their path. */
export async function filesOf(transfer: DataTransfer): Promise<Dropped[]> {
  // The list is emptied with the event, so the entries are taken at once.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return [...transfer.files].map((file) => ({ file, name: file.name }));
  return (await Promise.all(entries.map((entry) => filesIn(entry)))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, name: entry.fullPath.replace(/^\//, '') }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Dropped[] = [];
  // It returns a hundred at a time.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const one of some) found.push(...(await filesIn(one)));
  }
}

export type Pasted = { urls: string[]; prefixes: string[]; others: string[] };

/** One a line. A prefix ends in `/`; anything else that is no URL is returned as it is. */
export function urlsIn(text: string): Pasted {
  const pasted: Pasted = { urls: [], prefixes: [], others: [] };
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '') continue;
    if (/^s3:\/\/[^\s/]+\/(.*\/)?$/i.test(line)) pasted.prefixes.push(line);
    else if (/^(s3|https?):\/\/[^\s/]+\/\S.*$/i.test(line)) pasted.urls.push(line);
    else pasted.others.push(line);
  }
  return pasted;
}

/** The monitor does not list buckets; this command does. */
export function prefixCommand(prefix: string, server: string): string {
  const bucket = prefix.split('/')[2] ?? '';
  return `aws s3api list-objects-v2 --bucket ${quoted(bucket)} --prefix ${quoted(prefix.slice(`s3://${bucket}/`.length))} \\
  --query 'Contents[].Key' --output text | tr '\\t' '\\n' \\
  | sed 's|^|s3://${bucket}/|' | xargs -d '\\n' tmon submit --server ${server}`;
}

const quoted = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
