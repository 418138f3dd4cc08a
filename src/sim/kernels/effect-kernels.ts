// Signatures of the kernels that carry out instructions (assembly/arithmetic.ts, activate.ts, move.ts, search.ts, pack.ts). All arguments
// are numbers: addresses of pattern structs (assembly/pattern.ts), codes (indices in the isa's lists), domains, flags.

/** Packs an operand of a PE kernel; the number of words packed. */
export type Pack = (parts: number, src: number, out: number, scratch: number) => number;

export interface EffectKernels {
  /** Bytes of scratch that these kernels use from the address passed as `scratch`. */
  readonly scratchBytes: () => number;
  /** Address of packed row `index` (0..2) in the scratch. */
  readonly rowBuffer: (scratch: number, index: number) => number;
  readonly arithmetic: (
    parts: number,
    dst: number,
    src: number,
    op0: number,
    domain0: number,
    reverse0: number,
    other0: number,
    op1: number,
    domain1: number,
    reverse1: number,
    other1: number,
    reduceOp: number,
    reduceDst: number,
    scratch: number,
  ) => void;
  readonly reduceRuns: (
    parts: number,
    dst: number,
    src: number,
    op: number,
    domain: number,
    run: number,
    scratch: number,
  ) => void;
  readonly reducePartitions: (
    parts: number,
    dst: number,
    src: number,
    op: number,
    domain: number,
    scratch: number,
  ) => void;
  readonly statistics: (parts: number, dst: number, src: number, scratch: number) => void;
  readonly mergeStatistics: (parts: number, dst: number, src: number, scratch: number) => void;
  readonly activate: (
    parts: number,
    dst: number,
    src: number,
    func: number,
    scale: number,
    bias: number,
    alpha: number,
    sumDst: number,
    scratch: number,
  ) => void;
  readonly copyBits: (parts: number, dst: number, src: number, scratch: number) => void;
  /** Flat number of the first element that does not fit, or -1; rows before its partition are stored. */
  readonly convert: (
    parts: number,
    dst: number,
    src: number,
    domain: number,
    exact: number,
    scratch: number,
  ) => number;
  readonly select: (
    parts: number,
    dst: number,
    mask: number,
    maskDomain: number,
    a: number,
    aDomain: number,
    b: number,
    bDomain: number,
    scratch: number,
  ) => void;
  readonly fill: (parts: number, dst: number, bits: number, scratch: number) => void;
  readonly transposeBlock: (parts: number, dst: number, src: number, scratch: number) => void;
  readonly transposeBlocks: (parts: number, dst: number, src: number, scratch: number) => void;
  /** Flat number of the first index outside, or -1; rows before its partition are stored. */
  readonly take: (
    parts: number,
    dst: number,
    src: number,
    domain: number,
    index: number,
    unsigned: number,
    scratch: number,
  ) => number;
  readonly iota: (
    parts: number,
    dst: number,
    dims: number,
    base: number,
    perPartition: number,
    scratch: number,
  ) => void;
  readonly affineSelect: (
    parts: number,
    dst: number,
    src: number,
    domain: number,
    dims: number,
    compare: number,
    base: number,
    perPartition: number,
    value: number,
    scratch: number,
  ) => void;
  readonly packStationary: Pack;
  readonly packMoving: Pack;
  readonly packStationaryPairs: Pack;
  readonly packMovingPairs: Pack;
  readonly packRowsF32: (parts: number, src: number, out: number) => number;
  readonly largest8: (
    parts: number,
    dst: number,
    src: number,
    domain: number,
    least: number,
    scratch: number,
  ) => void;
  readonly find: (
    parts: number,
    dst: number,
    values: number,
    valueDomain: number,
    src: number,
    domain: number,
    scratch: number,
  ) => void;
  readonly replace: (
    parts: number,
    dst: number,
    values: number,
    valueDomain: number,
    src: number,
    domain: number,
    value: number,
    scratch: number,
  ) => void;
}
