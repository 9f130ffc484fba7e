/**
 * For tests in other languages: a monitor whose clock can be advanced, so that attempts take minutes. Prints `{"url",
 * "clock_url"}`; a number of milliseconds posted to `clock_url` puts the clock forward.
 *
 *     node test/servers/jumping-main.ts '{"store": "dir:/tmp/x"}'
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { readSettings } from '../../server/config.ts';
import { startMonitor } from '../../server/main.ts';
import { JumpingClock } from './jumping-clock.ts';

const clock = new JumpingClock();
const settings = { listen: '127.0.0.1:0', fleet: 'none:', log_level: 'warn', ...JSON.parse(process.argv[2] ?? '{}') };
const monitor = await startMonitor(readSettings(settings, {}), { clock });

const jumping = createServer(async (request, response) => {
  clock.jump(Number(await text(request)));
  response.end();
});
jumping.listen(0, '127.0.0.1', () => {
  const { port } = jumping.address() as AddressInfo;
  console.log(JSON.stringify({ url: monitor.url, clock_url: `http://127.0.0.1:${port}` }));
});
