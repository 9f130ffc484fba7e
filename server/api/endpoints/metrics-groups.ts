/** `GET /system/metrics?group_by=…`: the hours and days divided by worker or model. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { MetricsGroups, MetricsQuery } from '../../../protocol/system.ts';
import { formatTime } from '../../../protocol/time.ts';
import { shareDocument } from '../../documents/shares.ts';
import { STEP_MS } from '../../documents/system.ts';
import { REST, SHARES_KEPT, type ShareBy, sharesOf } from '../../state-machine/state/shares.ts';
import type { ApiContext } from '../context.ts';
import { POINTS_MAX, seriesRange } from './metrics-range.ts';

export function metricsGroups(
  { engine }: Pick<ApiContext, 'engine'>,
  { group_by, group, ...query }: MetricsQuery & { group_by: ShareBy },
): MetricsGroups {
  const { state } = engine;
  const { step, first, end } = seriesRange(query, engine.journal.now());
  const length_ms = STEP_MS[step];
  const kept = Math.max(0, Math.floor(engine.journal.now() / length_ms) - SHARES_KEPT[step] + 1);
  const shares = sharesOf(state, { step, by: group_by, first: Math.max(first, kept), end });
  const wanted = group === undefined ? shares : shares.filter(({ name }) => name === group && name !== REST);
  if (wanted.length > POINTS_MAX) {
    throw new MonitorError('invalid', 'too_many_points', `${wanted.length} items exceed ${POINTS_MAX}`, {
      hint: `Use a shorter range, or &group= for one ${group_by}.`,
    });
  }
  return {
    step,
    group_by,
    from: formatTime(first * length_ms),
    to: formatTime(end * length_ms),
    kept_from: formatTime(kept * length_ms),
    items: wanted.map((one) => shareDocument(step, one)),
    as_of_seq: state.seq,
  };
}
