/** `tmon logs rate`: job starts over time, counted like `stats count() by bin(5m)`. */
import { formatTime } from '../../protocol/time.ts';
import { isTerminal, printJson, printLine, printTable } from '../output.ts';
import { barCells } from '../progress-bars.ts';
import { type LogsOptions, readLogs } from './reading.ts';

export async function showRate(sources: string[], options: LogsOptions & { bin: number }): Promise<void> {
  const { bin, json } = options;
  const starts = new Map<number, number>();
  const tally = await readLogs(sources, options, ({ event, timestamp_ms }) => {
    if (event !== 'JOB_START') return;
    const from_ms = timestamp_ms - (timestamp_ms % bin);
    starts.set(from_ms, (starts.get(from_ms) ?? 0) + 1);
  });
  const bins = [...starts].sort(([a], [b]) => a - b);
  if (json) {
    const documents = bins.map(([from_ms, count]) => ({ from: formatTime(from_ms), starts: count }));
    return printJson({ bin_seconds: bin / 1000, bins: documents, ...tally.json() });
  }
  const most = bins.reduce((known, [, count]) => Math.max(known, count), 0);
  const rows = bins.map(([from_ms, count]) => {
    const cells = [formatTime(from_ms), String(count)];
    return isTerminal() ? [...cells, barCells((100 * count) / most).replaceAll('·', '')] : cells;
  });
  printTable(['FROM', 'STARTS', ''], rows);
  if (isTerminal() && bins.length > 1) {
    const total = bins.reduce((sum, [, count]) => sum + count, 0);
    printLine(`${total} in total; steps without starts are not shown`);
  }
  tally.show();
}
