/**
 * Which class of the queue is served next: high before normal before low, but a class that was passed over `passes_max`
 * times while it had a waiting job goes next, so that none starves.
 */
import { PRIORITIES, type Priority } from '../../../protocol/job.ts';

/** How often a class with waiting jobs was passed over since it was last served. */
export type Passes = { passed_normal: number; passed_low: number };

/** Undefined if no class has a job. */
export function nextClass(
  { passed_normal, passed_low }: Passes,
  passes_max: number,
  has: (priority: Priority) => boolean,
): Priority | undefined {
  if (passed_low >= passes_max && has('low')) return 'low';
  if (passed_normal >= passes_max && has('normal')) return 'normal';
  return PRIORITIES.find(has);
}

/** After a job of the class `served`. `normal`, `low`: whether these have waiting jobs. */
export function passedOver(passes: Passes, served: Priority, normal: boolean, low: boolean): Passes {
  switch (served) {
    case 'high':
      return {
        passed_normal: passes.passed_normal + (normal ? 1 : 0),
        passed_low: passes.passed_low + (low ? 1 : 0),
      };
    case 'normal':
      return { passed_normal: 0, passed_low: passes.passed_low + (low ? 1 : 0) };
    case 'low':
      return { ...passes, passed_low: 0 };
  }
}
