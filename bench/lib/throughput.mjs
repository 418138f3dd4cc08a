// Modelled images per second of ResNet-50 on inf1: four independent copies on the four cores of a chip, whose DRAM and link they
// share in one timeline, two requests in flight on each, in steady state. With every bound, and the gap to the largest item by item.
import { built, readArtifact } from './context.mjs';
import { BOUNDS, boundCells, itemised, modelledRun } from './modelled.mjs';
import { mb, note, percent, printTable, times, us } from './print.mjs';

export const title = 'Modelled ResNet-50 on inf1, 4 cores, --auto-cast all, two requests in flight per core';

/** Published for Inf1 with 4 cores. */
const PUBLISHED = 2207;
/** PE cycles an image takes at least, array-quantised and with taps packed on partitions. */
const LEAST_CYCLES = 314_500;
const CORES = 4;
const BATCHES = [1, 2, 4, 8];

export async function run(context) {
  const runs = [];
  for (const batch of BATCHES) {
    const model = await context.resnet(batch);
    try {
      const flags = ['--target', 'inf1', '--auto-cast', 'all'];
      const artifact = await context.artifact(`resnet50-inf1-b${batch}`, model, ...flags);
      const made = await modelledRun(await readArtifact(artifact), { cores: CORES });
      runs.push({ batch, ...made, images: batch * made.many.requestsPerSecond });
    } catch (error) {
      note(`batch ${batch}: ${error.message}`);
    }
  }
  if (runs.length === 0) return;
  const head = ['batch', 'images/s', 'device', ...BOUNDS, 'over bound', 'DRAM an image', 'compulsory'];
  printTable([head, ...runs.map(rowOf)]);
  const best = runs.reduce((a, b) => (b.images > a.images ? b : a));
  const bound = (CORES * (await peHertz(best.profile.target))) / LEAST_CYCLES;
  note(
    `best: batch ${best.batch}, ${best.images.toFixed(0)} images/s modelled; published ${PUBLISHED} (${times(best.images / PUBLISHED)}), ` +
      `array-quantised bound ${bound.toFixed(0)} (${percent(best.images / bound)})`,
  );
  await printGap(best);
}

async function peHertz(target) {
  const { BUILTIN_TARGETS } = await built('chip/builtin');
  return 1e6 * BUILTIN_TARGETS.find(({ name }) => name === target).clockMhz.pe;
}

const rowOf = ({ batch, images, profile }) => [
  batch,
  images.toFixed(0),
  us(profile.device_ns),
  ...boundCells(profile),
  times(profile.over_bound),
  mb(profile.dma.dram_bytes / batch),
  mb(profile.dma.compulsory_bytes / batch),
];

async function printGap(best) {
  const { profile, many, batch } = best;
  const { bounds, engines } = profile;
  const engine = engines.reduce((a, b) => (b.busy_ns > a.busy_ns ? b : a)).engine;
  const largest = BOUNDS.reduce((a, b) => (bounds[`${b}_ns`] > bounds[`${a}_ns`] ? b : a));
  note(
    `device time of batch ${batch} as ${engine} sees it; the largest bound is ${largest}, ${us(profile.bound_ns)}:`,
  );
  const period = many.totalNs / many.latenciesNs.length - profile.device_ns;
  const items = [...(await itemised(best, engine)), ['host, from one execution to the next', period]];
  printTable([
    ['', 'time', 'of the device'],
    ...items.map(([name, ns]) => [name, us(ns), percent(ns / profile.device_ns)]),
  ]);
}
