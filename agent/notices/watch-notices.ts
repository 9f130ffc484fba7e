/** Starts to watch for notices of the cloud that this machine may belong to. */
import { instanceId } from '../machine-id.ts';
import { ec2NoticesOf } from './ec2-notices.ts';
import { NoticeWatch, type NoticeWatchOptions } from './notice-watch.ts';

/** Undefined if the environment disables it. */
export function watchNotices(
  environment: Readonly<Record<string, string | undefined>>,
  log: NoticeWatchOptions['log'],
): NoticeWatch | undefined {
  const source = ec2NoticesOf(environment, { isEc2: instanceId() !== null });
  if (source === undefined) return undefined;
  const watch = new NoticeWatch({ source, log });
  void watch.run();
  return watch;
}
