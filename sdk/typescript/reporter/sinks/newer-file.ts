/** Status files have no condition on a write, so a late report reads what it would replace. */
import { lenientTime } from '../../../../protocol/lenient-values.ts';
import type { Report } from '../report.ts';

/** Whether the file, null if there is none, has a later `updated_at` than the report. */
export function isNewer(file: string | null, { sighting }: Report): boolean {
  try {
    const { updated_at } = JSON.parse(file ?? '{}') as { updated_at?: unknown };
    return (lenientTime(updated_at) ?? 0) > sighting.told_ms;
  } catch {
    return false;
  }
}
