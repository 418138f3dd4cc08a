// A profile as text: time against its bounds, engines, traffic, memory, then the layers that cost most.
import { alignTable, countText, percentText, sizeText, timeText } from '../text.js';
import type { LayerProfile } from './layers.js';
import type { Profile } from './profile.js';

const SHOWN = 25;

const BOUND_NAMES = {
  pe_ns: 'PE',
  act_ns: 'ACT',
  dve_ns: 'DVE',
  pool_ns: 'POOL',
  dma_ns: 'DMA',
  dram_ns: 'DRAM',
  chain_ns: 'longest chain',
} as const;

/** The largest of a layer's engine times, or its share of the queues. */
function weight({ busy_ns }: LayerProfile): number {
  const { dma, ...engines } = busy_ns;
  return Math.max(...Object.values(engines), dma);
}

export function* profileLines(p: Profile): Generator<string> {
  if (p.bucket !== undefined) yield `bucket ${p.bucket}\n`;
  yield `${p.target}, modelled: ${timeText(p.latency_ns)} a request, ${timeText(p.device_ns)} of it on the device\n`;
  if (p.load_ns > 0) yield `load, once: ${timeText(p.load_ns)}\n`;
  for (const e of p.executions) yield `  ${e.name} (${e.kind}): ${e.count} x, ${timeText(e.ns)}\n`;
  yield `\nbounds: ${timeText(p.bound_ns)}; the device takes ${p.over_bound.toFixed(2)} x\n`;
  const bounds = Object.entries(BOUND_NAMES).map(([key, name]) => {
    const value = p.bounds[key as keyof typeof BOUND_NAMES];
    return [name, timeText(value), percentText(p.device_ns === 0 ? 0 : value / p.device_ns)];
  });
  for (const line of alignTable([['', 'bound', 'of the time'], ...bounds], '  ')) yield `${line}\n`;
  yield '\nengines:\n';
  const engines = p.engines.map((e) => [
    e.engine.toUpperCase(),
    countText(e.instructions),
    timeText(e.busy_ns),
    percentText(e.utilisation),
    ...[e.stalls_ns.semaphore, e.stalls_ns.operand, e.stalls_ns.port, e.stalls_ns.stationary].map(timeText),
  ]);
  const head = [
    '',
    'instructions',
    'busy',
    'of the time',
    'waits: semaphore',
    'operand',
    'port',
    'stationary',
  ];
  for (const line of alignTable([head, ...engines], '  ')) yield `${line}\n`;
  const { dma, memory } = p;
  const over = dma.compulsory_bytes === 0 ? 1 : dma.dram_bytes / dma.compulsory_bytes;
  yield `\ntransfers: ${countText(dma.transfers)} of ${countText(dma.rows)} rows, ${sizeText(dma.bytes)}; DRAM ${sizeText(dma.dram_bytes)}, ${over.toFixed(2)} x the compulsory ${sizeText(dma.compulsory_bytes)}\n`;
  const share = ({ peak_bytes, capacity_bytes }: { peak_bytes: number; capacity_bytes: number }): string =>
    `${sizeText(peak_bytes)} of ${sizeText(capacity_bytes)}`;
  yield `peaks: SBUF ${share(memory.sbuf)} (${sizeText(memory.pinned_bytes)} pinned), PSUM ${share(memory.psum)}, device memory ${sizeText(memory.device.total)}\n`;
  yield* layerTable(p.layers);
}

function* layerTable(layers: readonly LayerProfile[]): Generator<string> {
  const shown = [...layers].sort((a, b) => weight(b) - weight(a)).slice(0, SHOWN);
  yield `\nlayers${shown.length < layers.length ? `, the ${shown.length} largest of ${layers.length}` : ''}:\n`;
  const rows = shown.map((l) => [
    countText(l.cycles),
    ...(['pe', 'act', 'dve', 'pool', 'sp', 'dma'] as const).map((e) => timeText(l.busy_ns[e])),
    sizeText(l.dma_bytes),
    `${l.op} ${l.node}`,
  ]);
  for (const line of alignTable(
    [['PE cycles', 'PE', 'ACT', 'DVE', 'POOL', 'SP', 'DMA', 'moved', 'node'], ...rows],
    '  ',
  ))
    yield `${line}\n`;
}
