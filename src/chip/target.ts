// What a target is: the chip as data. Compiler and simulator read the same record and nothing else of each other.
// Units: clocks in MHz, sizes in bytes, rates in bytes per second. Values marked (ours) in docs/targets.md are not public.

export type EngineName = 'pe' | 'act' | 'dve' | 'pool' | 'sp';
export const ENGINES: readonly EngineName[] = ['pe', 'act', 'dve', 'pool', 'sp'];

export interface Target {
  readonly name: string;
  readonly coresPerChip: number;
  /** Clock of each engine in MHz; 0 where the target lacks the engine (SP has no clock: its costs are in ns). */
  readonly clockMhz: {
    readonly pe: number;
    readonly act: number;
    readonly dve: number;
    readonly pool: number;
  };
  /** Whether PE multiplies fp32 (at a quarter of the 16-bit rate). */
  readonly peFp32: boolean;
  /** Whether sequencers loop and branch on registers (REG_LOAD, LOOP, BRANCH). */
  readonly branches: boolean;
  /** 128 partitions of this many bytes. */
  readonly sbufPartitionBytes: number;
  /** 128 partitions of `banks` banks of `bankBytes` bytes. */
  readonly psum: { readonly banks: number; readonly bankBytes: number };
  /** Device memory of a chip, shared by its cores. */
  readonly dram: { readonly bytes: number; readonly bytesPerSecond: number };
  /** DMA queues of one core and the rate of one queue. */
  readonly dma: { readonly queues: number; readonly bytesPerSecond: number };
  readonly semaphores: { readonly core: number; readonly chip: number };
  readonly hostLinkBytesPerSecond: number;
}

export const PARTITIONS = 128;
/** Largest stationary K and M, and largest moving N, of one matmul. */
export const PE_ROWS = 128;
export const PE_COLUMNS = 128;
export const PE_MOVING = 512;

/** Costs that are the same on every target, in ns (MACHINE 3; (ours) where docs/targets.md says so). */
export const COSTS = {
  controlNs: 20,
  semaphoreHopNs: 50,
  dmaLatencyNs: 1300,
  dmaRowNs: 27,
  /** PE cycles from the last column until the result is readable. */
  peLatencyCycles: 128,
  /** ACT/DVE/POOL cycles from the end of issue until the result is readable. */
  vectorLatencyCycles: 160,
  minimumCycles: 64,
  hostExecutionUs: 25,
  hostTransferUs: 10,
} as const;

/** Ticks per nanosecond: every built-in clock divides 28 ticks/ns. */
export const TICKS_PER_NS = 28;
