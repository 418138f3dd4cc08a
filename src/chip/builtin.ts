// The built-in targets, as data.
import type { Target } from './target.js';

const GIB = 1024 ** 3;

export const INF1: Target = {
  name: 'inf1',
  coresPerChip: 4,
  clockMhz: { pe: 500, act: 1000, dve: 1000, pool: 0 },
  peFp32: false,
  branches: false,
  sbufPartitionBytes: 128 * 1024,
  psum: { banks: 8, bankBytes: 2048 },
  dram: { bytes: 8 * GIB, bytesPerSecond: 50 * GIB },
  dma: { queues: 8, bytesPerSecond: 8e9 },
  semaphores: { core: 256, chip: 64 },
  hostLinkBytesPerSecond: 8e9,
};

export const INF2: Target = {
  name: 'inf2',
  coresPerChip: 2,
  clockMhz: { pe: 2800, act: 1400, dve: 1120, pool: 1400 },
  peFp32: true,
  branches: true,
  sbufPartitionBytes: 192 * 1024,
  psum: { banks: 8, bankBytes: 2048 },
  dram: { bytes: 32 * GIB, bytesPerSecond: 820e9 },
  dma: { queues: 16, bytesPerSecond: 17e9 },
  semaphores: { core: 256, chip: 64 },
  hostLinkBytesPerSecond: 16e9,
};

export const BUILTIN_TARGETS: readonly Target[] = [INF1, INF2];
