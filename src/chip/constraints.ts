// What the memories and the PE array accept, whatever the instruction. Each constraint is one record: the sentence is what a
// violation shows and what docs/isa.md prints, the function is what decides. Knows no instruction.
import { PARTITIONS, PE_COLUMNS, PE_MOVING, PE_ROWS, type Target } from './target.js';

/** The bytes an operand touches: partitions start .. start + parts - 1, in each of them bytes lo .. hi - 1. */
export interface Window {
  readonly space: 'sbuf' | 'psum';
  readonly start: number;
  readonly parts: number;
  readonly lo: number;
  readonly hi: number;
}

interface Constraint<Subject> {
  readonly text: string;
  readonly holds: (subject: Subject, target: Target) => boolean;
}

/** Longest row of ACT, DVE and POOL, in elements. */
export const MAX_ROW = 65536;

/** Bytes of one partition of a memory. */
export function partitionBytes(space: 'sbuf' | 'psum', target: Target): number {
  return space === 'sbuf' ? target.sbufPartitionBytes : target.psum.banks * target.psum.bankBytes;
}

/** Constraints of partitions: hold as soon as start and count are known. */
export const PARTITION_CONSTRAINTS = {
  'partition-range': {
    text: `An operand has 1 to ${PARTITIONS} partitions and ends at partition ${PARTITIONS} or before.`,
    holds: ({ start, parts }) => start >= 0 && parts >= 1 && start + parts <= PARTITIONS,
  },
  'partition-start': {
    text: 'An operand of more than 64 partitions starts at 0, one of 33 to 64 at 0 or 64, one of at most 32 at 0, 32, 64 or 96.',
    holds: ({ start, parts }) => (parts > 64 ? start === 0 : start % (parts > 32 ? 64 : 32) === 0),
  },
} as const satisfies Readonly<Record<string, Constraint<Pick<Window, 'start' | 'parts'>>>>;

/** Constraints of bytes inside a partition. */
export const BYTE_CONSTRAINTS = {
  'partition-bytes': {
    text: 'Every byte of an operand lies inside the partition: SBUF partition, or all banks of a PSUM partition.',
    holds: ({ space, lo, hi }, target) => lo >= 0 && hi <= partitionBytes(space, target),
  },
} as const satisfies Readonly<Record<string, Constraint<Window>>>;

/** Constraints of one matmul. */
export const PE_CONSTRAINTS = {
  'psum-bank': {
    text: 'The output of a matmul lies in PSUM, inside one bank.',
    holds: ({ space, lo, hi }: Window, target: Target) => {
      const { bankBytes } = target.psum;
      return space === 'psum' && Math.floor(lo / bankBytes) === Math.floor((hi - 1) / bankBytes);
    },
  },
  'pe-size': {
    text: `A matmul has at most ${PE_ROWS} rows (K, partitions of both inputs), ${PE_COLUMNS} columns (M, elements of the stationary operand) and ${PE_MOVING} moving columns (N).`,
    holds: ({ k, m, n }: { readonly k: number; readonly m: number; readonly n: number }) =>
      k <= PE_ROWS && m <= PE_COLUMNS && n <= PE_MOVING,
  },
} as const;
