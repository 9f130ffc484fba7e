/** Simulates fleets in a thread: a seed comes in, a score goes out. */
import { parentPort } from 'node:worker_threads';
import { type FleetPlan, simulate } from './fleet.ts';

parentPort!.on('message', (plan: FleetPlan) => parentPort!.postMessage(simulate(plan)));
