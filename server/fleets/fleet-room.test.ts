/** The maximum of a fleet, while launches are under way and listings are late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnedClock } from '../testing-clock.ts';
import { FleetRoom } from './fleet-room.ts';

function open(max: number) {
  const listed: { instance_id: string; worker_id: string | undefined }[] = [];
  const room = new FleetRoom({
    max,
    fleet: 'ec2:x',
    live: async () => [...listed],
    clock: new TurnedClock('2025-07-07T19:30:00Z'),
  });
  return { listed, room };
}

test('an instance that is listed before its launch has ended takes one place, not two', async () => {
  const { listed, room } = open(2);
  const slow = Promise.withResolvers<{ InstanceId: string }>();
  const first = room.within('worker-1', () => {
    listed.push({ instance_id: 'i-1', worker_id: 'worker-1' });
    return slow.promise;
  });
  await room.within('worker-2', async () => ({ InstanceId: 'i-2' }));
  slow.resolve({ InstanceId: 'i-1' });
  await first;
  const full = { code: 'fleet_full', message: /2 of at most 2 instances/ };
  await assert.rejects(
    room.within('worker-3', async () => ({ InstanceId: 'i-3' })),
    full,
  );
  room.left('i-2');
  await room.within('worker-3', async () => ({ InstanceId: 'i-3' }));
});

test('a launch that fails gives its place back', async () => {
  const { room } = open(1);
  await assert.rejects(
    room.within('worker-1', async () => Promise.reject(new Error('no capacity'))),
    /no capacity/,
  );
  await room.within('worker-2', async () => ({ InstanceId: 'i-2' }));
});
