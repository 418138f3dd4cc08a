// What each value of a target means, its range, and where the built-in values come from. Validation of --target files, the JSON
// schema and docs/targets.md follow from this table; a field of Target without an entry does not compile.
import type { Target } from './target.js';

type Leaf<T> = {
  [K in keyof T & string]: T[K] extends object ? `${K}.${Leaf<T[K]>}` : K;
}[keyof T & string];
export type TargetPath = Leaf<Target>;

/** Where a built-in value comes from: a document of the public repository aws-neuron/aws-neuron-sdk, or this project's choice. */
export type Origin = string;
/** Not public: chosen by this project. */
export const OURS: Origin = '(ours)';

export type TargetField = {
  readonly title: string;
  readonly inf1: Origin;
  readonly inf2: Origin;
} & (
  | { readonly type: 'integer'; readonly unit: string; readonly min: number; readonly max: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'string' }
);

const V1 = 'inferentia.rst, neuron-core-v1.rst';
const V2 = 'neuron-core-v2.rst, inferentia2.rst';
const ARCH = 'trainium_inferentia2_arch.rst';
const GIB = 1024 ** 3;

/** Names of targets: they appear in file names and artifacts. */
export const TARGET_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

function clock(title: string, inf1: Origin, inf2: Origin, min = 1): TargetField {
  return { title, type: 'integer', unit: 'MHz', min, max: 28_000, inf1, inf2 };
}

function bytes(title: string, min: number, max: number, inf1: Origin, inf2: Origin): TargetField {
  return { title, type: 'integer', unit: 'bytes', min, max, inf1, inf2 };
}

function rate(title: string, inf1: Origin, inf2: Origin): TargetField {
  return { title, type: 'integer', unit: 'bytes/s', min: 1_000_000, max: 1e14, inf1, inf2 };
}

function count(title: string, min: number, max: number, inf1: Origin, inf2: Origin): TargetField {
  return { title, type: 'integer', unit: '', min, max, inf1, inf2 };
}

/** Entries in the order of docs and schema. Semaphores 0..4 belong to engines, 8 + q to queue q. */
export const TARGET_FIELDS: Readonly<Record<TargetPath, TargetField>> = {
  name: { title: 'Name', type: 'string', inf1: V1, inf2: V2 },
  coresPerChip: count('Cores of a chip', 1, 64, V1, V2),
  'clockMhz.pe': clock('Clock of PE', OURS, ARCH),
  'clockMhz.act': clock('Clock of ACT', OURS, ARCH),
  'clockMhz.dve': clock('Clock of DVE', OURS, ARCH),
  'clockMhz.pool': clock('Clock of POOL; 0: there is none', V1, ARCH, 0),
  peFp32: {
    title: 'PE multiplies fp32, at a quarter of the 16-bit rate',
    type: 'boolean',
    inf1: V1,
    inf2: ARCH,
  },
  branches: {
    title: 'Sequencers loop and branch on registers',
    type: 'boolean',
    inf1: 'neuron-cc.rst (control flow is static)',
    inf2: ARCH,
  },
  sbufPartitionBytes: bytes('SBUF of one partition (there are 128)', 1024, 8 * 1024 * 1024, OURS, ARCH),
  'psum.banks': count('PSUM banks of one partition', 1, 64, '(ours, as v2)', ARCH),
  'psum.bankBytes': bytes('One PSUM bank of one partition', 64, 64 * 1024, '(ours, as v2)', ARCH),
  'dram.bytes': bytes('DRAM of a chip', 1024, 1024 * GIB, V1, V2),
  'dram.bytesPerSecond': rate(
    'Rate of a chip’s DRAM, shared by its cores',
    V1,
    `${ARCH} (820 GB/s; inferentia2.rst says GiB/s)`,
  ),
  'dma.queues': count('DMA queues of a core', 1, 64, OURS, ARCH),
  'dma.bytesPerSecond': rate(
    'Rate of one DMA queue',
    OURS,
    `nki-dma-bandwidth-guide.rst (17 GB/s achieved; 27 GiB/s peak in ${ARCH})`,
  ),
  'semaphores.core': count('Semaphores of a core', 80, 256, OURS, OURS),
  'semaphores.chip': count('Semaphores of a chip', 0, 1024, OURS, OURS),
  hostLinkBytesPerSecond: rate('Rate of the link to the host, in each direction', OURS, OURS),
};
export const TARGET_PATHS = Object.keys(TARGET_FIELDS) as readonly TargetPath[];

/** The value at a dotted path of nested records; undefined where there is none. */
export function valueAt(record: unknown, path: string): unknown {
  let value = record;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}
