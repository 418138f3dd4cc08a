// Modelled figures of an artifact: its profile on some cores, and where the critical engine's time goes that its bound does not explain.
import { built } from './context.mjs';
import { us } from './print.mjs';

/** Profile, throughput and trace of an artifact. `cores` independent copies share DRAM and link in one timeline. */
export async function modelledRun(artifact, { cores = 1, requests = 64, inFlight = 2 } = {}) {
  const { loadArtifact } = await built('runtime/load');
  const { runRequest } = await built('runtime/request');
  const { throughput } = await built('runtime/throughput');
  const { profileOf } = await built('report/profile/profile');
  const loaded = loadArtifact(artifact, { cores, timingOnly: true, checks: 'off' });
  const result = runRequest(loaded, new Map(), { trace: true, chain: true });
  const { trace } = result.runs[0].result;
  return {
    profile: profileOf(loaded, result),
    many: throughput(result.events, { requests, inFlight, cores }),
    trace,
  };
}

/** Time between waiting and working of one engine of core 0: items that add up to the device's time, largest first. */
export async function itemised({ profile, trace }, engine) {
  const { ENGINES, TICKS_PER_NS } = await built('chip/target');
  const { QUEUE_LANE, SLICE_KINDS } = await built('sim/engine/trace');
  const lane = ENGINES.indexOf(engine);
  const items = new Map();
  const add = (name, ticks) => items.set(name, (items.get(name) ?? 0) + ticks / TICKS_PER_NS);
  let began = false;
  let last = 0;
  for (let i = 0; i < trace.length; i++) {
    if (trace.core[i] !== 0 || trace.lane[i] !== lane) continue;
    const kind = SLICE_KINDS[trace.kind[i]];
    const ticks = trace.end[i] - trace.start[i];
    last = Math.max(last, trace.end[i]);
    if (kind === 'instruction') {
      add(`${engine} at work`, ticks);
      began = true;
    } else if (kind !== 'semaphore') add(`waits for ${kind}`, ticks);
    else if (!began) add('start: first operands', ticks);
    else add(`waits for ${producer(trace.detail[i], ENGINES, QUEUE_LANE)}`, ticks);
  }
  add('end: last results leave', profile.device_ns * TICKS_PER_NS - last);
  return [...items].sort(([, a], [, b]) => b - a);
}

/** Who increments a semaphore: engine e owns number e, queue q number 8 + q. */
function producer(semaphore, engines, queues) {
  return engines[semaphore] ?? (semaphore >= queues ? 'transfers' : `semaphore ${semaphore}`);
}

export const BOUNDS = ['pe', 'act', 'dve', 'pool', 'dma', 'dram', 'chain'];

/** Cells of the bounds of a profile. */
export const boundCells = ({ bounds }) => BOUNDS.map((name) => us(bounds[`${name}_ns`]));
